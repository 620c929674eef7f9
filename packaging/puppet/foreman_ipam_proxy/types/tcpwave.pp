# @summary Settings of TCPWave, `externalipam_tcpwave.yml`: a client certificate and its key, or a session token.
type Foreman_ipam_proxy::Tcpwave = Struct[{
  'url'                          => Foreman_ipam_proxy::Httpurl,
  'domain'                       => String[1, 200],
  Optional['session_token']      => Optional[Foreman_ipam_proxy::Secret],
  Optional['object_type']        => Optional[String[1]],
  Optional['update_dns']         => Optional[Boolean],
  Optional['mark']               => Optional[String[1, 60]],
  Optional['description']        => Optional[String[1]],
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
