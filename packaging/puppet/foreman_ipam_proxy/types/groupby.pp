# @summary What a group of Foreman is in NetBox.
type Foreman_ipam_proxy::Groupby = Enum['vrf', 'tenant', 'site', 'role']
