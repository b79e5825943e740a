/* The guest's life: boot, requests, shutdown, suspend. */
#ifndef GUEST_H
#define GUEST_H
#include "lib.h"

/* Follows control/shutdown and announces what the guest can do. */
void shutdown_init(void);
/* Writes the features, after boot and after every suspend. */
void shutdown_announce(void);

/* Follows data/testguest/request. */
void request_init(void);
/* Runs one request; the answer starts with "ok" or "error". Changes the text. */
void request_run(char *text, char *answer, size_t size);
/* What a request leaves to be done once it has been answered; does not come back if that is an end. */
void request_finish(void);

/* Suspends, and comes back with everything connected anew or still connected. */
void guest_suspend(void);
/* Time that the guest ran, in milliseconds. */
unsigned long guest_uptime_ms(void);
/* How often it came back in a new domain. */
unsigned long guest_resume_count(void);
#endif
