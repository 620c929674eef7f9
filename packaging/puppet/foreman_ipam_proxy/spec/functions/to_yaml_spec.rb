# frozen_string_literal: true

require 'spec_helper'

describe 'foreman_ipam_proxy::to_yaml' do
  def sensitive(value)
    Puppet::Pops::Types::PSensitiveType::Sensitive.new(value)
  end

  def text(settings)
    subject.execute(settings).unwrap
  end

  it 'is Sensitive, whatever it holds' do
    expect(subject.execute({}).class).to eq(Puppet::Pops::Types::PSensitiveType::Sensitive)
    expect(text({})).to eq("---\n")
  end

  it 'writes a line for each key, in the order of the keys' do
    expect(text('url' => 'https://a', 'read_attempts' => 2, 'verify_tls' => false, 'tags' => %w[a b]))
      .to eq(%(---\nurl: "https://a"\nread_attempts: 2\nverify_tls: false\ntags: ["a","b"]\n))
  end

  it 'leaves out what is undef, at any depth' do
    expect(text('tenant' => nil, 'custom_fields' => { 'a' => nil, 'b' => 1 }, 'tags' => [nil, 'a']))
      .to eq(%(---\ncustom_fields: {"b":1}\ntags: ["a"]\n))
  end

  it 'unwraps what is Sensitive, at any depth' do
    expect(text(sensitive('token' => sensitive('geheim'), 'custom_fields' => { 'a' => sensitive('b') })))
      .to eq(%(---\ntoken: "geheim"\ncustom_fields: {"a":"b"}\n))
  end

  [
    '0123', '3.10', '1e5', '0o17', '0x1F', 'yes', 'null', '~', '', ' ', "'", '"', '\\', '#', 'a: b', 'a #b', '- a', '*a', '&a',
    '!a', '%a', '@a', '`a', '{a}', '[a]', '|', '>', "a\nb", "a\tb", "\u0001", "\u007f", "\u0085", "\u2028", "\ufeff", "\u00e4\u20ac", "\u{1F511}", '2001-01-01'
  ].each do |value|
    it "keeps the text #{value.inspect} what it is" do
      expect(YAML.safe_load(text('password' => value))).to eq('password' => value)
      expect(YAML.safe_load(text('list' => [value], 'hash' => { value => value }))).to eq('list' => [value], 'hash' => { value => value })
    end
  end

  it 'refuses what is no data' do
    expect { text('a' => Float::INFINITY) }.to raise_error(/expected finite numbers/)
    expect { text('a' => /x/) }.to raise_error(/expected data/)
    expect { text('A key' => 1) }.to raise_error(ArgumentError)
  end
end
