# frozen_string_literal: true

require 'spec_helper'

describe 'foreman_ipam_proxy::beside_foreman_proxy' do
  let(:facts) { facts_of('AlmaLinux 9') }
  let(:server) { settings_in(catalogue, '/etc/foreman-ipam-proxy/settings.yml') }

  it { is_expected.to compile.with_all_deps }

  it 'takes certificates and trusted hosts of the Ruby proxy, and another port' do
    expect(server).to include(
      'ssl_certificate' => '/etc/puppetlabs/puppet/ssl/certs/proxy.example.com.pem',
      'ssl_private_key' => '/etc/puppetlabs/puppet/ssl/private_keys/proxy.example.com.pem',
      'ssl_ca_file' => '/etc/puppetlabs/puppet/ssl/certs/ca.pem',
      'trusted_hosts' => ['foreman.example.com'], 'https_port' => 8008, 'foreman_url' => 'https://foreman.example.com'
    )
    is_expected.to contain_user('foreman-ipam-proxy').with_groups(['puppet']).that_requires('Class[foreman_proxy]')
  end

  it 'is registered with the same access to Foreman' do
    is_expected.to contain_foreman_smartproxy('proxy.example.com-ipam').with(
      url: 'https://proxy.example.com:8008', base_url: 'https://foreman.example.com', consumer_key: 'key', consumer_secret: 'geheim',
      effective_user: 'admin', ssl_ca: '/etc/puppetlabs/puppet/ssl/certs/ca.pem'
    )
  end

  context 'when the Ruby proxy has certificates that are not of Puppet, and trusts everyone with one' do
    let(:pre_condition) { "class { 'foreman_proxy': manage_puppet_group => false, trusted_hosts => [], register_in_foreman => false }" }

    it 'does likewise' do
      is_expected.to contain_user('foreman-ipam-proxy').with_groups(['foreman-proxy'])
      expect(server).not_to have_key('trusted_hosts')
      is_expected.not_to contain_foreman_smartproxy('proxy.example.com-ipam')
    end
  end

  context 'with parameters' do
    let(:params) { { 'https_port' => 9000, 'groups' => %w[a b] } }

    it do
      expect(server).to include('https_port' => 9000)
      is_expected.to contain_user('foreman-ipam-proxy').with_groups(%w[a b])
    end
  end
end
