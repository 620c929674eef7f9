# @summary The files of settings.
#
# @api private
class foreman_ipam_proxy::config {
  $directory = '/etc/foreman-ipam-proxy'
  $settings_directory = $foreman_ipam_proxy::settings_directory ? {
    undef   => "${directory}/settings.d",
    default => $foreman_ipam_proxy::settings_directory,
  }
  # Whoever is trusted without being named is not in the file.
  $trusted_hosts = $foreman_ipam_proxy::trusted_hosts ? {
    Array   => $foreman_ipam_proxy::trusted_hosts,
    default => undef,
  }

  $server = {
    'ssl_certificate'          => $foreman_ipam_proxy::ssl_certificate,
    'ssl_private_key'          => $foreman_ipam_proxy::ssl_private_key,
    'ssl_ca_file'              => $foreman_ipam_proxy::ssl_ca_file,
    'ssl_crl_file'             => $foreman_ipam_proxy::ssl_crl_file,
    'https_port'               => $foreman_ipam_proxy::https_port,
    'tls_disabled_versions'    => $foreman_ipam_proxy::tls_disabled_versions,
    'ssl_disabled_ciphers'     => $foreman_ipam_proxy::ssl_disabled_ciphers,
    'trusted_hosts'            => $trusted_hosts,
    'forward_verify'           => $foreman_ipam_proxy::forward_verify,
    'dns_resolv_timeouts'      => $foreman_ipam_proxy::dns_resolv_timeouts,
    'bind_host'                => $foreman_ipam_proxy::bind_host,
    'http_port'                => $foreman_ipam_proxy::http_port,
    'foreman_url'              => $foreman_ipam_proxy::foreman_url,
    'proxy_url'                => $foreman_ipam_proxy::registered_url,
    'foreman_ssl_ca'           => $foreman_ipam_proxy::foreman_ssl_ca,
    'foreman_version'          => $foreman_ipam_proxy::foreman_version,
    'log_file'                 => $foreman_ipam_proxy::log_file,
    'log_level'                => $foreman_ipam_proxy::log_level,
    'log_buffer'               => $foreman_ipam_proxy::log_buffer,
    'log_buffer_errors'        => $foreman_ipam_proxy::log_buffer_errors,
    'settings_directory'       => $foreman_ipam_proxy::settings_directory,
    'database_url'             => $foreman_ipam_proxy::database_url,
    'database_password_file'   => $foreman_ipam_proxy::database_password_file,
    'database_timeout_seconds' => $foreman_ipam_proxy::database_timeout_seconds,
    'state_directory'          => $foreman_ipam_proxy::state_directory,
    'workers'                  => $foreman_ipam_proxy::workers,
    'shutdown_seconds'         => $foreman_ipam_proxy::shutdown_seconds,
  }

  $external = {
    'enabled'                    => $foreman_ipam_proxy::enabled,
    'use_provider'               => $foreman_ipam_proxy::use_provider,
    'error_style'                => $foreman_ipam_proxy::error_style,
    'legacy'                     => $foreman_ipam_proxy::legacy,
    'request_budget_seconds'     => $foreman_ipam_proxy::request_budget_seconds,
    'attempt_seconds'            => $foreman_ipam_proxy::attempt_seconds,
    'read_attempts'              => $foreman_ipam_proxy::read_attempts,
    'hold_seconds'               => $foreman_ipam_proxy::hold_seconds,
    'hold_seconds_without_mac'   => $foreman_ipam_proxy::hold_seconds_without_mac,
    'recycle_after_seconds'      => $foreman_ipam_proxy::recycle_after_seconds,
    'release_quarantine_seconds' => $foreman_ipam_proxy::release_quarantine_seconds,
    'holds_at_most'              => $foreman_ipam_proxy::holds_at_most,
    'ledger_days'                => $foreman_ipam_proxy::ledger_days,
    'candidate_seconds'          => $foreman_ipam_proxy::candidate_seconds,
    'lookup_seconds'             => $foreman_ipam_proxy::lookup_seconds,
  }

