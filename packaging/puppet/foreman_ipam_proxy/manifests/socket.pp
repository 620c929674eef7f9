# @summary The sockets, when systemd is to keep them open while the service restarts.
#
# @api private
class foreman_ipam_proxy::socket {
  $unit = 'foreman-ipam-proxy.socket'
  $drop_in = "/etc/systemd/system/${unit}.d"

  if $foreman_ipam_proxy::ensure != 'absent' and $foreman_ipam_proxy::socket_activation {
    $hosts = $foreman_ipam_proxy::bind_host ? {
      undef   => ['*'],
      default => flatten([$foreman_ipam_proxy::bind_host]),
    }
    $ports = [$foreman_ipam_proxy::https_port, $foreman_ipam_proxy::http_port].filter |$port| { $port =~ NotUndef }
    # systemd takes addresses only.
    $addresses = $hosts.map |$host| {
      $host ? {
        '*'         => '',
        'localhost' => '127.0.0.1:',
        /:/         => "[${host}]:",
        default     => "${host}:",
      }
    }
    $lines = $ports.map |$port| { $addresses.map |$address| { "ListenStream=${address}${port}" } }

    $check = $foreman_ipam_proxy::check_settings ? {
      true    => Exec['foreman-ipam-proxy check'],
      default => undef,
    }

    file { $drop_in:
      ensure => directory,
      owner  => 'root',
      group  => 'root',
      mode   => '0755',
    }
    file { "${drop_in}/listen.conf":
      ensure  => file,
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => join(flatten(['# Managed by Puppet.', '[Socket]', 'ListenStream=', $lines, '']), "\n"),
    }
    # A socket can only be opened while the service, which may have it open itself, does not run. A service that could not
    # start again goes on as it was.
    ~> exec { 'foreman-ipam-proxy socket':
      command     => "systemctl daemon-reload && systemctl stop foreman-ipam-proxy.service ${unit}",
      refreshonly => true,
      path        => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
      require     => $check,
    }
    -> service { $unit:
      ensure => $foreman_ipam_proxy::service_ensure,
      enable => $foreman_ipam_proxy::service_enable,
      before => Service['foreman-ipam-proxy'],
    }
  } else {
    service { $unit:
      ensure => stopped,
      enable => false,
      before => Service['foreman-ipam-proxy'],
    }
    file { $drop_in:
      ensure  => absent,
      recurse => true,
      force   => true,
      require => Service[$unit],
    }
  }
}
