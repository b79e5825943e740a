/** A Python program that serves the torture document by asking another server for everything, for the relay tests. */
export const RELAY: string = String.raw`
import sys
from gi.repository import GLib
import rpcgen_dbus as rt
import torture_client as clients
import torture_server as servers

PATH = "/org/example/torture"
address, source, name = sys.argv[1:]
asking, serving = rt.connect(address), rt.connect(address)
tree = rt.ObjectTree(serving)


def passing(client, attribute, is_getter=False):
    forward = getattr(client, attribute)
    if is_getter:
        return lambda self: forward()
    return lambda self, *args: forward(*args[:-1])


for key in dir(servers):
    if not key.endswith("Server"):
        continue
    base = getattr(servers, key)
    client_class = getattr(clients, key[: -len("Server")] + "Client")
    client = client_class(asking, source, PATH)
    interface = base.INTERFACE
    own = {one.attribute: passing(client, one.attribute) for one in interface.methods.values()}
    for one in interface.properties.values():
        if one.getter:
            own[one.getter] = passing(client, one.getter, True)
        if one.setter:
            own[one.setter] = passing(client, one.setter)
    server = type(key, (base,), own)()
    tree.export(PATH, server)
    subscribers = [one for one in vars(client_class) if one.startswith("on_") and one != "on_properties_changed"]
    emitters = [one for one in vars(base) if one.startswith("emit_") and one not in own]
    assert len(subscribers) == len(emitters) == len(interface.signals), interface.name
    for subscribe, emit in zip(subscribers, emitters):
        getattr(client, subscribe)(getattr(server, emit))
    if key == "OrgExampleTortureAnnotatedServer":
        client.on_properties_changed(lambda changed, invalidated, server=server: server.changed(*changed, *invalidated))

serving.request_name(name)
print("ready", flush=True)
GLib.MainLoop().run()
`;