  $providers = {
    'bluecat'     => $foreman_ipam_proxy::bluecat,
    'infoblox'    => $foreman_ipam_proxy::infoblox,
    'internal'    => $foreman_ipam_proxy::internal,
    'nautobot'    => $foreman_ipam_proxy::nautobot,
    'netbox'      => $foreman_ipam_proxy::netbox,
    'phpipam'     => $foreman_ipam_proxy::phpipam,
    'solarwinds'  => $foreman_ipam_proxy::solarwinds,
    'solidserver' => $foreman_ipam_proxy::solidserver,
    'tcpwave'     => $foreman_ipam_proxy::tcpwave,
  }
  $named = $foreman_ipam_proxy::settings_files.unwrap
  $routes = $foreman_ipam_proxy::use_provider ? {
    Array   => $foreman_ipam_proxy::use_provider,
    default => [{ 'provider' => $foreman_ipam_proxy::use_provider }],
  }
  # The file of each IPAM that is used, with its settings.
  $chosen = $routes.reduce({}) |$files, $route| {
    $provider = $route['provider']
    if $route['settings'] =~ Undef or $route['settings'] == "externalipam_${provider}.yml" {
      $file = "externalipam_${provider}.yml"
      $settings = $providers[$provider]
      $where = "the parameter ${provider}"
    } else {
      $file = $route['settings']
      $settings = $named[$file]
      $where = "${file} in the parameter settings_files"
    }
    if $settings =~ Undef and $foreman_ipam_proxy::ensure != 'absent' {
      fail("foreman_ipam_proxy: expected ${where}, because use_provider names it")
    }
    # Those of settings_files have no type of their own.
    if $settings =~ NotUndef {
      assert_type("Foreman_ipam_proxy::${provider.capitalize}", $settings.unwrap)
    }
    $real_settings = $settings ? {
      undef   => {},
      default => $settings,
    }
    $files + { $file => $real_settings }
  }

  $names_from_foreman = $foreman_ipam_proxy::foreman_names ? {
    undef   => {},
    default => $foreman_ipam_proxy::foreman_names,
  }

  $api = $foreman_ipam_proxy::api ? {
    undef   => {},
    default => $foreman_ipam_proxy::api,
  }

  # What a reload leaves as it was. Whether HTTPS is on is one of these things; with which files it is not.
  $restart_only = $server.filter |$key, $value| {
    $key in [
      'https_port', 'dns_resolv_timeouts', 'bind_host', 'http_port', 'log_file', 'log_buffer', 'log_buffer_errors',
      'database_url', 'database_password_file', 'database_timeout_seconds', 'state_directory', 'workers', 'shutdown_seconds',
    ]
  } + {
    'https' => $foreman_ipam_proxy::ssl_certificate =~ NotUndef,
    'api'   => $api - 'certificates',
  }

  $is_there = $foreman_ipam_proxy::ensure != 'absent'
  # The package brings the file of the embedded IPAM, which has no secret in it, and upgrades would bring it back.
  $left_alone = $is_there ? {
    true    => ['externalipam_internal.yml'],
    default => [],
  }
  $of_providers = $providers.keys.map |$provider| { "externalipam_${provider}.yml" }
  $unchosen = unique($of_providers + $named.keys) - $chosen.keys - $left_alone

  if $is_there {
    file { unique([$directory, $settings_directory]):
      ensure => directory,
      owner  => 'root',
      group  => 'foreman-ipam-proxy',
      mode   => '0750',
      before => $chosen.keys.map |$file| { Foreman_ipam_proxy::Settings_file[$file] },
    }
  }

  # When a file is refused, those after it are not touched: a provider is chosen only after its settings are right, and
  # the settings of the one before it go only then.
  $chosen.each |$file, $settings| {
    foreman_ipam_proxy::settings_file { $file:
      ensure    => $is_there,
      directory => $settings_directory,
      settings  => $settings,
      is_secret => true,
      before    => Foreman_ipam_proxy::Settings_file['externalipam.yml'],
    }
  }
  foreman_ipam_proxy::settings_file { 'externalipam.yml':
    ensure    => $is_there,
    directory => $settings_directory,
    settings  => $external,
  }
  -> foreman_ipam_proxy::settings_file { 'settings.yml':
    ensure    => $is_there,
    directory => $directory,
    settings  => $server,
  }
  # After settings.yml, which has the address of Foreman.
  -> foreman_ipam_proxy::settings_file { 'foreman_names.yml':
    ensure    => $is_there and $foreman_ipam_proxy::foreman_names =~ NotUndef,
    directory => $settings_directory,
    settings  => $names_from_foreman,
    is_secret => true,
  }
  # After settings.yml, which has the certificate.
  -> foreman_ipam_proxy::settings_file { 'api.yml':
    ensure    => $is_there and $foreman_ipam_proxy::api =~ NotUndef,
    directory => $settings_directory,
    settings  => $api,
  }
  -> foreman_ipam_proxy::settings_file { $unchosen:
    ensure    => false,
    directory => $settings_directory,
    is_secret => true,
  }
  # Last, because the reload compares the time of this file with those of the others.
  -> foreman_ipam_proxy::settings_file { '.restart-only.yml':
    ensure    => $is_there,
    directory => $directory,
    settings  => $restart_only,
    is_ours   => true,
  }
}
