# frozen_string_literal: true

require 'spec_helper'

# The directory of the proxy's example settings, which name every setting.
EXAMPLES = ENV.fetch('SETTINGS_EXAMPLES', File.expand_path('../../../settings.d', MODULE))

# The settings of an example: a line for each, with or without a "#" before it.
def settings_of(example)
  File.readlines(File.join(EXAMPLES, example)).filter_map { |line| line[/\A#?([a-z_]+):( |$)/, 1] }
end

describe 'The module and the proxy' do
  it 'know the same files' do
    files = Dir.children(EXAMPLES).sort
    providers = File.read(File.join(MODULE, 'types/provider.pp')).scan(/'([a-z0-9]+)'/).flatten
    expect(files).to eq((%w[api externalipam foreman_names settings] + providers.map { |name| "externalipam_#{name}" }).sort.map { |name| "#{name}.yml.example" })
  end

  it 'know the same settings of the server and of External IPAM' do
    config = File.read(File.join(MODULE, 'manifests/config.pp'))
    { 'server' => 'settings.yml.example', 'external' => 'externalipam.yml.example' }.each do |variable, example|
      written = config[/\$#{variable} = \{\n(.*?)\n  \}/m, 1].scan(/'([a-z_]+)' +=>/).flatten
      expect(written).to match_array(settings_of(example))
    end
  end

  Dir.children(EXAMPLES).sort.filter_map { |name| name[/\Aexternalipam_(.*)\.yml\.example\z/, 1] }.each do |provider|
    it "know the same settings of #{provider}" do
      type = File.read(File.join(MODULE, "types/#{provider}.pp"))
      expect(type.scan(/^  (?:Optional\[)?'([a-z_]+)'/).flatten).to match_array(settings_of("externalipam_#{provider}.yml.example"))
    end
  end

  it 'know the same settings of names from Foreman' do
    type = File.read(File.join(MODULE, 'types/foremannames.pp'))
    expect(type.scan(/^  (?:Optional\[)?'([a-z_]+)'/).flatten).to match_array(settings_of('foreman_names.yml.example'))
  end

  it 'know the same settings of the management API' do
    type = File.read(File.join(MODULE, 'types/api.pp'))
    expect(type.scan(/^  (?:Optional\[)?'([a-z_]+)'/).flatten).to match_array(settings_of('api.yml.example'))
  end

  it 'know the same settings that only a restart changes' do
    source = ENV.fetch('RESTART_ONLY', File.expand_path('../../../src/app/restart_only.rs', MODULE))
    texts = File.read(source).scan(/keep\("([a-z_, ]+)",/).flatten
    # Whether there is TLS is no setting of its own.
    keys = texts.reject { |text| text.start_with?('ssl_') }.flat_map { |text| text.split(/, | and /) }
    config = File.read(File.join(MODULE, 'manifests/config.pp'))
    expect(config[/\$key in \[(.*?)\]/m, 1].scan(/'([a-z_]+)'/).flatten).to match_array(keys)
  end
end
