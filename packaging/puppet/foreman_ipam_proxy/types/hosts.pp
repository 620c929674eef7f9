# @summary One host or several, each a name, an address, or `*`.
type Foreman_ipam_proxy::Hosts = Variant[String[1], Array[String[1], 1]]
