/** A Ruby program that serves the torture document by asking another server for everything, for the relay tests. */
export const RELAY: string = String.raw`
require_relative "torture_client"
require_relative "torture_server"

PATH = "/org/example/torture"
address, source, name = ARGV
asking = RpcgenDbus::Connection.new(address)
serving = RpcgenDbus::Connection.new(address)
tree = RpcgenDbus::ObjectTree.new(serving)

TortureDBus.constants.grep(/Server\z/).each do |key|
  base = TortureDBus.const_get(key)
  client_class = TortureDBus.const_get(key.to_s.sub(/Server\z/, "Client"))
  client = client_class.new(asking, source, PATH)
  interface = base::INTERFACE
  implementation = Class.new(base)
  interface.methods_by_name.each_value do |one|
    implementation.define_method(one.attribute) { |*args| client.public_send(one.attribute, *args[0...-1]) }
  end
  interface.properties.each_value do |one|
    implementation.define_method(one.getter) { client.public_send(one.getter) } if one.getter
    implementation.define_method(one.setter) { |value, _context| client.public_send(one.setter, value) } if one.setter
  end
  server = implementation.new
  tree.export(PATH, server)
  subscribers = client_class.public_instance_methods(false).grep(/\Aon_/) - [:on_properties_changed]
  emitters = base.public_instance_methods(false).grep(/\Aemit_/) - interface.methods_by_name.values.map { |one| one.attribute.to_sym }
  raise "#{interface.name}: #{subscribers} #{emitters}" unless subscribers.size == interface.signals.size

  subscribers.zip(emitters) { |subscribe, emit| client.public_send(subscribe) { |*args| server.public_send(emit, *args) } }
  next unless interface.name.end_with?(".Annotated")

  client.on_properties_changed { |changed, invalidated| server.changed(*changed.keys, *invalidated) }
end

serving.request_name(name)
puts "ready"
$stdout.flush
main = DBus::Main.new
main << asking
main << serving
main.run
`;
