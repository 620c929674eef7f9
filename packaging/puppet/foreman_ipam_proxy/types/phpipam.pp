# @summary Settings of phpIPAM, `externalipam_phpipam.yml`: user and password, or app_id and app_code.
type Foreman_ipam_proxy::Phpipam = Struct[{
  'url'                          => Foreman_ipam_proxy::Httpurl,
  Optional['user']               => Optional[String[1]],
  Optional['password']           => Optional[Foreman_ipam_proxy::Secret],
  Optional['app_id']             => Optional[String[1]],
  Optional['app_code']           => Optional[Foreman_ipam_proxy::Secret],
  Optional['description']        => Optional[String[1]],
  Optional['owner']              => Optional[String[1, 128]],
  Optional['delete_only_own']    => Optional[Boolean],
  Optional['ca_file']            => Optional[Foreman_ipam_proxy::Absolutepath],
  Optional['client_certificate'] => Optional[Foreman_ipam_proxy::Absolutepath],
  Optional['client_key']         => Optional[Foreman_ipam_proxy::Absolutepath],
  Optional['verify_tls']         => Optional[Boolean],
  Optional['proxy']              => Optional[Foreman_ipam_proxy::Secret],
  Optional['connect_seconds']    => Optional[Integer[1, 30]],
  Optional['read_seconds']       => Optional[Integer[1, 60]],
  Optional['max_parallel']       => Optional[Integer[1, 64]],
}]
