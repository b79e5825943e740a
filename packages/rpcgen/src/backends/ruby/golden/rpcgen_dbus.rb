# frozen_string_literal: true

# Support for the output of xc-rpcgen --lang ruby; the same for every document. Stands on ruby-dbus 0.16 for sockets,
# authentication and its main loop; bodies of messages are read and written here, because that library forgets the
# types of variants, and waits for ever on a message that ends in a signature.
#
# Values: integers are Integer, "d" is Float, "b" true or false, "s", "o" and "g" are String, "ay" is a binary String,
# other arrays are Array, "a{KV}" is Hash, structs are Array, "v" is Variant. There are no file descriptors.

require "dbus"

module RpcgenDbus
  PROPERTIES = "org.freedesktop.DBus.Properties"
  INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
  OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
  PEER = "org.freedesktop.DBus.Peer"
  DRIVER = "org.freedesktop.DBus"
  STANDARD_ERROR = "org.freedesktop.DBus.Error."

  # A value with its type, a signature of one complete type.
  Variant = Struct.new(:signature, :value)

  # A method of an interface: attribute is its name in the classes, timeout in seconds.
  Method = Struct.new(:input, :output, :attribute, :no_reply, :timeout, keyword_init: true)

  # A property; getter and setter are nil where its access forbids them.
  Property = Struct.new(:type, :emits, :getter, :setter, keyword_init: true)

  # An interface by its names on the wire.
  Interface = Struct.new(:name, :xml, :methods_by_name, :signals, :properties, :errors, keyword_init: true)

  # An error reply: raised by a handler it is sent, received it is raised at the caller.
  class Error < StandardError
    attr_reader :error_name

    def initialize(message = "", error_name = self.class::ERROR_NAME)
      super(message)
      @error_name = error_name
    end

    ERROR_NAME = "#{STANDARD_ERROR}Failed"
    CODE = nil
  end

  # A value is not of the type that the document declares; the text begins with where it stands.
  class BadValue < ArgumentError; end

  # A peer has sent values of other types than the document declares.
  class UnexpectedSignature < StandardError; end

  # No answer within the time-out.
  class TimedOut < StandardError; end

  # Splits a signature into its complete types.
  def self.types_of(signature)
    @types ||= {}
    @types[signature] ||= DBus::Type::Parser.new(signature).parse
  rescue DBus::Type::SignatureException
    raise BadValue, "#{signature.inspect} is no signature"
  end

  INTEGERS = {
    "y" => [1, "C", 0..0xff], "n" => [2, "s", -0x8000..0x7fff], "q" => [2, "S", 0..0xffff],
    "i" => [4, "l", -0x8000_0000..0x7fff_ffff], "u" => [4, "L", 0..0xffff_ffff],
    "x" => [8, "q", -0x8000_0000_0000_0000..0x7fff_ffff_ffff_ffff],
    "t" => [8, "Q", 0..0xffff_ffff_ffff_ffff]
  }.freeze
  LITTLE_ENDIAN = "l".ord
  ALIGNMENTS = { "y" => 1, "g" => 1, "v" => 1, "n" => 2, "q" => 2, "x" => 8, "t" => 8, "d" => 8, "r" => 8, "e" => 8 }.freeze

  # Values to bytes, little-endian, checked. Raises BadValue.
  class Writer
    attr_reader :bytes

    def initialize
      @bytes = String.new(encoding: Encoding::BINARY)
    end

    def align(size)
      @bytes << ("\0" * (-@bytes.bytesize % size))
    end

    def write_all(signature, values)
      types = RpcgenDbus.types_of(signature)
      raise BadValue, "args: #{values.size} values for #{signature.inspect}" unless types.size == values.size

      types.zip(values).each_with_index { |(type, value), index| write(type, value, "args[#{index}]") }
      self
    end

    def write(type, value, where)
      code = type.sigtype
      if INTEGERS.key?(code) then write_integer(code, value, where)
      else
        case code
        when "b" then write_boolean(value, where)
        when "d" then write_double(value, where)
        when "s", "o" then write_text(code, value, where)
        when "g" then write_signature(value, where)
        when "v" then write_variant(value, where)
        when "a" then write_array(type.child, value, where)
        when "h" then raise BadValue, "#{where}: ruby-dbus passes no file descriptors"
        else write_struct(type.members, value, where)
        end
      end
    end

    private

    def expect(condition, where, value, what)
      raise BadValue, "#{where}: #{value.inspect} is not #{what}" unless condition
    end

    def write_integer(code, value, where)
      size, pack, range = INTEGERS[code]
      expect(value.is_a?(Integer) && range.cover?(value), where, value, "an integer in #{range}")
      align(size)
      @bytes << [value].pack(size == 1 ? pack : "#{pack}<")
    end

    def write_boolean(value, where)
      expect([true, false].include?(value), where, value, "true or false")
      align(4)
      @bytes << [value ? 1 : 0].pack("L<")
    end

    def write_double(value, where)
      expect(value.is_a?(Numeric), where, value, "a number")
      align(8)
      @bytes << [value].pack("E")
    end

    def write_text(code, value, where)
      text = checked_text(value, where)
      is_path = text.match?(%r{\A/(?:[A-Za-z0-9_]+(?:/[A-Za-z0-9_]+)*)?\z}n)
      expect(code == "s" || is_path, where, value, "an object path")
      align(4)
      @bytes << [text.bytesize].pack("L<") << text << "\0"
    end

    def write_signature(value, where)
      text = checked_text(value, where)
      RpcgenDbus.types_of(value)
      expect(text.bytesize < 256, where, value, "a signature")
      @bytes << text.bytesize << text << "\0"
    end

    def checked_text(value, where)
      is_text = value.is_a?(String) && value.encode(Encoding::UTF_8).valid_encoding? && !value.include?("\0")
      expect(is_text, where, value, "UTF-8 without NUL")
      value.encode(Encoding::UTF_8).b
    end

    def write_variant(value, where)
      expect(value.is_a?(Variant), where, value, "a Variant")
      types = RpcgenDbus.types_of(value.signature)
      expect(types.size == 1, where, value.signature, "one type")
      write_signature(value.signature, where)
      write(types.first, value.value, where)
    end

    def write_array(type, value, where)
      align(4)
      start = @bytes.bytesize
      @bytes << "\0\0\0\0"
      align(ALIGNMENTS.fetch(type.sigtype, 4))
      content = @bytes.bytesize
      write_items(type, value, where)
      @bytes[start, 4] = [@bytes.bytesize - content].pack("L<")
    end

    def write_items(type, value, where)
      case type.sigtype
      when "y"
        expect(value.is_a?(String), where, value, "a binary String")
        @bytes << value.b
      when "e"
        expect(value.is_a?(Hash), where, value, "a Hash")
        value.each { |key, item| write_struct(type.members, [key, item], "#{where}[#{key.inspect}]") }
      else
        expect(value.is_a?(Array), where, value, "an Array")
        value.each_with_index { |item, index| write(type, item, "#{where}[#{index}]") }
      end
    end

    def write_struct(members, value, where)
      expect(value.is_a?(Array) && value.size == members.size, where, value, "an Array of #{members.size}")
      align(8)
      members.zip(value).each_with_index { |(type, item), index| write(type, item, "#{where}[#{index}]") }
    end
  end

  # Bytes to values.
  class Reader
    def initialize(bytes, is_little, position = 0)
      @bytes = bytes
      @suffix = is_little ? "<" : ">"
      @is_little = is_little
      @position = position
    end

    def read_all(signature)
      RpcgenDbus.types_of(signature).map { |type| read(type) }
    end

    def align(size)
      @position += -@position % size
    end

    def read(type)
      code = type.sigtype
      return integer(code) if INTEGERS.key?(code)

      case code
      when "b" then integer("u") == 1
      when "d" then align(8) && take(8).unpack1(@is_little ? "E" : "G")
      when "s", "o" then text(integer("u"))
      when "g" then text(integer("y"))
      when "v" then variant
      when "a" then array(type.child)
      when "h" then raise UnexpectedSignature, "ruby-dbus passes no file descriptors"
      else
        align(8)
        type.members.map { |member| read(member) }
      end
    end

    private

    def take(size)
      part = @bytes.byteslice(@position, size)
      raise UnexpectedSignature, "The message is too short" if part.nil? || part.bytesize < size

      @position += size
      part
    end

    def integer(code)
      size, pack, = INTEGERS[code]
      align(size)
      take(size).unpack1(size == 1 ? pack : pack + @suffix)
    end

    def text(size)
      value = take(size).force_encoding(Encoding::UTF_8)
      take(1)
      value
    end

    def variant
      signature = text(integer("y"))
      type, *more = RpcgenDbus.types_of(signature)
      raise UnexpectedSignature, "A variant has one type" if type.nil? || !more.empty?

      Variant.new(signature, read(type))
    end

    def array(type)
      size = integer("u")
      align(ALIGNMENTS.fetch(type.sigtype, 4))
      return take(size) if type.sigtype == "y"

      finish = @position + size
      items = []
      items << read(type) while @position < finish
      type.sigtype == "e" ? items.to_h : items
    end
  end

  # A message that is sent.
  class Outgoing < DBus::Message
    attr_writer :wants_no_reply

    def set_body(signature, values)
      @signature = signature
      @body = Writer.new.write_all(signature, values).bytes
      self
    end

    def marshall
      fields = [[PATH, "o", path], [INTERFACE, "s", interface], [MEMBER, "s", member], [ERROR_NAME, "s", error_name],
                [REPLY_SERIAL, "u", reply_serial], [DESTINATION, "s", destination], [SIGNATURE, "g", signature]]
      used = fields.reject { |_, _, value| value.nil? || value == "" }.map { |id, type, value| [id, Variant.new(type, value)] }
      body = @body || ""
      flags = message_type == METHOD_CALL ? (@wants_no_reply ? NO_REPLY_EXPECTED : 0) : NO_REPLY_EXPECTED
      head = [LITTLE_ENDIAN, message_type, flags, 1, body.bytesize, serial, used]
      writer = Writer.new.write_all("yyyyuua(yv)", head)
      writer.align(8)
      writer.bytes + body
    end
  end

  # A message that has come.
  class Incoming < DBus::Message
    # Gives the message at the start of a buffer and its size; nil while it is incomplete.
    def self.parse(buffer)
      return nil if buffer.bytesize < 16

      is_little = buffer.getbyte(0) == LITTLE_ENDIAN
      body_size, _serial, fields_size = buffer.byteslice(4, 12).unpack(is_little ? "L<3" : "L>3")
      start = 16 + fields_size
      start += -start % 8
      return nil if buffer.bytesize < start + body_size

      [new.fill(buffer.byteslice(0, start + body_size), is_little, start), start + body_size]
    end

    def fill(bytes, is_little, start)
      @is_little = is_little
      @bytes = bytes
      @start = start
      _, @message_type, @flags, @protocol, _, @serial, fields = Reader.new(bytes, is_little).read_all("yyyyuua(yv)")
      names = { PATH => :@path, INTERFACE => :@interface, MEMBER => :@member, ERROR_NAME => :@error_name,
                REPLY_SERIAL => :@reply_serial, DESTINATION => :@destination, SENDER => :@sender, SIGNATURE => :@signature }
      fields.each { |id, variant| instance_variable_set(names[id], variant.value) if names.key?(id) }
      self
    end

    def wants_reply?
      (@flags & NO_REPLY_EXPECTED).zero?
    end

    def params
      @params = Reader.new(@bytes, @is_little, @start).read_all(@signature) if @params.empty?
      @params
    end
  end

  # Reads messages with the class above.
  module ExactMessages
    def message_from_buffer_nonblock
      @buffer = @buffer.b unless @buffer.encoding == Encoding::BINARY
      message, size = Incoming.parse(@buffer)
      @buffer = @buffer.byteslice(size..) unless message.nil?
      message
    end
  end

  # A connection to a bus. DBus::Main runs it.
  class Connection < DBus::Connection
    # Answers calls; set by ObjectTree.
    attr_accessor :tree

    def initialize(address)
      super
      @subscriptions = []
      @owners = {}
      @message_queue.extend(ExactMessages)
      send_hello
    end

    # Calls and waits for the reply. Raises Error, TimedOut.
    def call(message, timeout)
      reply = nil
      on_return(message) { |result| reply = result }
      @message_queue.push(message)
      deadline = timeout && (Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout)
      wait_once(message, deadline) while reply.nil?
      raise Error.new(reply.message.to_s, reply.name) if reply.is_a?(DBus::Error)

      reply
    end

    def call_driver(member, signature, values)
      call(new_call(DRIVER, "/org/freedesktop/DBus", DRIVER, member).set_body(signature, values), 25)
    end

    def request_name(name)
      owner = call_driver("RequestName", "su", [name, NAME_FLAG_DO_NOT_QUEUE]).params.first
      raise Error.new("#{name} is taken", "#{STANDARD_ERROR}AddressInUse") unless owner == REQUEST_NAME_REPLY_PRIMARY_OWNER
    end

    def new_call(destination, path, interface, member)
      message = Outgoing.new(DBus::Message::METHOD_CALL)
      message.destination = destination
      message.path = path
      message.interface = interface
      message.member = member
      message
    end

    def send_signal(path, interface, member, signature, values)
      message = Outgoing.new(DBus::Message::SIGNAL)
      message.path = path
      message.interface = interface
      message.member = member
      @message_queue.push(message.set_body(signature, values))
    end

    # Calls the block with every signal of the owner of a name; gives what unsubscribe takes.
    def subscribe(sender, path, interface, member, &block)
      watch_owner(sender)
      rule = "type='signal',sender='#{sender}',path='#{path}',interface='#{interface}',member='#{member}'"
      call_driver("AddMatch", "s", [rule])
      subscription = [sender, path, interface, member, block, rule]
      @subscriptions << subscription
      subscription
    end

    def unsubscribe(subscription)
      return unless @subscriptions.delete(subscription)

      call_driver("RemoveMatch", "s", [subscription.last])
    end

    def process(message)
      case message.message_type
      when DBus::Message::METHOD_CALL then @tree ? @tree.answer(message) : refuse(message)
      when DBus::Message::SIGNAL then deliver(message)
      else super
      end
    end

    private

    def refuse(message)
      text = "There is no object at #{message.path}"
      reply = Outgoing.new(DBus::Message::ERROR).reply_to(message).set_body("s", [text])
      reply.error_name = "#{STANDARD_ERROR}UnknownObject"
      @message_queue.push(reply) if message.wants_reply?
    end

    def wait_once(message, deadline)
      received = @message_queue.message_from_buffer_nonblock
      return process(received) unless received.nil?

      left = deadline && [deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC), 0].max
      if IO.select([@message_queue.socket], nil, nil, left).nil?
        @method_call_replies.delete(message.serial)
        @method_call_msgs.delete(message.serial)
        raise TimedOut, "#{message.interface}.#{message.member} did not answer in time"
      end
      @message_queue.buffer_from_socket_nonblock
    end

    def watch_owner(name)
      return if name.start_with?(":") || name == DRIVER || @owners.key?(name)

      @owners[name] = nil
      subscribe(DRIVER, "/org/freedesktop/DBus", DRIVER, "NameOwnerChanged") do |changed, _old, owner|
        @owners[changed] = owner if @owners.key?(changed)
      end
      @owners[name] = call_driver("GetNameOwner", "s", [name]).params.first
    rescue Error => e
      raise unless e.error_name == "#{STANDARD_ERROR}NameHasNoOwner"
    end

    def deliver(message)
      @subscriptions.dup.each do |sender, path, interface, member, block, _rule|
        wanted = [path, interface, member] == [message.path, message.interface, message.member]
        block.call(*message.params, message) if wanted && message.sender == @owners.fetch(sender, sender)
      end
    end
  end

  # One interface of an object on the bus. Calls block; timeout is in seconds.
  class InterfaceClient
    DEFAULT_TIMEOUT = 25

    def initialize(connection, destination, path)
      @connection = connection
      @destination = destination
      @path = path
    end

    private

    def interface_description
      self.class::INTERFACE
    end

    def send_call(interface, member, input, values)
      message = @connection.new_call(@destination, @path, interface, member).set_body(input, values)
      yield message
    end

    def invoke(member, values, timeout)
      method = interface_description.methods_by_name.fetch(member)
      send_call(interface_description.name, member, method.input, values) do |message|
        if method.no_reply
          message.wants_no_reply = true
          @connection.message_queue.push(message)
          nil
        else
          results = finish(message, method.output, timeout || method.timeout)
          results.size > 1 ? results : results.first
        end
      end
    end

    def finish(message, output, timeout)
      reply = @connection.call(message, timeout || DEFAULT_TIMEOUT)
      unless reply.signature == output
        raise UnexpectedSignature, "#{message.member} gave #{reply.signature.inspect} and not #{output.inspect}"
      end
      reply.params
    rescue Error => e
      known = interface_description.errors.find { |one| one::ERROR_NAME == e.error_name }
      raise known.nil? ? e : known.new(e.message)
    end

    def standard(member, input, output, values, timeout)
      send_call(PROPERTIES, member, input, values) { |message| finish(message, output, timeout).first }
    end

    def read_property(name, timeout)
      value = standard("Get", "ss", "v", [interface_description.name, name], timeout)
      wanted = interface_description.properties.fetch(name).type
      raise UnexpectedSignature, "Property #{name} is #{value.signature.inspect}" unless value.signature == wanted

      value.value
    end

    def write_property(name, value, timeout)
      variant = Variant.new(interface_description.properties.fetch(name).type, value)
      standard("Set", "ssv", "", [interface_description.name, name, variant], timeout)
      nil
    end

    def read_properties(timeout)
      known_properties(standard("GetAll", "s", "a{sv}", [interface_description.name], timeout))
    end

    def known_properties(values)
      known = values.select { |name, value| interface_description.properties[name]&.type == value.signature }
      known.transform_values(&:value)
    end

    def subscribe(member, &block)
      signature = interface_description.signals.fetch(member)
      @connection.subscribe(@destination, @path, interface_description.name, member) do |*args, message|
        block.call(*args) if message.signature == signature
      end
    end

    def subscribe_changes
      @connection.subscribe(@destination, @path, PROPERTIES, "PropertiesChanged") do |*args, message|
        if message.signature == "sa{sv}as" && args.first == interface_description.name
          yield known_properties(args[1]), args[2]
        end
      end
    end
  end

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
