#include "event.h"
#include "platform.h"

/* Fewer than the 128 that SCHEDOP_poll takes. */
#define PORTS_MAX 64
#define WORD_BITS 64

static struct {
  evtchn_port_t port;
  event_handler handler;
  void *data;
} bindings[PORTS_MAX];
static evtchn_port_t ports[PORTS_MAX];
static unsigned port_count;

void event_init(void) {
  memset(platform.shared_info->evtchn_mask, 0xff, sizeof platform.shared_info->evtchn_mask);
  platform.shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
}

bool event_add(evtchn_port_t port, event_handler handler, void *data) {
  if (port_count == PORTS_MAX) return false;
  ports[port_count] = port;
  bindings[port_count].port = port;
  bindings[port_count].handler = handler;
  bindings[port_count++].data = data;
  return true;
}

void event_remove(evtchn_port_t port) {
  for (unsigned i = 0; i < port_count; i++)
    if (ports[i] == port) {
      port_count--;
      ports[i] = ports[port_count];
      bindings[i] = bindings[port_count];
      return;
    }
}

void event_forget(void) {
  port_count = 0;
}

evtchn_port_t event_open(domid_t remote) {
  struct evtchn_alloc_unbound open = {.dom = DOMID_SELF, .remote_dom = remote};
  return call_event(EVTCHNOP_alloc_unbound, &open) ? 0 : open.port;
}

void event_close(evtchn_port_t port) {
  struct evtchn_close close = {.port = port};
  call_event(EVTCHNOP_close, &close);
}

void event_notify(evtchn_port_t port) {
  struct evtchn_send send = {.port = port};
  call_event(EVTCHNOP_send, &send);
}

static bool take_pending(evtchn_port_t port) {
  xen_ulong_t *word = &platform.shared_info->evtchn_pending[port / WORD_BITS];
  if (!(*(volatile xen_ulong_t *)word & 1ul << port % WORD_BITS)) return false;
  unsigned long bit = port % WORD_BITS;
  asm volatile("lock btrq %1, %0" : "+m"(*word) : "r"(bit) : "memory", "cc");
  return true;
}

bool event_dispatch(void) {
  bool any = false;
  for (unsigned i = 0; i < port_count; i++)
    if (take_pending(ports[i])) {
      any = true;
      bindings[i].handler(bindings[i].data);
    }
  return any;
}

/* Xen takes 0 for no time limit. */
static void poll(evtchn_port_t *list, unsigned count, uint64_t until_ns) {
  struct sched_poll poll = {.nr_ports = count, .timeout = until_ns == NEVER ? 0 : until_ns};
  set_xen_guest_handle(poll.ports, list);
  call_sched(SCHEDOP_poll, &poll);
}

void event_wait(uint64_t until_ns) {
  if (until_ns) poll(ports, port_count, until_ns);
}

bool event_wait_for(evtchn_port_t port, uint64_t until_ns) {
  for (;;) {
    if (take_pending(port)) return true;
    if (until_ns != NEVER && now_ns() >= until_ns) return false;
    poll(&port, 1, until_ns);
  }
}

static uint64_t read_tsc(void) {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return (uint64_t)high << 32 | low;
}

uint64_t now_ns(void) {
  const volatile struct vcpu_time_info *time = &platform.shared_info->vcpu_info[0].time;
  uint32_t version;
  uint64_t result;
  do {
    version = time->version;
    barrier();
    uint64_t delta = read_tsc() - time->tsc_timestamp;
    delta = time->tsc_shift < 0 ? delta >> -time->tsc_shift : delta << time->tsc_shift;
    result = time->system_time + (uint64_t)((unsigned __int128)delta * time->tsc_to_system_mul >> 32);
    barrier();
  } while (version & 1 || version != time->version);
  return result;
}
