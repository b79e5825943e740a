/* control/shutdown as Linux follows it: acknowledged by emptying the node, in a transaction. */
#include "console.h"
#include "guest.h"
#include "hypercall.h"
#include "settings.h"
#include "xenstore.h"

#define NODE "control/shutdown"
#define REASON_BYTES 32

static const char *const features[] = {"feature-poweroff", "feature-reboot", "feature-suspend"};

static const struct {
  const char *request;
  unsigned reason;
} requests[] = {
    {"poweroff", SHUTDOWN_poweroff}, {"halt", SHUTDOWN_poweroff}, {"reboot", SHUTDOWN_reboot},
    {"crash", SHUTDOWN_crash},       {"suspend", SHUTDOWN_suspend},
};

/* The request, which then is acknowledged; false when there is none. */
static bool take_request(char request[REASON_BYTES]) {
  for (;;) {
    uint32_t transaction = xs_begin();
    if (!transaction) return false;
    if (xs_read(transaction, NODE, request, REASON_BYTES) <= 0 || settings.ignore_shutdown) {
      xs_end(transaction, false);
      return false;
    }
    if (!xs_write(transaction, NODE, "")) {
      xs_end(transaction, false);
      print("cannot acknowledge %s: %s\n", request, xs_error);
      return false;
    }
    if (xs_end(transaction, true)) return true;
    if (strcmp(xs_error, "EAGAIN")) return false;
  }
}

static void on_shutdown(void *data) {
  (void)data;
  char request[REASON_BYTES];
  if (!take_request(request)) return;
  print("asked to %s\n", request);
  if (settings.acknowledge_only) return;
  for (unsigned i = 0; i < COUNT_OF(requests); i++) {
    if (strcmp(requests[i].request, request)) continue;
    if (requests[i].reason == SHUTDOWN_suspend)
      guest_suspend();
    else
      shut_down(requests[i].reason);
    return;
  }
}

void shutdown_announce(void) {
  if (settings.no_shutdown_features) return;
  for (unsigned i = 0; i < COUNT_OF(features); i++) xs_write_number("control", features[i], 1);
}

void shutdown_init(void) {
  shutdown_announce();
  xs_watch(NODE, on_shutdown, NULL);
}
