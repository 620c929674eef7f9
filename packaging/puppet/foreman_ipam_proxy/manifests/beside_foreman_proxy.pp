# @summary The proxy on a host that has the Ruby Smart Proxy: with the certificates, the trusted hosts and the access to
#   Foreman that theforeman/foreman_proxy has there.
#
# All other parameters of the class foreman_ipam_proxy come from Hiera.
#
# @example Hiera
#   foreman_ipam_proxy::use_provider: netbox
#   foreman_ipam_proxy::netbox:
#     url: https://netbox.example.com
#     token: ENC[PKCS7,...]
#
# @param https_port
#   The port for HTTPS. It cannot be that of the Ruby proxy; SELinux lets Foreman connect to 8008, 8009 and 9000 too.
# @param groups
#   Groups that the service's user is to be in, so that it may read the private key. The default is the group that
#   foreman_proxy gives the key to, or else that of the Ruby proxy.
class foreman_ipam_proxy::beside_foreman_proxy (
  Foreman_ipam_proxy::Port $https_port = 8008,
  Optional[Array[String[1]]] $groups = undef,
) {
  include foreman_proxy

  $group_of_key = $foreman_proxy::manage_puppet_group ? {
    true    => $foreman_proxy::puppet_group,
    default => $foreman_proxy::user,
  }
  $real_groups = $groups ? {
    undef   => [$group_of_key],
    default => $groups,
  }
  # foreman_proxy means everyone whose certificate is right when it says nobody.
  $trusted_hosts = empty($foreman_proxy::trusted_hosts) ? {
    true    => 'verified',
    default => $foreman_proxy::trusted_hosts,
  }

  class { 'foreman_ipam_proxy':
    ssl_certificate       => $foreman_proxy::ssl_cert,
    ssl_private_key       => $foreman_proxy::ssl_key,
    ssl_ca_file           => $foreman_proxy::ssl_ca,
    https_port            => $https_port,
    trusted_hosts         => $trusted_hosts,
    groups                => $real_groups,
    foreman_url           => $foreman_proxy::foreman_base_url,
    foreman_ssl_ca        => $foreman_proxy::foreman_ssl_ca,
    register_in_foreman   => $foreman_proxy::register_in_foreman,
    oauth_consumer_key    => $foreman_proxy::oauth_consumer_key,
    oauth_consumer_secret => Sensitive($foreman_proxy::oauth_consumer_secret),
    oauth_effective_user  => $foreman_proxy::oauth_effective_user,
    # Its user, its certificates and its entry in Foreman come first.
    require               => Class['foreman_proxy'],
  }
  contain foreman_ipam_proxy
}
