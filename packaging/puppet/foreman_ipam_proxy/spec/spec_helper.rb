# frozen_string_literal: true

require 'rspec-puppet'
require 'tmpdir'
require 'yaml'

MODULE = File.expand_path('..', __dir__)

# Puppet finds a module by the name of its directory, so this one is linked to where there is no other.
modules = Dir.mktmpdir
at_exit { FileUtils.remove_entry(modules) }
File.symlink(MODULE, File.join(modules, 'foreman_ipam_proxy'))

RSpec.configure do |config|
  config.setup_fixtures = false
  config.module_path = [modules, File.join(__dir__, 'fixtures/modules')].join(File::PATH_SEPARATOR)
  config.strict_variables = true
  config.mock_with :rspec
end

# Systems that there are packages for.
SYSTEMS = {
  'Debian 12' => { 'family' => 'Debian', 'name' => 'Debian', 'release' => { 'major' => '12', 'full' => '12.9' } },
  'Ubuntu 24.04' => { 'family' => 'Debian', 'name' => 'Ubuntu', 'release' => { 'major' => '24.04', 'full' => '24.04' } },
  'AlmaLinux 9' => {
    'family' => 'RedHat', 'name' => 'AlmaLinux', 'release' => { 'major' => '9', 'full' => '9.5' },
    'selinux' => { 'enabled' => true }
  },
}.freeze

def facts_of(system)
  os = { 'selinux' => { 'enabled' => false } }.merge(SYSTEMS.fetch(system))
  {
    os: os,
    kernel: 'Linux',
    networking: { 'fqdn' => 'proxy.example.com', 'hostname' => 'proxy', 'domain' => 'example.com' },
    # What Puppet 7 looks at to choose how services and packages are managed.
    osfamily: os['family'], operatingsystem: os['name'], operatingsystemmajrelease: os['release']['major'],
    service_provider: 'systemd'
  }
end

# What a file of the catalogue says.
def settings_in(catalogue, path)
  content = catalogue.resource('file', path)[:content]
  content = content.unwrap if content.respond_to?(:unwrap)
  YAML.safe_load(content)
end
