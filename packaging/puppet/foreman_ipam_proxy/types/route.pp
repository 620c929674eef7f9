# @summary One of several IPAMs behind the proxy, and which subnets are in it.
type Foreman_ipam_proxy::Route = Struct[{
  'provider'           => Foreman_ipam_proxy::Provider,
  Optional['settings'] => Optional[Foreman_ipam_proxy::Settingsfile],
  Optional['groups']   => Optional[Array[String[1], 1]],
  Optional['prefixes'] => Optional[Array[String[1], 1]],
}]
