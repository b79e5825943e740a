/** The part of the support file that serves objects. */
export const SUPPORT_SERVER: string = String.raw`
  # Who calls what.
  CallContext = Struct.new(:sender, :path, :interface, :member)

  # What a handler that nobody has written raises.
  def self.not_implemented(name)
    Error.new("#{name} is not implemented", "#{STANDARD_ERROR}NotSupported")
  end

  # One interface of a served object. A handler raises Error to answer with an error.
  class InterfaceServer
    # Called by ObjectTree.
    def exported_at(tree, path)
      @tree = tree
      @path = path
    end

    # Called by ObjectTree: the values that can be read.
    def property_values
      readable = self.class::INTERFACE.properties.select { |_, about| about.getter }
      readable.to_h { |name, about| [name, Variant.new(about.type, public_send(about.getter))] }
    end

    # Tells that properties have changed, as their annotations say. Set does it by itself.
    def changed(*names)
      interface = self.class::INTERFACE
      readable = names.select { |name| interface.properties.fetch(name).getter }
      emitted, others = readable.partition { |name| interface.properties[name].emits == "true" }
      invalidated = others.select { |name| interface.properties[name].emits == "invalidates" }
      return if emitted.empty? && invalidated.empty?

      values = emitted.to_h do |name|
        about = interface.properties[name]
        [name, Variant.new(about.type, public_send(about.getter))]
      end
      send_signal(PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface.name, values, invalidated])
    end

    private

    def emit_signal(member, values)
      interface = self.class::INTERFACE
      send_signal(interface.name, member, interface.signals.fetch(member), values)
    end

    def send_signal(interface, member, signature, values)
      raise "#{self.class::INTERFACE.name} is not exported, so that it cannot emit #{member}" if @tree.nil?

      @tree.connection.send_signal(@path, interface, member, signature, values)
    end
  end

  STANDARD_XML = <<~XML
    <interface name="org.freedesktop.DBus.Peer">
      <method name="Ping"/>
      <method name="GetMachineId"><arg name="machine_uuid" type="s" direction="out"/></method>
    </interface>
    <interface name="org.freedesktop.DBus.Introspectable">
      <method name="Introspect"><arg name="xml_data" type="s" direction="out"/></method>
    </interface>
    <interface name="org.freedesktop.DBus.Properties">
      <method name="Get">
        <arg name="interface_name" type="s" direction="in"/>
        <arg name="property_name" type="s" direction="in"/>
        <arg name="value" type="v" direction="out"/>
      </method>
      <method name="GetAll">
        <arg name="interface_name" type="s" direction="in"/>
        <arg name="props" type="a{sv}" direction="out"/>
      </method>
      <method name="Set">
        <arg name="interface_name" type="s" direction="in"/>
        <arg name="property_name" type="s" direction="in"/>
        <arg name="value" type="v" direction="in"/>
      </method>
      <signal name="PropertiesChanged">
        <arg name="interface_name" type="s"/>
        <arg name="changed_properties" type="a{sv}"/>
        <arg name="invalidated_properties" type="as"/>
      </signal>
    </interface>
  XML

  MANAGER_XML = <<~XML
    <interface name="org.freedesktop.DBus.ObjectManager">
      <method name="GetManagedObjects"><arg name="objects" type="a{oa{sa{sv}}}" direction="out"/></method>
      <signal name="InterfacesAdded">
        <arg name="object" type="o"/>
        <arg name="interfaces" type="a{sa{sv}}"/>
      </signal>
      <signal name="InterfacesRemoved">
        <arg name="object" type="o"/>
        <arg name="interfaces" type="as"/>
      </signal>
    </interface>
  XML

  DOCTYPE = <<~XML
    <!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
     "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
  XML

  # The objects that are served on a connection.
  class ObjectTree
    attr_reader :connection

    def initialize(connection)
      @connection = connection
      @objects = {}
      @managers = []
      @standard = {
        [PROPERTIES, "Get"] => ["ss", "v", method(:get)],
        [PROPERTIES, "GetAll"] => ["s", "a{sv}", method(:get_all)],
        [PROPERTIES, "Set"] => ["ssv", "", method(:set)],
        [INTROSPECTABLE, "Introspect"] => ["", "s", method(:introspect)],
        [PEER, "Ping"] => ["", "", ->(_context) {}],
        [PEER, "GetMachineId"] => ["", "s", ->(_context) { File.read("/etc/machine-id").strip }],
        [OBJECT_MANAGER, "GetManagedObjects"] => ["", "a{oa{sa{sv}}}", method(:managed)]
      }
      connection.tree = self
    end

    # Serves an interface at a path.
    def export(path, server)
      name = server.class::INTERFACE.name
      interfaces = @objects[path] ||= {}
      raise ArgumentError, "#{path} has #{name} already" if interfaces.key?(name)

      interfaces[name] = server
      server.exported_at(self, path)
      announce(path, "InterfacesAdded", "oa{sa{sv}}") { { name => server.property_values } }
    end

    # Ends that.
    def unexport(path, server)
      name = server.class::INTERFACE.name
      return unless @objects[path]&.fetch(name, nil).equal?(server)

      @objects[path].delete(name)
      @objects.delete(path) if @objects[path].empty?
      server.exported_at(nil, nil)
      announce(path, "InterfacesRemoved", "oas") { [name] }
    end

    # Makes a path an ObjectManager for everything below it.
    def export_object_manager(path)
      @managers << path
    end

    # Called by the connection.
    def answer(message)
      reply = act(message)
    rescue Error => e
      reply = error_reply(message, e.error_name, e.message)
    rescue StandardError => e
      warn "#{message.interface}.#{message.member} failed: #{e.full_message}"
      reply = error_reply(message, Error::ERROR_NAME, e.message)
    ensure
      @connection.message_queue.push(reply) if message.wants_reply?
    end

    private

    def error(name, text)
      Error.new(text, STANDARD_ERROR + name)
    end

    def error_reply(message, name, text)
      reply = Outgoing.new(DBus::Message::ERROR).reply_to(message).set_body("s", [text.scrub.delete("\0")])
      reply.error_name = name
      reply
    end

    def act(message)
      input, output, handler = find(message)
      unless message.signature == input
        raise error("InvalidArgs", "The arguments of #{message.member} are #{input.inspect}")
      end

      context = CallContext.new(message.sender, message.path, message.interface, message.member)
      args = input.empty? ? [] : message.params
      result = handler.call(*args, context)
      count = RpcgenDbus.types_of(output).size
      values = count.zero? ? [] : count == 1 ? [result] : result
      Outgoing.new(DBus::Message::METHOD_RETURN).reply_to(message).set_body(output, values)
    end

    def below?(path, root)
      path != root && path.start_with?(root == "/" ? root : "#{root}/")
    end

    def find(message)
      path, interface, member = message.path, message.interface, message.member
      is_known = @objects.key?(path) || @managers.include?(path) || @objects.keys.any? { |other| below?(other, path) }
      raise error("UnknownObject", "There is no object at #{path}") unless is_known || interface == PEER

      standard = @standard[[interface, member]]
      return standard if standard && (interface != OBJECT_MANAGER || @managers.include?(path))

      @objects.fetch(path, {}).each do |name, server|
        method = server.class::INTERFACE.methods_by_name[member]
        next if method.nil? || ![nil, name].include?(interface)

        return [method.input, method.output, server.method(method.attribute)]
      end
      raise error("UnknownMethod", "The object has no method #{member}")
    end

    def property(interface, name, path)
      @objects.fetch(path, {}).each do |owner, server|
        about = server.class::INTERFACE.properties[name]
        return [server, about] if about && ["", owner].include?(interface)
      end
      raise error("UnknownProperty", "The object has no property #{name}")
    end

    def get(interface, name, context)
      server, about = property(interface, name, context.path)
      raise error("AccessDenied", "Property #{name} can only be written") if about.getter.nil?

      Variant.new(about.type, server.public_send(about.getter))
    end

    def set(interface, name, value, context)
      server, about = property(interface, name, context.path)
      raise error("PropertyReadOnly", "Property #{name} can only be read") if about.setter.nil?
      raise error("InvalidArgs", "Property #{name} is #{about.type.inspect}") unless value.signature == about.type

      server.public_send(about.setter, value.value, context)
      server.changed(name)
    end

    def get_all(interface, context)
      servers = @objects.fetch(context.path, {})
      unless interface.empty? || servers.key?(interface)
        raise error("UnknownInterface", "The object has no interface #{interface}")
      end

      wanted = interface.empty? ? servers.values : [servers[interface]]
      wanted.map(&:property_values).reduce({}, :merge)
    end

    def introspect(context)
      prefix = context.path == "/" ? "/" : "#{context.path}/"
      below = @objects.keys.select { |path| below?(path, context.path) }
      children = below.map { |path| path.delete_prefix(prefix).split("/").first }.uniq.sort
      interfaces = @objects.fetch(context.path, {}).values.map { |server| "#{server.class::INTERFACE.xml}\n" }
      manager = @managers.include?(context.path) ? MANAGER_XML : ""
      nodes = children.map { |child| %(<node name="#{child}"/>\n) }
      [DOCTYPE, "<node>\n", STANDARD_XML, manager, *interfaces, *nodes, "</node>\n"].join
    end

    def values_at(path)
      @objects[path].transform_values(&:property_values)
    end

    def managed(context)
      @objects.keys.select { |path| below?(path, context.path) }.to_h { |path| [path, values_at(path)] }
    end

    def announce(path, member, signature)
      @managers.each do |root|
        @connection.send_signal(root, OBJECT_MANAGER, member, signature, [path, yield]) if below?(path, root)
      end
    end
  end
end
`;
