# @summary The service: started when it is right, reloaded when that is enough, restarted when it must be.
#
# @api private
class foreman_ipam_proxy::service {
  if $foreman_ipam_proxy::ensure == 'absent' {
    service { 'foreman-ipam-proxy':
      ensure => stopped,
      enable => false,
    }
  } else {
    $directory = $foreman_ipam_proxy::config::directory
    $restart_only = "${directory}/.restart-only.yml"

    if $foreman_ipam_proxy::check_settings {
      # All files together, with the certificates, and as the user that must be able to read them. It fails in every run
      # until the settings are right, and while it does the service goes on as it was. The first condition is for a run
      # with --noop before there is a package.
      $check = 'runuser -u foreman-ipam-proxy -- foreman-ipam-proxy check --settings-only'
      exec { 'foreman-ipam-proxy check':
        command  => $check,
        unless   => "! test -x /usr/bin/foreman-ipam-proxy || ${check}",
        provider => shell,
        path     => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
        before   => Service['foreman-ipam-proxy'],
      }
    }

    if $foreman_ipam_proxy::selinux_port_type =~ NotUndef and $facts.dig('os', 'selinux', 'enabled') {
      selinux::port { 'foreman-ipam-proxy':
        seltype  => $foreman_ipam_proxy::selinux_port_type,
        protocol => 'tcp',
        port     => $foreman_ipam_proxy::https_port,
        before   => Service['foreman-ipam-proxy'],
      }
    }

    # A restart is asked for by the one file that has what only a restart changes.
    service { 'foreman-ipam-proxy':
      ensure    => $foreman_ipam_proxy::service_ensure,
      enable    => $foreman_ipam_proxy::service_enable,
      subscribe => File[$restart_only],
    }

    # Everything else asks for a reload. It is left out after a start or restart: the one file is then newer than all that
    # a reload would read. Certificates count, so that whatever renews them can notify this resource.
    $certificates = [
      $foreman_ipam_proxy::ssl_certificate, $foreman_ipam_proxy::ssl_private_key, $foreman_ipam_proxy::ssl_ca_file,
      $foreman_ipam_proxy::ssl_crl_file,
    ].filter |$path| { $path =~ NotUndef }
    $paths = ["${directory}/settings.yml", $foreman_ipam_proxy::config::settings_directory] + $certificates
    $quoted = $paths.map |$path| { "'${regsubst($path, "'", "'\\\\''", 'G')}'" }
    exec { 'foreman-ipam-proxy reload':
      command     => 'systemctl try-reload-or-restart foreman-ipam-proxy.service',
      onlyif      => "test -n \"$(find -L ${quoted.join(' ')} -newer ${restart_only})\"",
      refreshonly => true,
      provider    => shell,
      path        => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
      subscribe   => Class['foreman_ipam_proxy::config'],
      require     => Service['foreman-ipam-proxy'],
    }
  }
}
