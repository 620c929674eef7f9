# Renders a template for Foreman as Foreman does, with stubs for what Foreman offers to it, and prints what comes of it as JSON.
#
#     ruby templates.rb host_hint|addresses FILE

require 'erb'
require 'json'

# Has nothing: every method is nil, whatever its name.
class Nothing < BasicObject
  def method_missing(*)
    nil
  end

  def respond_to_missing?(*)
    true
  end
end

class Row
  def initialize(fields)
    @fields = fields
  end

  # As with Foreman's safe mode, what a template may not use is an error.
  def method_missing(name, *)
    @fields.fetch(name)
  end

  def respond_to_missing?(*)
    true
  end
end

class Webhook
  def initialize(object)
    @object = object
  end

  # WebhookTemplate of foreman_webhooks 3.2.
  def payload(hash, with_defaults: true)
    hash.merge(event_name: 'host_updated.event.foreman', webhook_id: 1).to_json
  end

  def render(erb)
    erb.result(binding)
  end
end

class Report
  def initialize(hosts)
    @hosts = hosts
    @rows = []
  end

  def load_hosts(includes: nil)
    raise 'interfaces and subnets are to be loaded at once' unless includes == [interfaces: %i[subnet subnet6]]

    self
  end

  def each_record(&block)
    @hosts.each(&block)
  end

  # Foreman::Renderer::Scope::Report, which takes a hash in some versions and keywords in others.
  def report_row(row = {}, **keywords)
    @rows << row.merge(keywords)
  end

  def report_render
    @rows.to_json
  end

  def render(erb)
    erb.result(binding)
  end
end

kind, file = ARGV
text = File.read(file)
erb = -> { ERB.new(text, trim_mode: '-') }

def nic(more = {})
  empty = { identifier: nil, attached_to: nil, mac: nil, ip: nil, ip6: nil, subnet: nil, subnet6: nil }
  Row.new(empty.merge(more))
end

outcome =
  case kind
  when 'host_hint'
    objects = [nil, Nothing.new, Row.new(id: nil), Row.new(id: 7)]
    objects.map { |object| JSON.parse(Webhook.new(object).render(erb.call)) }
  when 'addresses'
    subnet = Row.new(id: 3)
    hosts = [
      Row.new(id: 1, name: nil, interfaces: []),
      Row.new(id: nil, name: nil, interfaces: [nic]),
      Row.new(id: 2, name: 'web.example.com', interfaces: [
                nic(identifier: 'eth0', mac: '52:54:00:00:00:01', ip: '192.0.2.5', subnet: subnet),
                nic(identifier: 'eth0.7', attached_to: 'eth0', ip6: '2001:db8::5', subnet6: subnet)
              ])
    ]
    [JSON.parse(Report.new([]).render(erb.call)), JSON.parse(Report.new(hosts).render(erb.call))]
  end
puts outcome.to_json
