# @summary Settings of names from Foreman, `foreman_names.yml`.
type Foreman_ipam_proxy::Foremannames = Struct[{
  Optional['look_up_after_add']     => Optional[Boolean],
  Optional['webhooks']              => Optional[Boolean],
  Optional['webhook_token']         => Optional[Foreman_ipam_proxy::Secret],
  Optional['sweep_every_seconds']   => Optional[Integer[0, 604800]],
  Optional['orphan_after_seconds']  => Optional[Integer[300, 604800]],
  Optional['release_orphans']       => Optional[Boolean],
  Optional['user']                  => Optional[String[1]],
  Optional['password']              => Optional[Foreman_ipam_proxy::Secret],
  Optional['oauth_consumer_key']    => Optional[String[1]],
  Optional['oauth_consumer_secret'] => Optional[Foreman_ipam_proxy::Secret],
  Optional['oauth_user']            => Optional[String[1]],
}]
