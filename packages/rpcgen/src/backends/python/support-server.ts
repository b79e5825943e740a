/** The part of the support module that serves objects. */
export const SUPPORT_SERVER: string = String.raw`

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
`;
