/*
 * A client of xenstore: one request at a time, answered before the call returns. Watches only mark that something has
 * changed; xs_dispatch then calls their handlers, which read what is there now.
 */
#ifndef XENSTORE_H
#define XENSTORE_H
#include "hypercall.h"

#define XS_NO_TRANSACTION 0u
#define XS_NODE_BYTES 160
#define XS_VALUE_BYTES 4096

/* The name of the last error as xenstore sent it, like EACCES. */
extern const char *xs_error;

/* Finds the ring, after boot and after every suspend, and registers all watches again. */
void xs_init(void);

/* The length of the value, which ends with a NUL besides; negative for an error. */
long xs_read(uint32_t transaction, const char *path, char *value, size_t size);
/* The same for the names below, each ending with NUL. */
long xs_list(const char *path, char *names, size_t size);
/* A decimal number; false if it is not there or is none. */
bool xs_read_number(const char *directory, const char *name, unsigned long *value);
bool xs_write(uint32_t transaction, const char *path, const char *value);
bool xs_write_number(const char *directory, const char *name, unsigned long value);
bool xs_mkdir(const char *path);
bool xs_remove(const char *path);
/* 0 when it failed. */
uint32_t xs_begin(void);
/* False when it failed: with EAGAIN, to be done again. */
bool xs_end(uint32_t transaction, bool commit);

typedef void (*xs_handler)(void *data);
/* A handle for xs_unwatch; negative for an error. The handler is called at once and after every change. */
int xs_watch(const char *path, xs_handler handler, void *data);
void xs_unwatch(int watch);
/* Has every handler called again, as if all had changed. */
void xs_fire_all(void);
/* False when no watch had fired. */
bool xs_dispatch(void);
#endif
