#include "device.h"
#include "console.h"
#include "event.h"
#include "pages.h"
#include "settings.h"

#define DEVICES_MAX 32

static struct device devices[DEVICES_MAX];
static const struct device_kind *const kinds[] = {&block_kind, &network_kind};

static enum xenbus_state read_state(const char *directory) {
  unsigned long state;
  return xs_read_number(directory, "state", &state) ? (enum xenbus_state)state : XenbusStateUnknown;
}

bool device_write_number(const struct device *device, const char *name, unsigned long value) {
  return xs_write_number(device->path, name, value);
}

int device_share_page(struct device *device) {
  if (device->shared_count == DEVICE_GRANTS_MAX) return -1;
  void *page = page_alloc();
  if (!page) return -1;
  memset(page, 0, PAGE_BYTES);
  grant_ref_t grant = grant_page(device->backend_domid, page, false);
  if (grant == NO_GRANT) {
    page_free(page);
    return -1;
  }
  device->shared[device->shared_count].page = page;
  device->shared[device->shared_count].grant = grant;
  return (int)device->shared_count++;
}

/* Pages that the back-end still has mapped are lost: that is the price of a back-end that does not let go. */
static void release(struct device *device, bool is_new_domain) {
  for (unsigned i = 0; i < device->shared_count; i++)
    if (is_new_domain || grant_end(device->shared[i].grant)) page_free(device->shared[i].page);
  device->shared_count = 0;
  if (device->port && !is_new_domain) {
    event_remove(device->port);
    event_close(device->port);
  }
  device->port = 0;
  if (device->state) page_free(device->state);
  device->state = NULL;
  device->is_published = device->is_connected = false;
}

static void tell(const struct device *device, const char *what) {
  if (!settings.quiet) print("%s %lu %s\n", device->kind->name, device->id, what);
}

static void publish(struct device *device) {
  if (!(device->state = page_alloc())) return;
  memset(device->state, 0, PAGE_BYTES);
  device->port = event_open(device->backend_domid);
  if (!device->port || !event_add(device->port, device->kind->on_event, device) ||
      !device_write_number(device, "event-channel", device->port) ||
      !device->kind->publish(device)) {
    release(device, false);
    tell(device, "cannot be set up");
    return;
  }
  device->is_published = true;
  device->is_closed = false;
  device_write_number(device, "state", device->kind->published_state);
}

static void connect(struct device *device) {
  if (!device->kind->connect(device)) return;
  device->is_connected = true;
  if (device->kind->published_state != XenbusStateConnected)
    device_write_number(device, "state", XenbusStateConnected);
  tell(device, "connected");
}

static void close_front(struct device *device) {
  if (settings.ignore_closing || device->is_closed) return;
  device->is_closed = true;
  device->is_connected = false;
  device_write_number(device, "state", XenbusStateClosed);
  tell(device, "closed");
}

/* A device that is set up for another back-end, or was taken away and came back, starts anew. */
static void on_backend_change(void *data) {
  struct device *device = data;
  switch (read_state(device->backend)) {
    case XenbusStateInitWait:
      if (device->is_published && device->is_closed) release(device, false);
      if (!device->is_published && !settings.ignore_connect) publish(device);
      break;
    case XenbusStateConnected:
      if (device->is_published && !device->is_connected && !device->is_closed) connect(device);
      break;
    case XenbusStateClosing:
      close_front(device);
      break;
    case XenbusStateUnknown:
    case XenbusStateClosed:
      if (device->is_published) close_front(device);
      if (device->is_closed || !device->is_published) release(device, false);
      break;
    default:
      break;
  }
}

static void forget(struct device *device) {
  xs_unwatch(device->watch);
  release(device, false);
  if (!device->is_closed) tell(device, "gone");
  device->is_used = false;
}

static struct device *find(const struct device_kind *kind, unsigned long id) {
  for (struct device *device = devices; device < devices + DEVICES_MAX; device++)
    if (device->is_used && device->kind == kind && device->id == id) return device;
  return NULL;
}

struct device *device_find(const struct device_kind *kind, unsigned long id) {
  struct device *device = find(kind, id);
  return device && device->is_connected ? device : NULL;
}

static bool read_backend(const char *path, char backend[XS_NODE_BYTES], unsigned long *domid) {
  char node[XS_NODE_BYTES];
  format(node, sizeof node, "%s/backend", path);
  return xs_read(XS_NO_TRANSACTION, node, backend, XS_NODE_BYTES) > 0 &&
         xs_read_number(path, "backend-id", domid);
}

static void add(const struct device_kind *kind, unsigned long id) {
  unsigned long backend_domid;
  struct device *device = devices;
  while (device < devices + DEVICES_MAX && device->is_used) device++;
  if (device == devices + DEVICES_MAX) return;
  *device = (struct device){.kind = kind, .id = id};
  format(device->path, sizeof device->path, "device/%s/%lu", kind->name, id);
  if (!read_backend(device->path, device->backend, &backend_domid)) return;
  device->backend_domid = (domid_t)backend_domid;
  device->is_used = true;
  char state[XS_NODE_BYTES];
  format(state, sizeof state, "%s/state", device->backend);
  device->watch = xs_watch(state, on_backend_change, device);
}

static bool is_there(const struct device *device) {
  char backend[XS_NODE_BYTES];
  unsigned long domid;
  return read_backend(device->path, backend, &domid) && !strcmp(backend, device->backend);
}

static void scan_kind(const struct device_kind *kind) {
  static char names[XS_VALUE_BYTES + 1];
  char path[40];
  format(path, sizeof path, "device/%s", kind->name);
  long length = xs_list(path, names, sizeof names);
  for (const char *name = names; name - names < length; name += strlen(name) + 1) {
    unsigned long id;
    if (parse_number(name, &id) && !find(kind, id)) add(kind, id);
  }
}

static void scan(void *data) {
  (void)data;
  for (struct device *device = devices; device < devices + DEVICES_MAX; device++)
    if (device->is_used && !is_there(device)) forget(device);
  for (unsigned i = 0; i < COUNT_OF(kinds); i++) scan_kind(kinds[i]);
}

void devices_init(void) {
  xs_watch("device", scan, NULL);
}

void devices_restart(void) {
  for (struct device *device = devices; device < devices + DEVICES_MAX; device++) {
    if (!device->is_used) continue;
    xs_unwatch(device->watch);
    release(device, true);
    device->is_used = false;
  }
}
