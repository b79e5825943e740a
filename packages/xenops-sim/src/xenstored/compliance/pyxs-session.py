"""A session of pyxs with the xenstored on the socket named by the first argument; prints what it sees."""

import sys

from pyxs import Client, PyXSError

socket_path = sys.argv[1]


def refused(action, *arguments):
    try:
        return action(*arguments)
    except PyXSError as error:
        return "%s %s" % (type(error).__name__, error.args[0])


with Client(unix_socket_path=socket_path) as client:
    client[b"/pyxs/a"] = b"one"
    client.write(b"/pyxs/b", b"two words")
    print("read", client[b"/pyxs/a"], client.read(b"/pyxs/b"), client.read(b"/pyxs/none", b"default"))
    print("missing", refused(client.read, b"/pyxs/none"))
    client.mkdir(b"/pyxs/dir/below")
    print("list", sorted(client.list(b"/pyxs")), client.list(b"/pyxs/dir/below"))
    print("exists", client.exists(b"/pyxs/dir"), client.exists(b"/pyxs/none"))
    client.set_perms(b"/pyxs/a", [b"r0"])
    print("permissions", client.get_perms(b"/pyxs/a"), client.get_perms(b"/pyxs/b"))

    client.transaction()
    client[b"/pyxs/a"] = b"inside"
    with Client(unix_socket_path=socket_path) as other:
        print("isolated", other[b"/pyxs/a"], client[b"/pyxs/a"])
    print("commit", client.commit(), client[b"/pyxs/a"])
    client.transaction()
    client[b"/pyxs/a"] = b"given up"
    client.rollback()
    print("rollback", client[b"/pyxs/a"])
    client.transaction()
    client[b"/pyxs/b"] = client[b"/pyxs/a"]
    with Client(unix_socket_path=socket_path) as other:
        other[b"/pyxs/a"] = b"changed by another"
    print("conflict", client.commit(), client[b"/pyxs/b"])

    with client.monitor() as monitor:
        monitor.watch(b"/pyxs/a", b"token")
        events = monitor.wait()
        print("watch", tuple(next(events)))
        client[b"/pyxs/a"] = b"two"
        print("watch", tuple(next(events)))
        monitor.unwatch(b"/pyxs/a", b"token")

    print("domains", client.get_domain_path(0), client.is_domain_introduced(0), client.is_domain_introduced(999))
    client.delete(b"/pyxs")
    print("deleted", client.exists(b"/pyxs"))
