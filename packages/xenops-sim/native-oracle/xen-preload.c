/*
 * Lets Debian's xenstored and oxenstored run as ordinary processes on a machine without Xen, so that tests can ask them
 * how xenstore behaves. Loaded with LD_PRELOAD, it answers the calls that they make to Xen, out of a table of made-up
 * domains, and serves `$XEN_PRELOAD_DIR/hypervisor`, where a test makes domains come and go and plays their guests.
 *
 * A client of that socket sends requests of four bytes: a letter, 0, and the domid in the machine's byte order. It gets
 * one byte back, the letter, or `-` when the domain has no ring.
 *   a s d x  the domain is alive, shut down, dying, gone; the daemon gets the interrupt that says "look at the domains"
 *   g        from now on this connection is the guest's end of the domain's ring: bytes in, bytes out
 * A connection of the last kind is closed when the daemon unmaps the ring or reports an error in it.
 *
 * Byte 1 on descriptor READY_FD says that the daemon and this socket listen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xen/io/xs_wire.h>

#define DOMAINS 1024     /* domids below this can exist */
#define CONNECTIONS 64   /* of the control socket, at a time */
#define READY_FD 3
#define VIRQ_PORT 1
#define GUEST_PORT 100   /* plus the domid */
#define PAGE_BYTES 4096
#define HANDLE ((void *)1) /* the libraries' handles are only ever given back */

