#include "xenstore.h"
#include "event.h"
#include "platform.h"

#define WATCHES_MAX 40

static struct {
  char path[XS_NODE_BYTES];
  xs_handler handler;
  void *data;
  bool is_used, has_fired;
} watches[WATCHES_MAX];

static char payload[XS_VALUE_BYTES + 1];
static char error_name[32];
const char *xs_error = error_name;

struct part {
  const void *data;
  size_t bytes;
};

static void wait_for_store(void) {
  event_wait_for(platform.store_port, NEVER);
}

static void send(const void *data, size_t bytes) {
  struct xenstore_domain_interface *ring = platform.store;
  for (const char *next = data; bytes; bytes--) {
    while (ring->req_prod - *(volatile XENSTORE_RING_IDX *)&ring->req_cons == XENSTORE_RING_SIZE) {
      event_notify(platform.store_port);
      wait_for_store();
    }
    ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = *next++;
    memory_barrier();
    ring->req_prod++;
  }
}

static void receive(void *data, size_t bytes) {
  struct xenstore_domain_interface *ring = platform.store;
  for (char *next = data; bytes; bytes--) {
    while (ring->rsp_cons == *(volatile XENSTORE_RING_IDX *)&ring->rsp_prod) {
      event_notify(platform.store_port);
      wait_for_store();
    }
    *next++ = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
    memory_barrier();
    ring->rsp_cons++;
  }
}

/* The payload of a watch event is PATH NUL TOKEN NUL; our tokens are indices. */
static void note_event(size_t length) {
  unsigned long index;
  size_t path = strlen(payload) + 1;
  if (path < length && parse_number(payload + path, &index) && index < WATCHES_MAX)
    watches[index].has_fired = true;
}

static struct xsd_sockmsg receive_message(void) {
  struct xsd_sockmsg header;
  receive(&header, sizeof header);
  size_t kept = min_of(header.len, XS_VALUE_BYTES);
  receive(payload, kept);
  payload[kept] = 0;
  for (size_t rest = header.len - kept; rest; rest--) receive(&(char){0}, 1);
  event_notify(platform.store_port);
  if (header.type == XS_WATCH_EVENT) note_event(kept);
  return header;
}

/* The length of the answer in `payload`; negative for an error. */
static long request(uint32_t type, uint32_t transaction, const struct part *parts, unsigned count) {
  struct xsd_sockmsg header = {.type = type, .tx_id = transaction};
  for (unsigned i = 0; i < count; i++) header.len += (uint32_t)parts[i].bytes;
  send(&header, sizeof header);
  for (unsigned i = 0; i < count; i++) send(parts[i].data, parts[i].bytes);
  event_notify(platform.store_port);
  do header = receive_message();
  while (header.type == XS_WATCH_EVENT);
  if (header.type != XS_ERROR) return (long)min_of(header.len, XS_VALUE_BYTES);
  format(error_name, sizeof error_name, "%s", payload);
  return -1;
}

static struct part text(const char *value) {
  return (struct part){value, strlen(value) + 1};
}

static long request_text(uint32_t type, uint32_t transaction, const char *value) {
  struct part part = text(value);
  return request(type, transaction, &part, 1);
}

static long copy_out(long length, char *value, size_t size) {
  if (length < 0) return length;
  length = min_of(length, (long)size - 1);
  memcpy(value, payload, (size_t)length);
  value[length] = 0;
  return length;
}

long xs_read(uint32_t transaction, const char *path, char *value, size_t size) {
  return copy_out(request_text(XS_READ, transaction, path), value, size);
}

long xs_list(const char *path, char *names, size_t size) {
  return copy_out(request_text(XS_DIRECTORY, XS_NO_TRANSACTION, path), names, size);
}

bool xs_read_number(const char *directory, const char *name, unsigned long *value) {
  char path[XS_NODE_BYTES], found[24];
  format(path, sizeof path, "%s/%s", directory, name);
  return xs_read(XS_NO_TRANSACTION, path, found, sizeof found) >= 0 && parse_number(found, value);
}

bool xs_write(uint32_t transaction, const char *path, const char *value) {
  struct part parts[] = {text(path), {value, strlen(value)}};
  return request(XS_WRITE, transaction, parts, 2) >= 0;
}

bool xs_write_number(const char *directory, const char *name, unsigned long value) {
  char path[XS_NODE_BYTES], number[24];
  format(path, sizeof path, "%s/%s", directory, name);
  format(number, sizeof number, "%lu", value);
  return xs_write(XS_NO_TRANSACTION, path, number);
}

bool xs_mkdir(const char *path) {
  return request_text(XS_MKDIR, XS_NO_TRANSACTION, path) >= 0;
}

bool xs_remove(const char *path) {
  return request_text(XS_RM, XS_NO_TRANSACTION, path) >= 0;
}

uint32_t xs_begin(void) {
  unsigned long id;
  return request_text(XS_TRANSACTION_START, XS_NO_TRANSACTION, "") >= 0 && parse_number(payload, &id)
             ? (uint32_t)id
             : 0;
}

bool xs_end(uint32_t transaction, bool commit) {
  return request_text(XS_TRANSACTION_END, transaction, commit ? "T" : "F") >= 0;
}

static bool ask_watch(uint32_t type, int index) {
  char token[12];
  format(token, sizeof token, "%d", index);
  struct part parts[] = {text(watches[index].path), text(token)};
  return request(type, XS_NO_TRANSACTION, parts, 2) >= 0;
}

int xs_watch(const char *path, xs_handler handler, void *data) {
  for (int i = 0; i < WATCHES_MAX; i++) {
    if (watches[i].is_used) continue;
    format(watches[i].path, XS_NODE_BYTES, "%s", path);
    watches[i].handler = handler;
    watches[i].data = data;
    watches[i].has_fired = false;
    watches[i].is_used = ask_watch(XS_WATCH, i);
    return watches[i].is_used ? i : -1;
  }
  return -1;
}

void xs_unwatch(int watch) {
  if (watch < 0) return;
  ask_watch(XS_UNWATCH, watch);
  watches[watch].is_used = watches[watch].has_fired = false;
}

void xs_fire_all(void) {
  for (int i = 0; i < WATCHES_MAX; i++) watches[i].has_fired = watches[i].is_used;
}

static void on_event(void *data) {
  (void)data;
  struct xenstore_domain_interface *ring = platform.store;
  while (ring->rsp_cons != *(volatile XENSTORE_RING_IDX *)&ring->rsp_prod) receive_message();
}

bool xs_dispatch(void) {
  bool any = false;
  /* A request may have used up the notification of events that came right after its answer. */
  on_event(NULL);
  for (int i = 0; i < WATCHES_MAX; i++) {
    if (!watches[i].has_fired) continue;
    watches[i].has_fired = false;
    if (!watches[i].is_used) continue;
    any = true;
    watches[i].handler(watches[i].data);
  }
  return any;
}

void xs_init(void) {
  event_add(platform.store_port, on_event, NULL);
  for (int i = 0; i < WATCHES_MAX; i++)
    if (watches[i].is_used) ask_watch(XS_WATCH, i);
}
