/*
 * Event channels and time without interrupts: every port stays masked, and the only way to wait is SCHEDOP_poll, which
 * blocks the vcpu until a port is pending or a time has come.
 */
#ifndef EVENT_H
#define EVENT_H
#include "hypercall.h"

#define NEVER (~0ull)
#define NS_PER_MS 1000000ull

typedef void (*event_handler)(void *data);

/* Masks all ports: after boot and after every suspend. */
void event_init(void);
/* Handles a port in event_dispatch; false when the table is full. */
bool event_add(evtchn_port_t port, event_handler handler, void *data);
void event_remove(evtchn_port_t port);
/* Forgets all ports. */
void event_forget(void);

/* A new port that a domain may bind to; 0 for none. */
evtchn_port_t event_open(domid_t remote);
void event_close(evtchn_port_t port);
void event_notify(evtchn_port_t port);

/* Calls the handlers of what is pending; false when nothing was. */
bool event_dispatch(void);
/* Blocks until any port is pending or the time has come; 0 does not block. */
void event_wait(uint64_t until_ns);
/* The same for one port, whose pending mark is taken; false when the time has come. */
bool event_wait_for(evtchn_port_t port, uint64_t until_ns);

/* Xen's system time in nanoseconds; jumps when a guest is restored. */
uint64_t now_ns(void);
#endif
