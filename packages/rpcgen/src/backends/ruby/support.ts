/** The file that stands beside all generated Ruby: values on the wire, connections, and clients. */
import { SUPPORT_SERVER } from './support-server.ts';

const SUPPORT_CLIENT = String.raw`# frozen_string_literal: true

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
`;

/** The whole file. */
export const SUPPORT: string = SUPPORT_CLIENT + SUPPORT_SERVER;
