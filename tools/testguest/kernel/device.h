/*
 * Front-ends: what the kinds of devices have in common. Every device is driven by what its nodes say now:
 *
 *   backend InitWait   -> publish: rings, grants, event channel, state Initialised or Connected
 *   backend Connected  -> connect, state Connected
 *   backend Closing    -> state Closed
 *   backend Closed, or the nodes are gone -> everything is released; InitWait starts anew
 */
#ifndef DEVICE_H
#define DEVICE_H
#include "grant.h"
#include "xenstore.h"
#include <xen/io/xenbus.h>

#define DEVICE_GRANTS_MAX 24

struct device;

struct device_kind {
  const char *name;
  /* The state to announce once published. */
  enum xenbus_state published_state;
  /* Makes what the back-end needs and writes it; false for no memory. device_release undoes it. */
  bool (*publish)(struct device *device);
  /* Reads what the back-end says of itself; false if that makes no sense. */
  bool (*connect)(struct device *device);
  void (*on_event)(void *device);
};

struct device {
  const struct device_kind *kind;
  unsigned long id;
  char path[40], backend[XS_NODE_BYTES];
  domid_t backend_domid;
  int watch;
  bool is_used, is_published, is_connected, is_closed;
  evtchn_port_t port;
  /* Every page that the back-end sees, with its grant. */
  struct {
    void *page;
    grant_ref_t grant;
  } shared[DEVICE_GRANTS_MAX];
  unsigned shared_count;
  /* The kind's own, in a page. */
  void *state;
};

/* Scans `device`, and follows it from now on. */
void devices_init(void);
/* After a suspend that led to a new domain: all devices start anew. */
void devices_restart(void);
/* NULL if there is none, or it is not connected. */
struct device *device_find(const struct device_kind *kind, unsigned long id);

/* For publish: a page of zeros shared with the back-end, its index in `shared`; negative for none. */
int device_share_page(struct device *device);
bool device_write_number(const struct device *device, const char *name, unsigned long value);

extern const struct device_kind block_kind, network_kind;
#endif
