# @summary Installs, configures, runs and registers foreman-ipam-proxy, a Foreman Smart Proxy for External IPAM.
#
# Parameters that are not set here are left out of the proxy's files, and its own defaults apply. What each means is told at
# length in the examples that come with the proxy, and in the manual page foreman-ipam-proxy-settings(5).
#
# @example With Puppet's certificates, on NetBox
#   class { 'foreman_ipam_proxy':
#     ssl_certificate => "/etc/puppetlabs/puppet/ssl/certs/${trusted['certname']}.pem",
#     ssl_private_key => "/etc/puppetlabs/puppet/ssl/private_keys/${trusted['certname']}.pem",
#     ssl_ca_file     => '/etc/puppetlabs/puppet/ssl/certs/ca.pem',
#     groups          => ['puppet'],
#     trusted_hosts   => ['foreman.example.com'],
#     foreman_version => '3.13',
#     use_provider    => 'netbox',
#     netbox          => {
#       'url'   => 'https://netbox.example.com',
#       'token' => Sensitive('0123456789abcdef0123456789abcdef01234567'),
#     },
#   }
#
# @param ensure
#   present, latest, a version of the package, or absent. Absent removes the package and the settings that this module
#   writes; what the proxy has recorded stays in its state directory.
# @param package_source
#   A package file on the managed host to install, instead of the one in its repositories.
# @param service_ensure
#   Is the service to run?
# @param service_enable
#   Is the service to start with the host?
# @param socket_activation
#   Does systemd open the sockets, and keep them open while the service restarts? Foreman's calls then wait for the service.
#   Hosts in bind_host must be addresses.
# @param groups
#   Groups that exist and that the service's user is to be in besides its own, such as the one that may read the private key.
# @param check_settings
#   Are settings validated before they are put in place, and all together before the service starts, reloads or restarts?
#   Only a service that gets some of its settings from environment variables needs false.
# @param selinux_port_type
#   The SELinux type that https_port is given where SELinux is on, such as foreman_proxy_port_t on the host of Foreman, so
#   that Foreman may connect to it. Needs the module puppet/selinux. Not needed for 8443, 8008, 8009 and 9000.
#
# @param ssl_certificate
#   The certificate of this host, PEM. HTTPS is on when this, ssl_private_key and ssl_ca_file are set.
# @param ssl_private_key
#   The private key of the certificate, PEM.
# @param ssl_ca_file
#   Who signed the certificates of those that may call, PEM.
# @param ssl_crl_file
#   The revocation lists of those that ssl_ca_file names, PEM, such as /etc/puppetlabs/puppet/ssl/crl.pem.
# @param https_port
#   The port for HTTPS.
# @param tls_disabled_versions
#   TLS versions that are not spoken.
# @param ssl_disabled_ciphers
#   Ciphers that are not used, by their names in OpenSSL.
# @param trusted_hosts
#   Hosts that may call, as they are named in their certificates. An empty list is nobody, as in a fresh package;
#   'verified' is everyone with a certificate that ssl_ca_file signed.
# @param forward_verify
#   Must the name of a caller on plain HTTP lead back to its address?
# @param dns_resolv_timeouts
#   Seconds for each try to find the name of a caller on plain HTTP.
# @param bind_host
#   Where to listen.
# @param http_port
#   The port for plain HTTP. Without it there is none.
# @param foreman_url
#   The address of Foreman, where the proxy is registered.
# @param foreman_ssl_ca
#   Who signed Foreman's certificate, PEM, when that is not ssl_ca_file.
# @param foreman_version
#   The version of Foreman that the proxy says it fits.
# @param log_file
#   Where the log goes. The packages' default is the journal.
# @param log_level
#   How much is logged.
# @param log_buffer
#   How many lines of the log Foreman can show.
# @param log_buffer_errors
#   How many older warnings and errors it can show besides.
# @param settings_directory
#   The directory with the files besides settings.yml. The one above it must exist.
# @param database_url
#   The PostgreSQL in which several proxies share their holds, such as postgresql://ipam@db.example.com/ipam.
# @param database_password_file
#   The file on the managed host that holds the password for the database.
# @param database_timeout_seconds
#   Seconds that the database may take for one answer, less than half of request_budget_seconds.
# @param state_directory
#   The directory for what must survive a restart.
# @param workers
#   How many threads answer requests.
# @param shutdown_seconds
#   Seconds that running requests may take when the proxy ends.
#
# @param enabled
#   On which listeners Foreman is offered External IPAM.
# @param use_provider
#   The IPAM behind the proxy. The parameter of the same name has its settings; those of others, which may hold
#   secrets, are removed. A list of routes puts several IPAMs behind the proxy.
# @param settings_files
#   Settings of IPAMs by the names of their files, for routes that have `settings`. Files that no route names are removed.
# @param error_style
#   How errors are told.
# @param legacy
#   Only for Foreman 2.1 and 2.2.
# @param request_budget_seconds
#   Seconds for one request of Foreman, with all calls of the IPAM.
# @param attempt_seconds
#   Seconds for one call of the IPAM, less than half of request_budget_seconds.
# @param read_attempts
#   How often a read is tried.
# @param hold_seconds
#   Seconds that an offered address is held for a MAC address.
# @param hold_seconds_without_mac
#   Seconds that an offered address is held for a caller that named no MAC address.
# @param recycle_after_seconds
#   Seconds that such an address is kept from other callers when nothing else is free.
# @param release_quarantine_seconds
#   Seconds that a deleted address is not offered to other hosts.
# @param holds_at_most
#   How many holds there may be at one time.
# @param ledger_days
#   For how many days the ledger keeps a record of each address that was added or deleted; 0 records nothing.
# @param candidate_seconds
#   Seconds that a list of free addresses is used.
# @param lookup_seconds
#   Seconds that subnets and groups are remembered.
#
# @param bluecat
#   Settings of BlueCat Address Manager.
# @param infoblox
#   Settings of Infoblox.
# @param nautobot
#   Settings of Nautobot.
# @param netbox
#   Settings of NetBox.
# @param phpipam
#   Settings of phpIPAM.
# @param solarwinds
#   Settings of SolarWinds IPAM.
# @param solidserver
#   Settings of EfficientIP SOLIDserver.
# @param tcpwave
#   Settings of TCPWave.
# @param internal
#   Settings of the embedded IPAM. The store `database` is the PostgreSQL of database_url, for several proxies.
#
# @param foreman_names
#   Settings of names from Foreman: which sources are on, and the user of Foreman's API. Without them the file is removed.
# @param api
#   Settings of the management API: whether it is on, where it listens, and whose client certificates may use it. Without them the
#   file is removed.
# @param register_in_foreman
#   Is the proxy registered in Foreman? Needs the module theforeman/foreman.
# @param registered_name
#   The proxy's name in Foreman. No other Smart Proxy may have it, such as the Ruby one on the same host.
# @param registered_url
#   The address by which Foreman calls the proxy, proxy_url in its settings. The default is made of the host's name and the port.
# @param oauth_consumer_key
#   The OAuth consumer key of Foreman's API. On the host of Foreman it is found without.
# @param oauth_consumer_secret
#   The OAuth consumer secret of Foreman's API. On the host of Foreman it is found without.
# @param oauth_effective_user
#   The user of Foreman that registers the proxy.
class foreman_ipam_proxy (
  Variant[Enum['present', 'latest', 'absent'], Pattern[/\A[0-9]/]] $ensure = 'present',
  Optional[Foreman_ipam_proxy::Absolutepath] $package_source = undef,
  Enum['running', 'stopped'] $service_ensure = 'running',
  Boolean $service_enable = true,
  Boolean $socket_activation = false,
  Array[String[1]] $groups = [],
  Boolean $check_settings = true,
  Optional[Pattern[/\A[a-z0-9_]+_t\z/]] $selinux_port_type = undef,

  Optional[Foreman_ipam_proxy::Absolutepath] $ssl_certificate = undef,
  Optional[Foreman_ipam_proxy::Absolutepath] $ssl_private_key = undef,
  Optional[Foreman_ipam_proxy::Absolutepath] $ssl_ca_file = undef,
  Optional[Foreman_ipam_proxy::Absolutepath] $ssl_crl_file = undef,
  Foreman_ipam_proxy::Port $https_port = 8443,
  Optional[Array[Foreman_ipam_proxy::Tlsversion]] $tls_disabled_versions = undef,
  Optional[Array[Pattern[/\A[A-Za-z0-9_-]+\z/]]] $ssl_disabled_ciphers = undef,
  Variant[Enum['verified'], Array[String[1]]] $trusted_hosts = [],
  Optional[Boolean] $forward_verify = undef,
  Optional[Array[Variant[Integer[1, 60], Float[0.001, 60.0]], 1]] $dns_resolv_timeouts = undef,
  Optional[Foreman_ipam_proxy::Hosts] $bind_host = undef,
  Optional[Foreman_ipam_proxy::Port] $http_port = undef,
  Optional[Foreman_ipam_proxy::Httpurl] $foreman_url = undef,
  Optional[Foreman_ipam_proxy::Absolutepath] $foreman_ssl_ca = undef,
  Optional[Pattern[/\A[0-9]{1,5}(\.[0-9]{1,5}){1,2}\z/]] $foreman_version = undef,
  Foreman_ipam_proxy::Logfile $log_file = 'JOURNAL',
  Optional[Foreman_ipam_proxy::Loglevel] $log_level = undef,
  Optional[Integer[1, 100000]] $log_buffer = undef,
  Optional[Integer[1, 100000]] $log_buffer_errors = undef,
  Optional[Foreman_ipam_proxy::Absolutepath] $settings_directory = undef,
  Optional[Pattern[/\Apostgres(ql)?:\/\/[^\s:@\/]+@\S+\z/]] $database_url = undef,
  Optional[Foreman_ipam_proxy::Absolutepath] $database_password_file = undef,
  Optional[Integer[1, 27]] $database_timeout_seconds = undef,
  Optional[Foreman_ipam_proxy::Absolutepath] $state_directory = undef,
  Optional[Integer[1, 512]] $workers = undef,
  Optional[Integer[0, 300]] $shutdown_seconds = undef,

  Optional[Foreman_ipam_proxy::Enabled] $enabled = undef,
  Variant[Foreman_ipam_proxy::Provider, Array[Foreman_ipam_proxy::Route, 1]] $use_provider = 'internal',
  Variant[Hash[Foreman_ipam_proxy::Settingsfile, Variant[Hash, Sensitive[Hash]]], Sensitive[Hash]] $settings_files = {},
  Optional[Foreman_ipam_proxy::Errorstyle] $error_style = undef,
  Optional[Enum['foreman-2.1']] $legacy = undef,
  Optional[Integer[3, 55]] $request_budget_seconds = undef,
  Optional[Integer[1, 27]] $attempt_seconds = undef,
  Optional[Integer[1, 5]] $read_attempts = undef,
  Optional[Integer[60, 86400]] $hold_seconds = undef,
  Optional[Integer[60, 86400]] $hold_seconds_without_mac = undef,
  Optional[Integer[0, 86400]] $recycle_after_seconds = undef,
  Optional[Integer[0, 86400]] $release_quarantine_seconds = undef,
  Optional[Integer[1000, 10000000]] $holds_at_most = undef,
  Optional[Integer[0, 36500]] $ledger_days = undef,
  Optional[Integer[0, 60]] $candidate_seconds = undef,
  Optional[Integer[0, 3600]] $lookup_seconds = undef,

  Variant[Undef, Foreman_ipam_proxy::Bluecat, Sensitive[Hash]] $bluecat = undef,
  Variant[Undef, Foreman_ipam_proxy::Infoblox, Sensitive[Hash]] $infoblox = undef,
  Variant[Undef, Foreman_ipam_proxy::Nautobot, Sensitive[Hash]] $nautobot = undef,
  Variant[Undef, Foreman_ipam_proxy::Netbox, Sensitive[Hash]] $netbox = undef,
  Variant[Undef, Foreman_ipam_proxy::Phpipam, Sensitive[Hash]] $phpipam = undef,
  Variant[Undef, Foreman_ipam_proxy::Solarwinds, Sensitive[Hash]] $solarwinds = undef,
  Variant[Undef, Foreman_ipam_proxy::Solidserver, Sensitive[Hash]] $solidserver = undef,
  Variant[Undef, Foreman_ipam_proxy::Tcpwave, Sensitive[Hash]] $tcpwave = undef,
  Foreman_ipam_proxy::Internal $internal = {},

  Variant[Undef, Foreman_ipam_proxy::Foremannames, Sensitive[Hash]] $foreman_names = undef,
  Optional[Foreman_ipam_proxy::Api] $api = undef,

  Boolean $register_in_foreman = false,
  String[1] $registered_name = "${facts['networking']['fqdn']}-ipam",
  Optional[Foreman_ipam_proxy::Httpurl] $registered_url = undef,
  Optional[String[1]] $oauth_consumer_key = undef,
  Optional[Foreman_ipam_proxy::Secret] $oauth_consumer_secret = undef,
  Optional[String[1]] $oauth_effective_user = undef,
) {
  # Of a hash that is Sensitive as a whole, as Hiera's are here, only this tells which key is wrong.
  assert_type(Optional[Foreman_ipam_proxy::Bluecat], $bluecat.unwrap)
  assert_type(Optional[Foreman_ipam_proxy::Infoblox], $infoblox.unwrap)
  assert_type(Optional[Foreman_ipam_proxy::Nautobot], $nautobot.unwrap)
  assert_type(Optional[Foreman_ipam_proxy::Netbox], $netbox.unwrap)
  assert_type(Optional[Foreman_ipam_proxy::Phpipam], $phpipam.unwrap)
  assert_type(Optional[Foreman_ipam_proxy::Solarwinds], $solarwinds.unwrap)
  assert_type(Optional[Foreman_ipam_proxy::Solidserver], $solidserver.unwrap)
  assert_type(Optional[Foreman_ipam_proxy::Tcpwave], $tcpwave.unwrap)
  assert_type(Optional[Foreman_ipam_proxy::Foremannames], $foreman_names.unwrap)

  contain foreman_ipam_proxy::install
  contain foreman_ipam_proxy::config
  contain foreman_ipam_proxy::socket
  contain foreman_ipam_proxy::service
  contain foreman_ipam_proxy::register

  if $ensure == 'absent' {
    Class['foreman_ipam_proxy::register']
    -> Class['foreman_ipam_proxy::socket']
    -> Class['foreman_ipam_proxy::service']
    -> Class['foreman_ipam_proxy::config']
    -> Class['foreman_ipam_proxy::install']
  } else {
    # The package restarts the service itself when it is upgraded; and not every change of a setting needs a restart.
    Class['foreman_ipam_proxy::install']
    -> Class['foreman_ipam_proxy::config']
    -> Class['foreman_ipam_proxy::service']
    ~> Class['foreman_ipam_proxy::register']

    # Its resources are before the service, and after the check of all settings.
    Class['foreman_ipam_proxy::config'] -> Class['foreman_ipam_proxy::socket']
  }
}
