"""Support for the output of xc-rpcgen --lang python; the same for every document.

Stands on dbus-python (Debian: python3-dbus, and python3-gi for its main loop). Values: integers are int, "d" is float,
"b" is bool, "s", "o" and "g" are str, "h" is an int (who receives one closes it; one that is sent stays open), "ay" is
bytes, other arrays are lists, "a{KV}" is a dict, structs are tuples, "v" is Variant.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Type

import dbus
import dbus.bus
import dbus.lowlevel
import dbus.mainloop.glib

PROPERTIES = "org.freedesktop.DBus.Properties"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
STANDARD_ERROR = "org.freedesktop.DBus.Error."

log = logging.getLogger(__name__)


class DbusError(Exception):
    """An error reply: raised by a handler it is sent, received it is raised at the caller."""

    error_name: str = STANDARD_ERROR + "Failed"
    error_code: Optional[int] = None

    def __init__(self, message: str, error_name: Optional[str] = None) -> None:
        super().__init__(message)
        self.message = message
        if error_name is not None:
            self.error_name = error_name


class BadValue(ValueError):
    """A value is not of the type that the document declares; the text begins with where it stands."""


class UnexpectedSignature(Exception):
    """A peer has sent values of other types than the document declares."""


@dataclass(frozen=True)
class Variant:
    """A value with its type, a signature of one complete type."""

    signature: str
    value: Any


@dataclass(frozen=True)
class Method:
    """A method of an interface; attribute is its name in the classes, timeout in seconds."""

    input: str
    output: str
    attribute: str = ""
    no_reply: bool = False
    timeout: float = -1.0


@dataclass(frozen=True)
class Property:
    """A property of an interface; getter and setter are empty where its access forbids them."""

    type: str
    emits: str = "true"
    getter: str = ""
    setter: str = ""


@dataclass(frozen=True)
class Interface:
    """An interface by its names on the wire."""

    name: str
    xml: str = ""
    methods: Mapping[str, Method] = field(default_factory=dict)
    signals: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, Property] = field(default_factory=dict)
    errors: Tuple[Type[DbusError], ...] = ()


# Values

_INTEGERS = {
    "y": dbus.Byte,
    "n": dbus.Int16,
    "q": dbus.UInt16,
    "i": dbus.Int32,
    "u": dbus.UInt32,
    "x": dbus.Int64,
    "t": dbus.UInt64,
    "h": dbus.types.UnixFd,
}
_TEXTS = {"s": dbus.String, "o": dbus.ObjectPath, "g": dbus.Signature}
_CODES = {kind: code for code, kind in [*_INTEGERS.items(), *_TEXTS.items()]}
_CODES.update({dbus.Boolean: "b", dbus.Double: "d"})


def complete_types(signature: str) -> List[str]:
    """Splits a signature."""
    return [str(one) for one in dbus.Signature(signature)]


def encode(signature: str, value: Any, where: str, level: int = 0) -> Any:
    """Gives a value as dbus-python wants it. Raises BadValue."""
    try:
        return _encode(signature, value, where, level)
    except BadValue:
        raise
    except (TypeError, ValueError, OverflowError) as cause:
        raise BadValue(f'{where}: {value!r} is no "{signature}": {cause}') from cause


def _encode(signature: str, value: Any, where: str, level: int) -> Any:
    code = signature[0]
    if code in _INTEGERS:
        _expect(isinstance(value, int) and not isinstance(value, bool), "not an integer")
        return _INTEGERS[code](value, variant_level=level)
    if code in _TEXTS:
        _expect(isinstance(value, str) and "\0" not in value, "not a string without NUL")
        value.encode("utf-8")
        return _TEXTS[code](value, variant_level=level)
    if code == "b":
        _expect(isinstance(value, bool), "not a bool")
        return dbus.Boolean(value, variant_level=level)
    if code == "d":
        _expect(isinstance(value, (int, float)) and not isinstance(value, bool), "not a number")
        return dbus.Double(value, variant_level=level)
    if code == "v":
        _expect(isinstance(value, Variant), "not a Variant")
        _expect(len(complete_types(value.signature)) == 1, "not of one type")
        return encode(value.signature, value.value, where, level + 1)
    if code == "(":
        return _encode_struct(signature[1:-1], value, where, level)
    if signature == "ay":
        _expect(isinstance(value, (bytes, bytearray)), "not bytes")
        return dbus.ByteArray(bytes(value), variant_level=level)
    if signature.startswith("a{"):
        return _encode_dict(signature[2:-1], value, where, level)
    _expect(isinstance(value, (list, tuple)), "not a list")
    items = [encode(signature[1:], item, f"{where}[{index}]") for index, item in enumerate(value)]
    return dbus.Array(items, signature=signature[1:], variant_level=level)


def _encode_struct(signature: str, value: Any, where: str, level: int) -> Any:
    types = complete_types(signature)
    _expect(isinstance(value, (tuple, list)) and len(value) == len(types), f"not {len(types)} fields")
    fields = tuple(encode(one, item, f"{where}[{i}]") for i, (one, item) in enumerate(zip(types, value)))
    return dbus.Struct(fields, signature=signature, variant_level=level)


def _encode_dict(signature: str, value: Any, where: str, level: int) -> Any:
    _expect(isinstance(value, dict), "not a dict")
    entries = {
        encode(signature[0], key, f"{where} key"): encode(signature[1:], item, f"{where}[{key!r}]")
        for key, item in value.items()
    }
    return dbus.Dictionary(entries, signature=signature, variant_level=level)


def _expect(condition: bool, problem: str) -> None:
    if not condition:
        raise TypeError(problem)


def decode(value: Any) -> Any:
    """Gives a value of dbus-python as a plain one."""
    level = value.variant_level
    plain = _decode_plain(value)
    if level == 0:
        return plain
    plain = Variant(_type_of(value), plain)
    for _ in range(level - 1):
        plain = Variant("v", plain)
    return plain


def _decode_plain(value: Any) -> Any:
    if isinstance(value, dbus.Boolean):
        return bool(value)
    if isinstance(value, dbus.types.UnixFd):
        return value.take()
    if isinstance(value, dbus.Double):
        return float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dbus.Dictionary):
        return {decode(key): decode(item) for key, item in value.items()}
    if isinstance(value, dbus.Struct):
        return tuple(decode(item) for item in value)
    return bytes(value) if value.signature == "y" else [decode(item) for item in value]


def _type_of(value: Any) -> str:
    """The type of a value, without the variants around it."""
    if isinstance(value, dbus.Dictionary):
        return "a{" + str(value.signature) + "}"
    if isinstance(value, dbus.Array):
        return "a" + str(value.signature)
    if isinstance(value, dbus.Struct):
        return "(" + "".join("v" if item.variant_level else _type_of(item) for item in value) + ")"
    return _CODES[type(value)]


def append(message: Any, signature: str, values: Sequence[Any]) -> Any:
    """Puts arguments into a message and gives it."""
    types = complete_types(signature)
    if len(types) != len(values):
        raise BadValue(f'args: {len(values)} values for "{signature}"')
    if types:
        encoded = [encode(one, value, f"args[{i}]") for i, (one, value) in enumerate(zip(types, values))]
        message.append(*encoded, signature=signature)
    return message


def arguments(message: Any) -> List[Any]:
    """The arguments of a message."""
    return [decode(value) for value in message.get_args_list()]


def connect(address: str) -> Any:
    """Connects to a bus; messages are handled by the main loop of GLib. Any connection of dbus-python will do too."""
    return dbus.bus.BusConnection(address, mainloop=dbus.mainloop.glib.DBusGMainLoop())


# Clients


class InterfaceClient:
    """One interface of an object on the bus. Calls block; timeout is in seconds."""

    INTERFACE = Interface("")

    def __init__(self, connection: Any, destination: str, path: str) -> None:
        self._connection = connection
        self._destination = destination
        self._path = path

    def _message(self, interface: str, member: str) -> Any:
        return dbus.lowlevel.MethodCallMessage(self._destination, self._path, interface, member)

    def _send(self, message: Any, output: str, timeout: float) -> List[Any]:
        try:
            reply = self._connection.send_message_with_reply_and_block(message, timeout)
        except dbus.DBusException as cause:
            raise self._error(cause) from cause
        if reply.get_signature() != output:
            raise UnexpectedSignature(f'{message.get_member()} gave "{reply.get_signature()}" and not "{output}"')
        return arguments(reply)

    def _error(self, cause: Any) -> DbusError:
        name = cause.get_dbus_name()
        text = cause.get_dbus_message() or ""
        for known in self.INTERFACE.errors:
            if known.error_name == name:
                return known(text)
        return DbusError(text, name)

    def _call(self, member: str, values: Sequence[Any], timeout: Optional[float]) -> Any:
        method = self.INTERFACE.methods[member]
        message = append(self._message(self.INTERFACE.name, member), method.input, values)
        if method.no_reply:
            message.set_no_reply(True)
            self._connection.send_message(message)
            return None
        results = self._send(message, method.output, method.timeout if timeout is None else timeout)
        return results[0] if len(results) == 1 else tuple(results) if results else None

    def _get(self, name: str, timeout: Optional[float]) -> Any:
        message = append(self._message(PROPERTIES, "Get"), "ss", (self.INTERFACE.name, name))
        [value] = self._send(message, "v", -1.0 if timeout is None else timeout)
        wanted = self.INTERFACE.properties[name].type
        if value.signature != wanted:
            raise UnexpectedSignature(f'Property {name} is "{value.signature}" and not "{wanted}"')
        return value.value

    def _set(self, name: str, value: Any, timeout: Optional[float]) -> None:
        variant = Variant(self.INTERFACE.properties[name].type, value)
        message = append(self._message(PROPERTIES, "Set"), "ssv", (self.INTERFACE.name, name, variant))
        self._send(message, "", -1.0 if timeout is None else timeout)

    def _get_all(self, timeout: Optional[float]) -> Any:
        message = append(self._message(PROPERTIES, "GetAll"), "s", (self.INTERFACE.name,))
        [values] = self._send(message, "a{sv}", -1.0 if timeout is None else timeout)
        return self._known(values)

    def _known(self, values: Dict[str, Variant]) -> Dict[str, Any]:
        properties = self.INTERFACE.properties
        return {
            name: value.value
            for name, value in values.items()
            if name in properties and properties[name].type == value.signature
        }

    def _subscribe(self, interface: str, member: str, deliver: Callable[[Any], None]) -> Any:
        def receive(*_args: Any, message: Any) -> None:
            deliver(message)

        return self._connection.add_signal_receiver(
            receive,
            signal_name=member,
            dbus_interface=interface,
            bus_name=self._destination,
            path=self._path,
            message_keyword="message",
        )

    def _on(self, member: str, handler: Callable[..., None]) -> Any:
        def deliver(message: Any) -> None:
            if message.get_signature() == self.INTERFACE.signals[member]:
                handler(*arguments(message))

        return self._subscribe(self.INTERFACE.name, member, deliver)

    def _on_changed(self, handler: Callable[..., None]) -> Any:
        def deliver(message: Any) -> None:
            if message.get_signature() == "sa{sv}as":
                interface, changed, invalidated = arguments(message)
                if interface == self.INTERFACE.name:
                    handler(self._known(changed), invalidated)

        return self._subscribe(PROPERTIES, "PropertiesChanged", deliver)


# Served objects


@dataclass(frozen=True)
class CallContext:
    """Who calls what."""

    sender: str
    path: str
    interface: str
    member: str


class InterfaceServer:
    """One interface of a served object. A handler raises DbusError to answer with an error."""

    INTERFACE = Interface("")
    _tree: Optional[ObjectTree] = None
    _path: str = ""

    def _emit(self, member: str, values: Sequence[Any]) -> None:
        self._send_signal(self.INTERFACE.name, member, self.INTERFACE.signals[member], values)

    def _send_signal(self, interface: str, member: str, signature: str, values: Sequence[Any]) -> None:
        if self._tree is None:
            raise RuntimeError(f"{self.INTERFACE.name} is not exported, so that it cannot emit {member}")
        message = dbus.lowlevel.SignalMessage(self._path, interface, member)
        self._tree.connection.send_message(append(message, signature, values))

    def _changed(self, names: Iterable[str]) -> None:
        changed: Dict[str, Variant] = {}
        invalidated: List[str] = []
        for name in names:
            about = self.INTERFACE.properties[name]
            if not about.getter:
                continue
            if about.emits == "true":
                changed[name] = self._value(name)
            elif about.emits == "invalidates":
                invalidated.append(name)
        if changed or invalidated:
            values = (self.INTERFACE.name, changed, invalidated)
            self._send_signal(PROPERTIES, "PropertiesChanged", "sa{sv}as", values)

    def _value(self, name: str) -> Variant:
        about = self.INTERFACE.properties[name]
        return Variant(about.type, getattr(self, about.getter)())

    def _values(self) -> Dict[str, Variant]:
        return {name: self._value(name) for name, about in self.INTERFACE.properties.items() if about.getter}


def not_implemented(name: str) -> DbusError:
    """What a handler that nobody has written raises."""
    return DbusError(f"{name} is not implemented", STANDARD_ERROR + "NotSupported")


_STANDARD_XML = """<interface name="org.freedesktop.DBus.Peer">
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
</interface>"""

_MANAGER_XML = """<interface name="org.freedesktop.DBus.ObjectManager">
  <method name="GetManagedObjects"><arg name="objects" type="a{oa{sa{sv}}}" direction="out"/></method>
  <signal name="InterfacesAdded">
    <arg name="object" type="o"/>
    <arg name="interfaces" type="a{sa{sv}}"/>
  </signal>
  <signal name="InterfacesRemoved">
    <arg name="object" type="o"/>
    <arg name="interfaces" type="as"/>
  </signal>