struct connection {
    int fd;
    int domid;               /* of the ring, -1 while requests are read */
    unsigned char request[4];
    size_t request_bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards rings and presence */
static struct xenstore_domain_interface *rings[DOMAINS];
static char presence[DOMAINS] = { 'a' };
static struct connection connections[CONNECTIONS];
static int interrupts[2] = { -1, -1 }; /* ports, from here to the daemon's event loop */
static int wakeups[2] = { -1, -1 };    /* from the daemon to `serve` */
static int control_fd = -1;

/* ---- the guest's side: one thread between the control socket and the rings ---- */

static void interrupt(uint32_t port)
{
    if (write(interrupts[1], &port, sizeof port) != sizeof port)
        abort();
}

static void hang_up(struct connection *c)
{
    close(c->fd);
    c->fd = -1;
}

/* Contiguous bytes that can be taken from (or put into) a ring at `index`. */
static uint32_t contiguous(uint32_t index, uint32_t available)
{
    uint32_t to_end = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(index);

    return available < to_end ? available : to_end;
}

static uint32_t load(uint32_t *index) { return __atomic_load_n(index, __ATOMIC_SEQ_CST); }

static void advance(uint32_t *index, uint32_t bytes)
{
    __atomic_add_fetch(index, bytes, __ATOMIC_SEQ_CST);
}

/* What the guest has said goes into the ring; false when the guest has gone. */
static bool fill_requests(struct connection *c, struct xenstore_domain_interface *ring)
{
    uint32_t space = XENSTORE_RING_SIZE - (load(&ring->req_prod) - load(&ring->req_cons));
    uint32_t room = contiguous(ring->req_prod, space);
    ssize_t got;

    if (room == 0)
        return true;
    got = recv(c->fd, ring->req + MASK_XENSTORE_IDX(ring->req_prod), room, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    advance(&ring->req_prod, got);
    interrupt(GUEST_PORT + c->domid);
    return true;
}

static bool drain_responses(struct connection *c, struct xenstore_domain_interface *ring)
{
    for (;;) {
        uint32_t ready = contiguous(ring->rsp_cons, load(&ring->rsp_prod) - ring->rsp_cons);
        ssize_t sent;

        if (ready == 0)
            return true;
        sent = send(c->fd, ring->rsp + MASK_XENSTORE_IDX(ring->rsp_cons), ready,
                    MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent <= 0)
            return sent < 0 && errno == EAGAIN;
        advance(&ring->rsp_cons, sent);
        interrupt(GUEST_PORT + c->domid);
    }
}

static void serve_ring(struct connection *c)
{
    struct xenstore_domain_interface *ring = rings[c->domid];

    if (!ring || !drain_responses(c, ring) || ring->error || !fill_requests(c, ring))
        hang_up(c);
}

static void answer(struct connection *c)
{
    uint16_t domid;
    char letter = c->request[0];

    memcpy(&domid, c->request + 2, sizeof domid);
    c->request_bytes = 0;
    if (domid >= DOMAINS) {
        letter = '-';
    } else if (letter == 'g') {
        if (rings[domid])
            c->domid = domid;
        else
            letter = '-';
    } else {
        presence[domid] = letter;
        interrupt(VIRQ_PORT);
    }
    if (send(c->fd, &letter, 1, MSG_NOSIGNAL) != 1)
        hang_up(c);
}

static void serve_requests(struct connection *c)
{
    ssize_t got = recv(c->fd, c->request + c->request_bytes,
                       sizeof c->request - c->request_bytes, MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        hang_up(c);
        return;
    }
    if (got > 0)
        c->request_bytes += got;
    if (c->request_bytes == sizeof c->request)
        answer(c);
}

static void accept_client(void)
{
    int fd = accept4(control_fd, NULL, NULL, SOCK_CLOEXEC);

    for (int i = 0; fd >= 0 && i < CONNECTIONS; i++)
        if (connections[i].fd < 0) {
            connections[i] = (struct connection){ .fd = fd, .domid = -1 };
            return;
        }
    if (fd >= 0)
        close(fd);
}

/* What to wait for: room or answers in the socket, according to what the ring has. */
static short events_of(const struct connection *c)
{
    struct xenstore_domain_interface *ring = c->domid < 0 ? NULL : rings[c->domid];
    short events = 0;

    if (!ring)
        return POLLIN;
    if (load(&ring->req_prod) - load(&ring->req_cons) < XENSTORE_RING_SIZE)
        events |= POLLIN;
    if (load(&ring->rsp_prod) != ring->rsp_cons)
        events |= POLLOUT;
    return events;
}

static void *serve(void *unused)
{
    struct pollfd fds[CONNECTIONS + 2];
    char discarded[256];

    for (;;) {
        pthread_mutex_lock(&lock);
        fds[0] = (struct pollfd){ .fd = control_fd, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = wakeups[0], .events = POLLIN };
        for (int i = 0; i < CONNECTIONS; i++)
            fds[i + 2] = (struct pollfd){
                .fd = connections[i].fd,
                .events = connections[i].fd < 0 ? 0 : events_of(&connections[i]),
            };
        pthread_mutex_unlock(&lock);
        if (syscall(SYS_poll, fds, CONNECTIONS + 2, -1) < 0)
            continue;
        while (read(wakeups[0], discarded, sizeof discarded) > 0)
            ;
        pthread_mutex_lock(&lock);
        for (struct connection *c = connections; c < connections + CONNECTIONS; c++)
            if (c->fd >= 0) {
                if (c->domid < 0)
                    serve_requests(c);
                else
                    serve_ring(c);
            }
        if (fds[0].revents)
            accept_client();
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void wake(void)
{
    if (wakeups[1] < 0)
        return;
    /* A full pipe wakes as well as one more byte. */
    if (write(wakeups[1], "", 1) < 0 && errno != EAGAIN)
        abort();
}

/* To be called when the daemon listens and when `serve` does: with the second call all is there. */
static void ready(void)
{
    static int calls;

    if (++calls == 2 && write(READY_FD, "\1", 1) != 1)
        abort();
}

static bool start_serving(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    sigset_t all, before;
    pthread_t thread;
    bool started;

    snprintf(address.sun_path, sizeof address.sun_path, "%s/hypervisor", getenv("XEN_PRELOAD_DIR"));
    for (int i = 0; i < CONNECTIONS; i++)
        connections[i].fd = -1;
    control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (pipe2(interrupts, O_CLOEXEC) || pipe2(wakeups, O_CLOEXEC | O_NONBLOCK) ||
        fcntl(interrupts[0], F_SETFL, O_NONBLOCK) ||
        bind(control_fd, (void *)&address, sizeof address) ||
        syscall(SYS_listen, control_fd, CONNECTIONS))
        return false;
    /* Signals are the daemon's. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    started = pthread_create(&thread, NULL, serve, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ready();
    return started;
}

/* ---- what the daemons ask of Xen ---- */

static bool exists(uint32_t domid) { return presence[domid] != 0 && presence[domid] != 'x'; }

static void *map_ring(uint32_t domid)
{
    void *page;

    if (domid >= DOMAINS || !exists(domid)) {
        errno = ESRCH;
        return NULL;
    }
    page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    pthread_mutex_lock(&lock);
    rings[domid] = page;
    pthread_mutex_unlock(&lock);
    return page;
}

/* Also called by oxenstored, which has no other way to give a ring back. */
int munmap(void *start, size_t bytes)
{
    pthread_mutex_lock(&lock);
    for (int domid = 0; domid < DOMAINS; domid++)
        if (rings[domid] == start)
            rings[domid] = NULL;
    pthread_mutex_unlock(&lock);
    wake();
    return syscall(SYS_munmap, start, bytes);
}

xc_interface *xc_interface_open(xentoollog_logger *l, xentoollog_logger *d, unsigned flags) { return HANDLE; }
int xc_interface_close(xc_interface *xch) { return 0; }

const xc_error *xc_get_last_error(xc_interface *xch)
{
    static const xc_error error = { .code = XC_INTERNAL_ERROR, .message = "no such domain" };

    return &error;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned max, xc_domaininfo_t *info)
{
    unsigned found = 0;

    pthread_mutex_lock(&lock);
    for (uint32_t domid = first; domid < DOMAINS && found < max; domid++) {
        if (!exists(domid))
            continue;
        info[found++] = (xc_domaininfo_t){
            .domain = domid,
            .flags = (presence[domid] == 'd' ? XEN_DOMINF_dying : 0) |
                     (presence[domid] == 's' ? XEN_DOMINF_shutdown : 0),
        };
    }
    pthread_mutex_unlock(&lock);
    return found;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned max, xc_dominfo_t *info)
{
    unsigned found = 0;
    xc_domaininfo_t one;

    while (found < max && xc_domain_getinfolist(xch, first, 1, &one) == 1) {
        info[found++] = (xc_dominfo_t){
            .domid = one.domain,
            .dying = !!(one.flags & XEN_DOMINF_dying),
            .shutdown = !!(one.flags & XEN_DOMINF_shutdown),
        };
        first = one.domain + 1;
    }
    if (found == 0)
        errno = ESRCH;
    return found > 0 ? (int)found : -1;
}

void *xc_map_foreign_range(xc_interface *xch, uint32_t domid, int size, int prot, unsigned long mfn)
{
    return map_ring(domid);
}

xengnttab_handle *xengnttab_open(xentoollog_logger *l, unsigned flags) { return HANDLE; }
int xengnttab_close(xengnttab_handle *h) { return 0; }
int xengnttab_set_max_grants(xengnttab_handle *h, uint32_t count) { return 0; }
void *xengnttab_map_grant_ref(xengnttab_handle *h, uint32_t domid, uint32_t ref, int prot) { return map_ring(domid); }
int xengnttab_unmap(xengnttab_handle *h, void *page, uint32_t count) { return munmap(page, PAGE_BYTES); }

xenevtchn_handle *xenevtchn_open(xentoollog_logger *l, unsigned flags)
{
    return start_serving() ? HANDLE : NULL;
}

int xenevtchn_close(xenevtchn_handle *h) { return 0; }
int xenevtchn_fd(xenevtchn_handle *h) { return interrupts[0]; }
int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port) { return 0; }
int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port) { return 0; }
xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *h, unsigned virq) { return VIRQ_PORT; }

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid, evtchn_port_t port)
{
    return GUEST_PORT + domid;
}

int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
    wake();
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
    uint32_t port;

