# @summary The package, and the groups of the user that comes with it.
#
# @api private
class foreman_ipam_proxy::install {
  package { 'foreman-ipam-proxy':
    ensure => $foreman_ipam_proxy::ensure,
    source => $foreman_ipam_proxy::package_source,
  }

  if $foreman_ipam_proxy::ensure != 'absent' and !empty($foreman_ipam_proxy::groups) {
    user { 'foreman-ipam-proxy':
      ensure     => present,
      groups     => $foreman_ipam_proxy::groups,
      membership => minimum,
      system     => true,
      require    => Package['foreman-ipam-proxy'],
      # A process has the groups of its start.
      notify     => Class['foreman_ipam_proxy::service'],
    }
  }
}