</interface>"""

_DOCTYPE = """<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">"""


def _is_below(path: str, root: str) -> bool:
    return path != root and path.startswith(root if root == "/" else root + "/")


def _error(name: str, text: str) -> DbusError:
    return DbusError(text, STANDARD_ERROR + name)


class ObjectTree:
    """The objects that are served on a connection."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._objects: Dict[str, Dict[str, InterfaceServer]] = {}
        self._managers: List[str] = []
        self._standard: Dict[Tuple[str, str], Tuple[str, str, Callable[..., Any]]] = {
            (PROPERTIES, "Get"): ("ss", "v", self._get),
            (PROPERTIES, "GetAll"): ("s", "a{sv}", self._get_all),
            (PROPERTIES, "Set"): ("ssv", "", self._set),
            (INTROSPECTABLE, "Introspect"): ("", "s", self._introspect),
            (OBJECT_MANAGER, "GetManagedObjects"): ("", "a{oa{sa{sv}}}", self._managed),
        }
        connection.add_message_filter(self._filter)

    def export(self, path: str, server: InterfaceServer) -> None:
        """Serves an interface at a path."""
        dbus.ObjectPath(path)
        interfaces = self._objects.setdefault(path, {})
        if server.INTERFACE.name in interfaces:
            raise ValueError(f"{path} has {server.INTERFACE.name} already")
        interfaces[server.INTERFACE.name] = server
        server._tree, server._path = self, path
        for root in self._managers_of(path):
            self._announce(root, "InterfacesAdded", "oa{sa{sv}}", (path, {server.INTERFACE.name: server._values()}))

    def unexport(self, server: InterfaceServer) -> None:
        """Ends that."""
        path, name = server._path, server.INTERFACE.name
        if self._objects.get(path, {}).get(name) is not server:
            return
        del self._objects[path][name]
        if not self._objects[path]:
            del self._objects[path]
        server._tree = None
        for root in self._managers_of(path):
            self._announce(root, "InterfacesRemoved", "oas", (path, [name]))

    def export_object_manager(self, path: str) -> None:
        """Makes a path an ObjectManager for everything below it."""
        dbus.ObjectPath(path)
        self._managers.append(path)

    def _managers_of(self, path: str) -> List[str]:
        return [root for root in self._managers if _is_below(path, root)]

    def _announce(self, root: str, member: str, signature: str, values: Sequence[Any]) -> None:
        message = dbus.lowlevel.SignalMessage(root, OBJECT_MANAGER, member)
        self.connection.send_message(append(message, signature, values))

    def _filter(self, _connection: Any, message: Any) -> int:
        if message.get_type() != dbus.lowlevel.MESSAGE_TYPE_METHOD_CALL:
            return int(dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED)
        path = message.get_path()
        is_known = path in self._objects or path in self._managers
        if not is_known and not any(_is_below(other, path) for other in self._objects):
            return int(dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED)
        reply = self._answer(message)
        if not message.get_no_reply():
            self.connection.send_message(reply)
        return int(dbus.lowlevel.HANDLER_RESULT_HANDLED)

    def _answer(self, message: Any) -> Any:
        try:
            input_type, output, act = self._find(message)
            if message.get_signature() != input_type:
                raise _error("InvalidArgs", f'The arguments of {message.get_member()} are "{input_type}"')
            context = CallContext(
                message.get_sender(), message.get_path(), message.get_interface() or "", message.get_member()
            )
            result = act(*arguments(message), context)
            values = () if output == "" else (result,) if len(complete_types(output)) == 1 else result
            return append(dbus.lowlevel.MethodReturnMessage(message), output, values)
        except DbusError as error:
            return dbus.lowlevel.ErrorMessage(message, error.error_name, error.message)
        except Exception as error:
            log.exception("%s.%s failed", message.get_interface(), message.get_member())
            return dbus.lowlevel.ErrorMessage(message, STANDARD_ERROR + "Failed", str(error))

    def _find(self, message: Any) -> Tuple[str, str, Callable[..., Any]]:
        interface, member = message.get_interface(), message.get_member()
        standard = self._standard.get((interface, member))
        if standard is not None and (interface != OBJECT_MANAGER or message.get_path() in self._managers):
            return standard
        servers = self._objects.get(message.get_path(), {})
        for name, server in servers.items():
            if interface in (None, name) and member in server.INTERFACE.methods:
                method = server.INTERFACE.methods[member]
                return method.input, method.output, getattr(server, method.attribute)
        raise _error("UnknownMethod", f"The object has no method {member}")

    def _property(self, interface: str, name: str, path: str) -> Tuple[InterfaceServer, Property]:
        for server in self._objects.get(path, {}).values():
            if interface in ("", server.INTERFACE.name) and name in server.INTERFACE.properties:
                return server, server.INTERFACE.properties[name]
        raise _error("UnknownProperty", f"The object has no property {name}")

    def _get(self, interface: str, name: str, context: CallContext) -> Variant:
        server, about = self._property(interface, name, context.path)
        if not about.getter:
            raise _error("AccessDenied", f"Property {name} can only be written")
        return server._value(name)

    def _set(self, interface: str, name: str, value: Variant, context: CallContext) -> None:
        server, about = self._property(interface, name, context.path)
        if not about.setter:
            raise _error("PropertyReadOnly", f"Property {name} can only be read")
        if value.signature != about.type:
            raise _error("InvalidArgs", f'Property {name} is "{about.type}"')
        getattr(server, about.setter)(value.value, context)
        server._changed([name])

    def _get_all(self, interface: str, context: CallContext) -> Dict[str, Variant]:
        servers = self._objects.get(context.path, {})
        if interface != "" and interface not in servers:
            raise _error("UnknownInterface", f"The object has no interface {interface}")
        return {
            name: value
            for server in servers.values()
            if interface in ("", server.INTERFACE.name)
            for name, value in server._values().items()
        }

    def _introspect(self, context: CallContext) -> str:
        prefix = context.path if context.path == "/" else context.path + "/"
        children = sorted({path[len(prefix):].split("/")[0] for path in self._objects if _is_below(path, context.path)})
        interfaces = [server.INTERFACE.xml for server in self._objects.get(context.path, {}).values()]
        manager = [_MANAGER_XML] if context.path in self._managers else []
        nodes = [f'<node name="{child}"/>' for child in children]
        return "\n".join([_DOCTYPE, "<node>", _STANDARD_XML, *manager, *interfaces, *nodes, "</node>", ""])

    def _managed(self, context: CallContext) -> Dict[str, Dict[str, Dict[str, Variant]]]:
        return {
            path: {name: server._values() for name, server in servers.items()}
            for path, servers in self._objects.items()
            if _is_below(path, context.path)
        }
