# frozen_string_literal: true

require 'json'

# Settings as a YAML file of foreman-ipam-proxy.
#
# Each value is written as JSON, which is YAML in which nothing can be taken for something else: a token `0123` stays a
# text, and quotes, colons and hashes in a password need no thought. YAML's own writers leave texts such as `1e5` and `0o17`
# without quotes, and other readers of YAML than theirs take those for numbers.
Puppet::Functions.create_function(:'foreman_ipam_proxy::to_yaml') do
  # @param settings The settings by key. What is undef is left out, at any depth; what is Sensitive is unwrapped.
  # @return [Sensitive[String]] The text of the file. Whoever knows that there is no secret in it may unwrap it.
  # @example
  #   foreman_ipam_proxy::to_yaml({ 'token' => Sensitive('0123'), 'tags' => ['a'], 'tenant' => undef }).unwrap
  #   # ---
  #   # token: "0123"
  #   # tags: ["a"]
  dispatch :to_yaml do
    param 'Variant[Hash[Pattern[/\A[a-z][a-z0-9_]*\z/], Any], Sensitive[Hash[Pattern[/\A[a-z][a-z0-9_]*\z/], Any]]]', :settings
    return_type 'Sensitive[String]'
  end

  def to_yaml(settings)
    lines = plain(settings).map { |key, value| "#{key}: #{json(value)}\n" }
    Puppet::Pops::Types::PSensitiveType::Sensitive.new("---\n#{lines.join}")
  end

  # What JSON lets stand in a text and YAML does not is escaped: DEL, the C1 controls, Unicode's line breaks, byte order marks.
  def json(value)
    JSON.generate(value).gsub(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/) { |character| format('\\u%04x', character.ord) }
  end

  # The value without wrappers and without what is undef.
  def plain(value)
    case value
    when Puppet::Pops::Types::PSensitiveType::Sensitive
      plain(value.unwrap)
    when Hash
      value.transform_values { |item| plain(item) }.compact
    when Array
      value.map { |item| plain(item) }.compact
    when nil, String, Integer, true, false
      value
    when Float
      raise Puppet::ParseError, 'foreman_ipam_proxy::to_yaml: expected finite numbers' unless value.finite?

      value
    when :undef
      nil
    else
      raise Puppet::ParseError, "foreman_ipam_proxy::to_yaml: expected data, not a value of class #{value.class}"
    end
  end
end
