# @summary Text that must not be shown. Plain text is taken too, for data that cannot say Sensitive.
type Foreman_ipam_proxy::Secret = Variant[Sensitive[String[1]], String[1]]
