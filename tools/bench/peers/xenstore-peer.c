/*
 * Load on a xenstored, to measure it by or to measure another client against.
 *
 *   xenstore-peer lib  SOCKET read|write COUNT           through libxenstore, which makes one request at a time
 *   xenstore-peer raw  SOCKET read|write COUNT WINDOW    the wire itself, with WINDOW requests under way
 *   xenstore-peer raw  SOCKET transaction COUNT          start, read, write, commit, one at a time; counts transactions
 *   xenstore-peer raw  SOCKET transaction COUNT 3        the same, with all that follows the start under way at once
 *   xenstore-peer raw  SOCKET fan-out COUNT WATCHES      COUNT writes, each of which fires WATCHES watches; counts events
 *
 * Prints the rate per second, and the median and 99th percentile of the latency in microseconds. A tenth more is done first
 * and not counted.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include <xenstore.h>

#define KEY "/bench/key"
#define VALUE "0123456789abcdef"
#define WINDOW_MAX 1024
#define BUFFER_BYTES (1 << 17)

static double *latencies; /* seconds, of the operations that count */
static size_t counted;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(double seconds, double operations)
{
    qsort(latencies, counted, sizeof *latencies, compare);
    printf("%.1f %.2f %.2f\n", operations / seconds, latencies[counted / 2] * 1e6,
           latencies[(size_t)(counted * 0.99)] * 1e6);
}

/* ---- one connection on the wire ---- */

struct connection {
    int fd;
    char in[BUFFER_BYTES];
    size_t start, end; /* of what is read and not yet taken */
};

static struct connection *open_connection(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct connection *c = calloc(1, sizeof *c);

    if (!c || strlen(path) >= sizeof address.sun_path)
        fail(path);
    strcpy(address.sun_path, path);
    c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (void *)&address, sizeof address) != 0)
        fail("connect");
    return c;
}

static size_t put(char *out, uint32_t type, uint32_t transaction, const char *payload, size_t bytes)
{
    struct xsd_sockmsg header = { type, 0, transaction, bytes };

    memcpy(out, &header, sizeof header);
    memcpy(out + sizeof header, payload, bytes);
    return sizeof header + bytes;
}

static void send_all(struct connection *c, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = write(c->fd, bytes, count);

        if (sent <= 0)
            fail("write");
        bytes += sent;
        count -= sent;
    }
}

/* The next message; an error reply ends the program. Its payload lies in the buffer until the next call. */
static struct xsd_sockmsg take(struct connection *c, const char **payload)
{
    struct xsd_sockmsg header;

    for (;;) {
        ssize_t got;

        if (c->end - c->start >= sizeof header) {
            memcpy(&header, c->in + c->start, sizeof header);
            if (c->end - c->start >= sizeof header + header.len) {
                if (payload)
                    *payload = c->in + c->start + sizeof header;
                c->start += sizeof header + header.len;
                if (header.type == XS_ERROR) {
                    fprintf(stderr, "xenstored refused: %s\n", c->in + c->start - header.len);
                    exit(1);
                }
                return header;
            }
        }
        memmove(c->in, c->in + c->start, c->end - c->start);
        c->end -= c->start;
        c->start = 0;
        got = read(c->fd, c->in + c->end, sizeof c->in - c->end);
        if (got <= 0)
            fail("read");
        c->end += got;
    }
}

static size_t make_request(char *out, const char *operation, uint32_t transaction)
{
    char payload[64];
    size_t key = sizeof KEY;

    memcpy(payload, KEY, key);
    if (strcmp(operation, "read") == 0)
        return put(out, XS_READ, transaction, payload, key);
    memcpy(payload + key, VALUE, sizeof VALUE - 1);
    return put(out, XS_WRITE, transaction, payload, key + sizeof VALUE - 1);
}

static void request(struct connection *c, const char *bytes, size_t count)
{
    send_all(c, bytes, count);
    take(c, NULL);
}

static void prepare(struct connection *c)
{
    char out[128];

    request(c, out, make_request(out, "write", 0));
}

