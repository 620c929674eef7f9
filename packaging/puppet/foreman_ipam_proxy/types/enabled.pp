# @summary On which listeners Foreman is offered External IPAM: on all, on none, or on one kind.
type Foreman_ipam_proxy::Enabled = Variant[Boolean, Enum['http', 'https']]