    return read(interrupts[0], &port, sizeof port) == sizeof port ? (int)port : -1;
}

/* ---- the daemons' surroundings ---- */

/* Dom0's own ring and port, which the kernel of a real Dom0 offers as files; -2 for any other file. */
static int open_xen_file(const char *path)
{
    int ends[2], page;

    if (!strcmp(path, "/proc/xen/xsd_kva")) {
        page = memfd_create("ring-0", MFD_CLOEXEC);
        return page >= 0 && ftruncate(page, PAGE_BYTES) == 0 ? page : -1;
    }
    if (strcmp(path, "/proc/xen/xsd_port"))
        return -2;
    if (pipe(ends) || write(ends[1], "2", 1) != 1)
        return -1;
    close(ends[1]);
    return ends[0];
}

#define DEFINE_OPEN(name)                                                       \
    int name(const char *path, int flags, ...)                                  \
    {                                                                           \
        va_list rest;                                                           \
        int mode, fd = open_xen_file(path);                                     \
                                                                                \
        va_start(rest, flags);                                                  \
        mode = va_arg(rest, int);                                               \
        va_end(rest);                                                           \
        return fd != -2 ? fd : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode); \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

/* oxenstored always uses the host's folder; a test must not. */
static const char *moved(const char *path, char *buffer, size_t bytes)
{
    static const char *const homes[] = { "/run/xenstored/", "/var/run/xenstored/" };

    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++) {
        size_t length = strlen(homes[i]);

        if (!strncmp(path, homes[i], length)) {
            snprintf(buffer, bytes, "%s/%s", getenv("XEN_PRELOAD_DIR"), path + length);
            return buffer;
        }
    }
    return path;
}

int bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
    struct sockaddr_un unix_address = { .sun_family = AF_UNIX };
    char buffer[sizeof unix_address.sun_path];

    if (address->sa_family != AF_UNIX)
        return syscall(SYS_bind, fd, address, bytes);
    snprintf(unix_address.sun_path, sizeof unix_address.sun_path, "%s",
             moved(((const struct sockaddr_un *)address)->sun_path, buffer, sizeof buffer));
    return syscall(SYS_bind, fd, &unix_address, sizeof unix_address);
}

int unlink(const char *path)
{
    char buffer[PAGE_BYTES];

    return syscall(SYS_unlink, moved(path, buffer, sizeof buffer));
}

/* The daemons ask for a queue of one, in which clients that do not block find no place now and then. */
int listen(int fd, int backlog)
{
    int outcome = syscall(SYS_listen, fd, CONNECTIONS);

    ready();
    return outcome;
}

/* The C daemon reports an error in a ring without a notification: look for one whenever it has done its work. */
int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    bool has_error = false;

    pthread_mutex_lock(&lock);
    for (int domid = 0; domid < DOMAINS; domid++)
        has_error = has_error || (rings[domid] && rings[domid]->error);
    pthread_mutex_unlock(&lock);
    if (has_error)
        wake();
    return syscall(SYS_poll, fds, count, timeout_ms);
}

/* oxenstored asks for more than a container may grant. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) { return 0; }
int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit) { return 0; }
