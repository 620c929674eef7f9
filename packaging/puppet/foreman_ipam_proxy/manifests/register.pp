# @summary The proxy's entry in Foreman, with the features that Foreman must find.
#
# @api private
class foreman_ipam_proxy::register {
  if $foreman_ipam_proxy::register_in_foreman {
    $is_https = $foreman_ipam_proxy::ssl_certificate =~ NotUndef
    $scheme = $is_https ? {
      true    => 'https',
      default => 'http',
    }
    $port = $is_https ? {
      true    => $foreman_ipam_proxy::https_port,
      default => $foreman_ipam_proxy::http_port,
    }
    $url = $foreman_ipam_proxy::registered_url ? {
      undef   => "${scheme}://${facts['networking']['fqdn']}:${port}",
      default => $foreman_ipam_proxy::registered_url,
    }
    # Where External IPAM is offered on no listener, or on the other one only, Foreman does not see it.
    $offered_on = $foreman_ipam_proxy::enabled ? {
      false   => [],
      String  => [$foreman_ipam_proxy::enabled],
      default => ['http', 'https'],
    }
    $features = $scheme in $offered_on ? {
      true    => ['External IPAM', 'Logs'],
      default => ['Logs'],
    }
    $ensure = $foreman_ipam_proxy::ensure ? {
      'absent' => absent,
      default  => present,
    }
    $ssl_ca = $foreman_ipam_proxy::foreman_ssl_ca ? {
      undef   => $foreman_ipam_proxy::ssl_ca_file,
      default => $foreman_ipam_proxy::foreman_ssl_ca,
    }
    # A parameter of a type that is no property cannot be Sensitive: Puppet would warn in each run and show it all the same.
    $consumer_secret = $foreman_ipam_proxy::oauth_consumer_secret ? {
      Sensitive => $foreman_ipam_proxy::oauth_consumer_secret.unwrap,
      default   => $foreman_ipam_proxy::oauth_consumer_secret,
    }

    foreman_smartproxy { $foreman_ipam_proxy::registered_name:
      ensure          => $ensure,
      url             => $url,
      features        => $features,
      base_url        => $foreman_ipam_proxy::foreman_url,
      consumer_key    => $foreman_ipam_proxy::oauth_consumer_key,
      consumer_secret => $consumer_secret,
      effective_user  => $foreman_ipam_proxy::oauth_effective_user,
      ssl_ca          => $ssl_ca,
    }
  }
}
