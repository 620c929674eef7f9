# frozen_string_literal: true

require 'spec_helper'

describe 'foreman_ipam_proxy' do
  let(:facts) { facts_of('Debian 12') }
  let(:https) do
    { 'ssl_certificate' => '/ssl/cert.pem', 'ssl_private_key' => '/ssl/key.pem', 'ssl_ca_file' => '/ssl/ca.pem' }
  end
  let(:etc) { '/etc/foreman-ipam-proxy' }
  let(:server) { settings_in(catalogue, "#{etc}/settings.yml") }
  let(:external) { settings_in(catalogue, "#{etc}/settings.d/externalipam.yml") }

  def sensitive(value)
    RSpec::Puppet::Sensitive.new(value)
  end

  SYSTEMS.each_key do |system|
    context "on #{system}" do
      let(:facts) { facts_of(system) }
      let(:params) { https }

      it { is_expected.to compile.with_all_deps }

      it 'installs, configures and runs, in this order' do
        is_expected.to contain_package('foreman-ipam-proxy').with_ensure('present').that_comes_before("File[#{etc}/settings.yml]")
        is_expected.to contain_file("#{etc}/settings.yml").with(
          ensure: 'file', owner: 'root', group: 'foreman-ipam-proxy', mode: '0640',
          validate_cmd: '/usr/bin/foreman-ipam-proxy check-file --as settings.yml %'
        ).that_comes_before('Service[foreman-ipam-proxy]')
        is_expected.to contain_file("#{etc}/settings.d").with(ensure: 'directory', group: 'foreman-ipam-proxy', mode: '0750')
        is_expected.to contain_exec('foreman-ipam-proxy check').that_comes_before('Service[foreman-ipam-proxy]')
        is_expected.to contain_service('foreman-ipam-proxy').with(ensure: 'running', enable: true)
      end

      it 'trusts nobody until it is told whom, and logs to the journal' do
        expect(server).to eq(https.merge('https_port' => 8443, 'trusted_hosts' => [], 'log_file' => 'JOURNAL'))
        expect(external).to eq('use_provider' => 'internal')
        expect(settings_in(catalogue, "#{etc}/settings.d/externalipam_internal.yml")).to be_nil
      end

      it { is_expected.not_to contain_foreman_smartproxy('proxy.example.com-ipam') }
    end
  end

  context 'with a setting of each kind' do
    let(:params) do
      https.merge(
        'trusted_hosts' => ['foreman.example.com'], 'bind_host' => ['192.0.2.1', '2001:db8::1'], 'http_port' => 8000,
        'dns_resolv_timeouts' => [5, 0.5], 'forward_verify' => false, 'tls_disabled_versions' => ['1.2'], 'foreman_version' => '3.13',
        'log_file' => '/var/log/foreman-ipam-proxy/proxy.log', 'log_level' => 'DEBUG', 'enabled' => 'https', 'hold_seconds' => 600, 'ledger_days' => 30,
        'legacy' => 'foreman-2.1', 'ssl_crl_file' => '/ssl/crl.pem', 'internal' => { 'store' => '/srv/ipam.sqlite' }
      )
    end

    it 'writes what is set and leaves out the rest' do
      expect(server).to eq(
        https.merge(
          'https_port' => 8443, 'trusted_hosts' => ['foreman.example.com'], 'bind_host' => ['192.0.2.1', '2001:db8::1'],
          'http_port' => 8000, 'dns_resolv_timeouts' => [5, 0.5], 'forward_verify' => false, 'tls_disabled_versions' => ['1.2'],
          'foreman_version' => '3.13', 'log_file' => '/var/log/foreman-ipam-proxy/proxy.log', 'log_level' => 'DEBUG',
          'ssl_crl_file' => '/ssl/crl.pem'
        )
      )
      expect(external).to eq(
        'enabled' => 'https', 'use_provider' => 'internal', 'legacy' => 'foreman-2.1', 'hold_seconds' => 600,
        'ledger_days' => 30
      )
      expect(settings_in(catalogue, "#{etc}/settings.d/externalipam_internal.yml")).to eq('store' => '/srv/ipam.sqlite')
    end
  end

  context 'with the embedded IPAM in the database of several proxies' do
    let(:params) do
      https.merge('database_url' => 'postgresql://ipam@db.example.com/ipam', 'internal' => { 'store' => 'database' })
    end

    it 'names the database once, and the store by a word' do
      expect(server).to include('database_url' => 'postgresql://ipam@db.example.com/ipam')
      expect(settings_in(catalogue, "#{etc}/settings.d/externalipam_internal.yml")).to eq('store' => 'database')
    end
  end

  context 'when everyone with a certificate may call' do
    let(:params) { https.merge('trusted_hosts' => 'verified') }

    it { expect(server).not_to have_key('trusted_hosts') }
  end

  context 'with NetBox' do
    let(:file) { "#{etc}/settings.d/externalipam_netbox.yml" }
    let(:netbox) do
      {
        'url' => 'https://netbox.example.com', 'token' => sensitive('0123: "geheim"'), 'group_by' => 'tenant',
        'custom_fields' => { 'team' => 'linux', 'floor' => 3 }, 'tenant' => :undef
      }
    end
    let(:params) { https.merge('use_provider' => 'netbox', 'netbox' => netbox) }

    it 'writes its settings and shows them to nobody' do
      expect(settings_in(catalogue, file)).to eq(
        'url' => 'https://netbox.example.com', 'token' => '0123: "geheim"', 'group_by' => 'tenant',
        'custom_fields' => { 'team' => 'linux', 'floor' => 3 }
      )
      is_expected.to contain_file(file).with(mode: '0640', show_diff: false, backup: false)
      expect(catalogue.resource('file', file).sensitive_parameters).to include(:content)
    end

    it 'chooses it only when its settings are right' do
      is_expected.to contain_file(file).that_comes_before("File[#{etc}/settings.d/externalipam.yml]")
      is_expected.to contain_file("#{etc}/settings.d/externalipam.yml").that_comes_before("File[#{etc}/settings.yml]")
    end

    it 'removes the settings of others that may hold secrets' do
      %w[bluecat infoblox nautobot phpipam solarwinds solidserver].each do |other|
        is_expected.to contain_file("#{etc}/settings.d/externalipam_#{other}.yml").with_ensure('absent').that_requires("File[#{file}]")
      end
      is_expected.not_to contain_file("#{etc}/settings.d/externalipam_internal.yml")
    end

    context 'whose settings are Sensitive as a whole' do
      let(:params) { https.merge('use_provider' => 'netbox', 'netbox' => sensitive('url' => 'https://a', 'token' => '0123')) }

      it { expect(settings_in(catalogue, file)).to eq('url' => 'https://a', 'token' => '0123') }
    end

    context 'without its settings' do
      let(:params) { https.merge('use_provider' => 'netbox') }

      it { is_expected.to compile.and_raise_error(/expected the parameter netbox, because use_provider names it/) }
    end

    [
      ['a key it does not have', { 'tokn' => 'geheim' }, /tokn/],
      ['a token that is no text', { 'token' => 4_711_008 }, /token/],
      ['a limit out of range', { 'read_seconds' => 61 }, /read_seconds/],
      ['a group it does not have', { 'group_by' => 'region' }, /group_by/],
    ].each do |what, settings, names|
      [['', ->(all) { all }], [', all Sensitive', ->(all) { RSpec::Puppet::Sensitive.new(all) }]].each do |how, wrap|
        context "with #{what}#{how}" do
          let(:params) do
            https.merge('use_provider' => 'netbox', 'netbox' => wrap.call({ 'url' => 'https://a', 'token' => 'geheim' }.merge(settings)))
          end

          it 'does not compile, and shows no secret' do
            expect { catalogue }.to raise_error do |error|
              expect(error.message).to match(names).and(satisfy { |text| !text.match?(/geheim|4711008/) })
            end
          end
        end
      end
    end
  end

  context 'with the management API' do
    let(:api) { { 'enabled' => true, 'port' => 8445, 'certificates' => [{ 'name' => 'netops.example.com', 'role' => 'reader' }] } }
    let(:params) { https.merge('use_provider' => 'internal', 'api' => api) }

    it 'writes its settings, of which a restart changes the listener' do
      expect(settings_in(catalogue, "#{etc}/settings.d/api.yml")).to eq(api)
      expect(settings_in(catalogue, "#{etc}/.restart-only.yml")['api']).to eq('enabled' => true, 'port' => 8445)
    end

    context 'with a role that there is not' do
      let(:api) { { 'certificates' => [{ 'name' => 'netops.example.com', 'role' => 'root' }] } }

      it { is_expected.to compile.and_raise_error(/role/) }
    end
  end

  context 'with names from Foreman' do
    let(:names) { { 'look_up_after_add' => true, 'user' => 'ipam-proxy', 'password' => sensitive('geheim') } }
    let(:params) { https.merge('use_provider' => 'internal', 'foreman_names' => names) }
    let(:file) { "#{etc}/settings.d/foreman_names.yml" }

    it 'writes their settings, which nobody sees' do
      expect(settings_in(catalogue, file)).to eq('look_up_after_add' => true, 'user' => 'ipam-proxy', 'password' => 'geheim')
      is_expected.to contain_file(file).with(mode: '0640', show_diff: false, backup: false)
    end

    context 'with a key that there is not' do
      let(:names) { { 'lookup' => true } }

      it { is_expected.to compile.and_raise_error(/lookup/) }
    end
  end

  context 'with Infoblox' do
    let(:params) do
      https.merge(
        'use_provider' => 'infoblox',
        'infoblox' => {
          'url' => 'https://gridmaster.example.com', 'user' => 'foreman', 'password' => sensitive('geheim'),
          'wapi_version' => '2.10', 'record_type' => 'host', 'extensible_attributes' => { 'Site' => 'DC1', 'Rank' => 1 }
        }
      )
    end

    it 'writes its settings' do
      expect(settings_in(catalogue, "#{etc}/settings.d/externalipam_infoblox.yml")).to eq(
        'url' => 'https://gridmaster.example.com', 'user' => 'foreman', 'password' => 'geheim', 'wapi_version' => '2.10',
        'record_type' => 'host', 'extensible_attributes' => { 'Site' => 'DC1', 'Rank' => 1 }
      )
    end
  end

  context 'with several IPAMs by routes' do
    let(:lab) { { 'url' => 'https://lab', 'token' => sensitive('geheim') } }
    let(:routes) do
      [
        { 'groups' => ['Lab*'], 'prefixes' => ['10.0.0.0/8'], 'provider' => 'netbox', 'settings' => 'externalipam_netbox_lab.yml' },
        { 'provider' => 'phpipam' }
      ]
    end
    let(:files) { { 'externalipam_netbox_lab.yml' => lab, 'externalipam_netbox_old.yml' => lab } }
    let(:params) do
      https.merge('use_provider' => routes, 'settings_files' => files, 'phpipam' => { 'url' => 'http://phpipam', 'user' => 'a', 'password' => 'geheim' })
    end
    let(:settings_d) { "#{etc}/settings.d" }

    it 'writes the routes after the file of each, and removes those that no route names' do
      expect(external).to eq('use_provider' => routes)
      %w[netbox_lab phpipam].each do |name|
        is_expected.to contain_file("#{settings_d}/externalipam_#{name}.yml").with(show_diff: false).that_comes_before("File[#{settings_d}/externalipam.yml]")
      end
      expect(settings_in(catalogue, "#{settings_d}/externalipam_netbox_lab.yml")).to eq('url' => 'https://lab', 'token' => 'geheim')
      %w[netbox netbox_old nautobot].each do |name|
        is_expected.to contain_file("#{settings_d}/externalipam_#{name}.yml").with_ensure('absent')
      end
    end

    context 'of which one has no settings' do
      let(:files) { {} }

      it { is_expected.to compile.and_raise_error(/expected externalipam_netbox_lab.yml in the parameter settings_files/) }
    end

    context 'of which one has a key it does not have' do
      let(:lab) { { 'url' => 'https://lab', 'tokn' => 'geheim' } }

      it 'does not compile, and shows no secret' do
        expect { catalogue }.to raise_error { |error| expect(error.message).to match(/tokn/).and(satisfy { |text| !text.include?('geheim') }) }
      end
    end
  end

  context 'with phpIPAM and Nautobot, of which one is chosen' do
    let(:params) do
      https.merge(
        'use_provider' => 'phpipam',
        'phpipam' => { 'url' => 'http://phpipam', 'user' => 'foreman', 'password' => sensitive('geheim'), 'owner' => 'a' },
        'nautobot' => { 'url' => 'http://nautobot', 'token' => 'geheim' }
      )
    end

    it 'writes the chosen one only' do
      expect(settings_in(catalogue, "#{etc}/settings.d/externalipam_phpipam.yml"))
        .to eq('url' => 'http://phpipam', 'user' => 'foreman', 'password' => 'geheim', 'owner' => 'a')
      is_expected.to contain_file("#{etc}/settings.d/externalipam_nautobot.yml").with_ensure('absent')
    end
  end

  context 'with BlueCat' do
    let(:params) do
      https.merge(
        'use_provider' => 'bluecat',
        'bluecat' => { 'url' => 'https://bam', 'user' => 'foreman', 'password' => sensitive('geheim'), 'api' => 'v2', 'deploy' => 'quick' }
      )
    end

    it 'writes its settings' do
      expect(settings_in(catalogue, "#{etc}/settings.d/externalipam_bluecat.yml"))
        .to eq('url' => 'https://bam', 'user' => 'foreman', 'password' => 'geheim', 'api' => 'v2', 'deploy' => 'quick')
    end
  end

  context 'with TCPWave and a client certificate' do
    let(:tcpwave) { { 'url' => 'https://a:7443', 'domain' => 'example.com', 'client_certificate' => '/a.pem', 'client_key' => '/a.key' } }
    let(:params) { https.merge('use_provider' => 'tcpwave', 'tcpwave' => tcpwave) }

    it { expect(settings_in(catalogue, "#{etc}/settings.d/externalipam_tcpwave.yml")).to eq(tcpwave) }
  end

  context 'with SolarWinds' do
    let(:settings) { { 'url' => 'https://orion:17774', 'user' => 'EXAMPLE\\foreman', 'password' => sensitive('geheim') } }
    let(:params) { https.merge('use_provider' => 'solarwinds', 'solarwinds' => settings.merge('reserve_with' => 'status')) }

    it 'writes its settings' do
      expect(settings_in(catalogue, "#{etc}/settings.d/externalipam_solarwinds.yml"))
        .to eq('url' => 'https://orion:17774', 'user' => 'EXAMPLE\\foreman', 'password' => 'geheim', 'reserve_with' => 'status')
    end

    context 'in a way that there is not' do
      let(:params) { https.merge('use_provider' => 'solarwinds', 'solarwinds' => settings.merge('reserve_with' => 'luck')) }

      it { is_expected.to compile.and_raise_error(/reserve_with/) }
    end
  end

  context 'with SOLIDserver and a token' do
    let(:params) do
      https.merge(
        'use_provider' => 'solidserver',
        'solidserver' => {
          'url' => 'https://sds', 'token_id' => 'k', 'token_secret' => sensitive('geheim'), 'class_parameters' => { 'dhcpstatic' => 1 }
        }
      )
    end

    it 'writes its settings' do
      expect(settings_in(catalogue, "#{etc}/settings.d/externalipam_solidserver.yml"))
        .to eq('url' => 'https://sds', 'token_id' => 'k', 'token_secret' => 'geheim', 'class_parameters' => { 'dhcpstatic' => 1 })
    end
  end

  describe 'a change' do
    let(:params) { https.merge('workers' => 2, 'log_level' => 'DEBUG') }
    let(:restart_only) { "#{etc}/.restart-only.yml" }

    it 'restarts the service when only that changes the setting' do
      expect(settings_in(catalogue, restart_only)).to eq('https_port' => 8443, 'log_file' => 'JOURNAL', 'workers' => 2, 'https' => true, 'api' => {})
      is_expected.to contain_service('foreman-ipam-proxy').that_subscribes_to("File[#{restart_only}]")
      is_expected.to contain_file(restart_only).that_requires("File[#{etc}/settings.yml]")
    end

    it 'reloads it otherwise, and never both' do
      is_expected.to contain_exec('foreman-ipam-proxy reload').with(
        refreshonly: true,
        command: 'systemctl try-reload-or-restart foreman-ipam-proxy.service',
        onlyif: "test -n \"$(find -L '#{etc}/settings.yml' '#{etc}/settings.d' '/ssl/cert.pem' '/ssl/key.pem' '/ssl/ca.pem' " \
                "-newer #{restart_only})\""
      ).that_subscribes_to('Class[foreman_ipam_proxy::config]').that_requires('Service[foreman-ipam-proxy]')
    end
  end

  describe 'socket activation' do
    let(:listen) { '/etc/systemd/system/foreman-ipam-proxy.socket.d/listen.conf' }

    it 'is off' do
      is_expected.to compile.with_all_deps
      is_expected.to contain_service('foreman-ipam-proxy.socket').with(ensure: 'stopped', enable: false)
      is_expected.not_to contain_file(listen)
    end

    context 'when it is wanted' do
      let(:params) do
        https.merge('socket_activation' => true, 'http_port' => 8000, 'bind_host' => ['192.0.2.5', '2001:db8::5', 'localhost'])
      end

      it { is_expected.to compile.with_all_deps }

      it 'opens the ports of the settings, before the service starts' do
        lines = %w[8443 8000].flat_map do |port|
          ["ListenStream=192.0.2.5:#{port}", "ListenStream=[2001:db8::5]:#{port}", "ListenStream=127.0.0.1:#{port}"]
        end
        is_expected.to contain_file(listen).with_content((['# Managed by Puppet.', '[Socket]', 'ListenStream='] + lines + ['']).join("\n"))
                                           .that_notifies('Exec[foreman-ipam-proxy socket]')
        is_expected.to contain_exec('foreman-ipam-proxy socket').that_comes_before('Service[foreman-ipam-proxy.socket]')
        is_expected.to contain_service('foreman-ipam-proxy.socket').with(ensure: 'running', enable: true)
                                                                  .that_comes_before('Service[foreman-ipam-proxy]')
      end
    end
  end

  context 'with another settings_directory' do
    let(:params) { https.merge('settings_directory' => '/srv/settings.d') }

    it 'writes the files there' do
      expect(server).to include('settings_directory' => '/srv/settings.d')
      is_expected.to contain_file('/srv/settings.d').with_ensure('directory')
      expect(settings_in(catalogue, '/srv/settings.d/externalipam.yml')).to eq('use_provider' => 'internal')
    end
  end

  context 'with groups' do
    let(:params) { https.merge('groups' => ['puppet']) }

    it 'puts the user that the package made into them, and restarts' do
      is_expected.to contain_user('foreman-ipam-proxy').with(groups: ['puppet'], membership: 'minimum')
                                                      .that_requires('Package[foreman-ipam-proxy]')
                                                      .that_notifies('Service[foreman-ipam-proxy]')
    end
  end

  context 'without checks' do
    let(:params) { https.merge('check_settings' => false) }

    it 'puts files in place as they are' do
      is_expected.to contain_file("#{etc}/settings.yml").without_validate_cmd
      is_expected.not_to contain_exec('foreman-ipam-proxy check')
    end
  end

  describe 'a type for the port in SELinux' do
    let(:params) { https.merge('selinux_port_type' => 'foreman_proxy_port_t', 'https_port' => 8444) }

    context 'where SELinux is on' do
      let(:facts) { facts_of('AlmaLinux 9') }

      it do
        is_expected.to contain_selinux__port('foreman-ipam-proxy')
          .with(seltype: 'foreman_proxy_port_t', protocol: 'tcp', port: 8444)
          .that_comes_before('Service[foreman-ipam-proxy]')
      end
    end

    context 'where it is off' do
      it { is_expected.not_to contain_selinux__port('foreman-ipam-proxy') }
    end
  end

  describe 'the entry in Foreman' do
    let(:registration) { { 'register_in_foreman' => true, 'foreman_url' => 'https://foreman.example.com' } }
    let(:params) { https.merge(registration) }
    let(:entry) { catalogue.resource('foreman_smartproxy', 'proxy.example.com-ipam') }

    it 'is made after the service runs, and refreshed when that changes' do
      is_expected.to contain_foreman_smartproxy('proxy.example.com-ipam').with(
        ensure: 'present', url: 'https://proxy.example.com:8443', features: ['External IPAM', 'Logs'],
        base_url: 'https://foreman.example.com', ssl_ca: '/ssl/ca.pem'
      ).that_subscribes_to('Class[foreman_ipam_proxy::service]')
    end

    context 'with access of its own' do
      let(:params) do
        super().merge(
          'oauth_consumer_key' => 'key', 'oauth_consumer_secret' => sensitive('geheim'), 'oauth_effective_user' => 'admin',
          'foreman_ssl_ca' => '/ssl/foreman.pem', 'registered_name' => 'ipam', 'registered_url' => 'https://ipam.example.com:443'
        )
      end

      it do
        is_expected.to contain_foreman_smartproxy('ipam').with(
          consumer_key: 'key', consumer_secret: 'geheim', effective_user: 'admin', ssl_ca: '/ssl/foreman.pem',
          url: 'https://ipam.example.com:443'
        )
      end
    end

    [[false, ['Logs']], ['http', ['Logs']], ['https', ['External IPAM', 'Logs']], [true, ['External IPAM', 'Logs']]].each do |enabled, features|
      context "when enabled is #{enabled}" do
        let(:params) { super().merge('enabled' => enabled, 'http_port' => 8000) }

        it { expect(entry[:features]).to eq(features) }
      end
    end

    context 'of a proxy without HTTPS' do
      let(:params) { registration.merge('http_port' => 8000, 'enabled' => 'http') }

      it { expect(entry.to_hash).to include(url: 'http://proxy.example.com:8000', features: ['External IPAM', 'Logs']) }
    end
  end

  context 'when it is to be absent' do
    let(:params) { { 'ensure' => 'absent', 'use_provider' => 'netbox', 'register_in_foreman' => true, 'groups' => ['puppet'] } }

    it { is_expected.to compile.with_all_deps }

    it 'is taken out of Foreman, stopped, and removed with its settings, in this order' do
      is_expected.to contain_foreman_smartproxy('proxy.example.com-ipam').with_ensure('absent').that_comes_before('Service[foreman-ipam-proxy]')
      is_expected.to contain_service('foreman-ipam-proxy').with(ensure: 'stopped', enable: false)
                                                         .that_comes_before("File[#{etc}/settings.yml]")
      %w[settings.yml .restart-only.yml settings.d/externalipam.yml settings.d/externalipam_netbox.yml
         settings.d/externalipam_internal.yml].each do |file|
        is_expected.to contain_file("#{etc}/#{file}").with_ensure('absent').that_comes_before('Package[foreman-ipam-proxy]')
      end
      is_expected.to contain_package('foreman-ipam-proxy').with_ensure('absent')
      is_expected.not_to contain_user('foreman-ipam-proxy')
    end
  end

  {
    'https_port' => 0, 'workers' => 513, 'hold_seconds' => 59, 'ledger_days' => -1, 'log_level' => 'info', 'ssl_certificate' => 'cert.pem',
    'use_provider' => 'externalipam_netbox', 'trusted_hosts' => 'foreman.example.com', 'foreman_url' => 'foreman.example.com',
    'foreman_version' => '3', 'ensure' => 'running', 'dns_resolv_timeouts' => [0], 'tls_disabled_versions' => ['TLSv1.2'],
    'database_url' => 'postgresql://ipam:secret@db.example.com/ipam', 'internal' => { 'store' => 'ipam.sqlite' }
  }.each do |key, value|
    context "with #{key} #{value.inspect}" do
      let(:params) { https.merge(key => value) }

      it { is_expected.to compile.and_raise_error(/parameter '#{key}'/) }
    end
  end
end