/* Requests with up to `window` under way; a quarter of the window is sent at a time. */
static double run_requests(struct connection *c, const char *operation, size_t count, size_t window)
{
    char one[128];
    static char many[128 * WINDOW_MAX];
    static double sent_at[WINDOW_MAX];
    size_t bytes = make_request(one, operation, 0), sent = 0, got = 0;
    size_t least = window > 4 ? window / 4 : 1;
    double start = now();

    for (size_t i = 0; i < window; i++)
        memcpy(many + i * bytes, one, bytes);
    counted = 0;
    while (got < count) {
        size_t room = window - (sent - got);

        if (room > count - sent)
            room = count - sent;
        if (room > 0 && (room >= least || sent + room == count)) {
            double t = now();

            for (size_t i = 0; i < room; i++)
                sent_at[(sent + i) % window] = t;
            send_all(c, many, bytes * room);
            sent += room;
        }
        take(c, NULL);
        latencies[counted++] = now() - sent_at[got++ % window];
    }
    return now() - start;
}

static double run_transactions(struct connection *c, size_t count, size_t window)
{
    char out[512];
    double start = now();

    counted = 0;
    while (counted < count) {
        double begin = now();
        const char *id;
        uint32_t transaction;

        send_all(c, out, put(out, XS_TRANSACTION_START, 0, "", 1));
        take(c, &id);
        transaction = strtoul(id, NULL, 10);
        if (window > 1) {
            size_t bytes = make_request(out, "read", transaction);

            bytes += make_request(out + bytes, "write", transaction);
            bytes += put(out + bytes, XS_TRANSACTION_END, transaction, "T", 2);
            request(c, out, bytes);
            take(c, NULL);
            take(c, NULL);
        } else {
            request(c, out, make_request(out, "read", transaction));
            request(c, out, make_request(out, "write", transaction));
            request(c, out, put(out, XS_TRANSACTION_END, transaction, "T", 2));
        }
        latencies[counted++] = now() - begin;
    }
    return now() - start;
}

static void add_watches(struct connection *watcher, size_t watches)
{
    for (size_t i = 0; i < watches; i++) {
        char out[128], payload[64];
        int bytes = snprintf(payload, sizeof payload, "%s%c%zu", KEY, 0, i) + 1;

        send_all(watcher, out, put(out, XS_WATCH, 0, payload, bytes));
        take(watcher, NULL); /* the reply and the first event, in either order */
        take(watcher, NULL);
    }
}

static double run_fan_out(struct connection *writer, struct connection *watcher, size_t count,
                          size_t watches)
{
    char out[128];
    size_t bytes = make_request(out, "write", 0);
    double start = now();

    counted = 0;
    while (counted < count) {
        double begin = now();

        request(writer, out, bytes);
        for (size_t i = 0; i < watches; i++)
            take(watcher, NULL);
        latencies[counted++] = now() - begin;
    }
    return now() - start;
}

/* ---- libxenstore ---- */

static double run_library(struct xs_handle *h, const char *operation, size_t count)
{
    double start = now();

    counted = 0;
    while (counted < count) {
        double begin = now();
        unsigned int length;

        if (strcmp(operation, "read") == 0) {
            void *value = xs_read(h, XBT_NULL, KEY, &length);

            if (!value)
                fail("xs_read");
            free(value);
        } else if (!xs_write(h, XBT_NULL, KEY, VALUE, sizeof VALUE - 1)) {
            fail("xs_write");
        }
        latencies[counted++] = now() - begin;
    }
    return now() - start;
}

int main(int argc, char **argv)
{
    const char *path = argc > 4 ? argv[2] : "", *operation = argc > 4 ? argv[3] : "";
    size_t count = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    size_t many = argc > 5 ? strtoul(argv[5], NULL, 10) : 1;
    struct connection *c;

    if (count == 0 || many == 0 || (strcmp(operation, "fan-out") != 0 && many > WINDOW_MAX)) {
        fprintf(stderr, "usage: see the head of xenstore-peer.c\n");
        return 2;
    }
    latencies = calloc(count + count / 10, sizeof *latencies);
    c = open_connection(path);
    prepare(c);
    if (strcmp(argv[1], "lib") == 0) {
        struct xs_handle *h;

        setenv("XENSTORED_PATH", path, 1);
        h = xs_open(0);
        if (!h)
            fail("xs_open");
        run_library(h, operation, count / 10 + 1);
        report(run_library(h, operation, count), count);
    } else if (strcmp(operation, "transaction") == 0) {
        run_transactions(c, count / 10 + 1, many);
        report(run_transactions(c, count, many), count);
    } else if (strcmp(operation, "fan-out") == 0) {
        struct connection *watcher = open_connection(path);

        add_watches(watcher, many);
        run_fan_out(c, watcher, count / 10 + 1, many);
        report(run_fan_out(c, watcher, count, many), (double)count * many);
    } else {
        run_requests(c, operation, count / 10 + 1, many);
        report(run_requests(c, operation, count, many), count);
    }
    return 0;
}
