# @summary Settings of the management API, `api.yml`.
type Foreman_ipam_proxy::Api = Struct[{
  Optional['enabled']      => Optional[Boolean],
  Optional['bind_host']    => Optional[Foreman_ipam_proxy::Hosts],
  Optional['port']         => Optional[Foreman_ipam_proxy::Port],
  Optional['certificates'] => Optional[Array[Struct[{
    'name'             => String[1],
    'role'             => Enum['reader', 'operator', 'admin'],
    Optional['groups'] => Array[String[1], 1],
  }]]],
}]
