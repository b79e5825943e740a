/*
 * Support for the output of xc-rpcgen --lang c; the same for every document. Needs libsystemd.
 *
 * Values: a basic type is the C type of its width, "b" is bool, "s", "o" and "g" are strings, "h" is a file
 * descriptor. "aT" and "a{KV}" are structs with count and items, an item of the latter has key and value, "(...)" has
 * field0, field1... "v" is struct dbus_variant. Everything returns a negative errno on failure.
 */
#ifndef RPCGEN_DBUS_H
#define RPCGEN_DBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Owns what received values point to: strings, items, variants and file descriptors. Begins as { NULL }. */
struct dbus_memory {
  struct dbus_block *blocks;
};

/* Gives zeroed memory that lives until the clear; NULL when there is none. */
void *dbus_memory_allocate(struct dbus_memory *memory, size_t count, size_t size);

/* Frees everything and leaves it empty. */
void dbus_memory_clear(struct dbus_memory *memory);

/* A value with its type: a message of which it is the only content. Belongs to the memory it was made with. */
struct dbus_variant {
  sd_bus_message *message;
};

/* Makes a variant from a C value of one complete type; value points to it, for a string to the pointer. */
int dbus_variant_make(sd_bus *bus, struct dbus_memory *memory, struct dbus_variant *variant, const char *type,
                      const void *value);

/* Reads a variant that holds exactly this type; -ENXIO when it holds another. */
int dbus_variant_read(struct dbus_variant variant, struct dbus_memory *memory, const char *type, void *value);

/* The type that a variant holds. */
const char *dbus_variant_type(struct dbus_variant variant);

/* An object of somebody on the bus. */
struct dbus_target {
  sd_bus *bus;
  const char *destination;
  const char *path;
  /* For every call; 0 for that of the method, or of the library. */
  uint64_t timeout_us;
};

/* A method, as clients see it. */
struct dbus_method {
  const char *interface;
  const char *member;
  const char *input;
  const char *output;
  uint64_t timeout_us;
  bool no_reply;
};

int dbus_call(const struct dbus_target *target, const struct dbus_method *method, const void *const *inputs,
              void *const *outputs, struct dbus_memory *memory, sd_bus_error *error);

int dbus_get_property(const struct dbus_target *target, const char *interface, const char *name, const char *type,
                      void *value, struct dbus_memory *memory, sd_bus_error *error);

int dbus_set_property(const struct dbus_target *target, const char *interface, const char *name, const char *type,
                      const void *value, sd_bus_error *error);

/* Where a property stands in the struct with all properties of an interface. Ends with a NULL name. */
struct dbus_field {
  const char *name;
  const char *type;
  size_t has_offset;
  size_t offset;
};

int dbus_get_all(const struct dbus_target *target, const char *interface, const struct dbus_field *fields,
                 void *values, struct dbus_memory *memory, sd_bus_error *error);

typedef void (*dbus_function)(void);

/* Somebody who is told of a signal; handler has the type that dispatch casts it back to. */
struct dbus_subscription {
  void (*dispatch)(const struct dbus_subscription *subscription, sd_bus_message *message);
  dbus_function handler;
  void *userdata;
};

/* Subscribes until the slot is unreferenced; without a slot until the bus is. */
int dbus_subscribe(const struct dbus_target *target, const char *interface, const char *member,
                   struct dbus_subscription subscription, sd_bus_slot **slot);

/* Reads PropertiesChanged; *invalidated is a list that ends with NULL. */
int dbus_read_changes(sd_bus_message *message, const char *interface, const struct dbus_field *fields, void *values,
                      const char *const **invalidated, struct dbus_memory *memory);

/* Reads all arguments of a message; -EBADMSG when they are not of these types. */
int dbus_read(sd_bus_message *message, const char *types, void *const *values, struct dbus_memory *memory);

/* Reads what comes next in a message. */
int dbus_read_values(sd_bus_message *message, const char *types, void *const *values, struct dbus_memory *memory);

/* Appends arguments. */
int dbus_append(sd_bus_message *message, const char *types, const void *const *values);

/* Who calls. What a handler answers must live as long as the message, or as memory. */
struct dbus_context {
  /* NULL, and no sender either, when a property is read for a signal. */
  sd_bus_message *message;
  const char *sender;
  struct dbus_memory *memory;
};

/* Reads the arguments, calls the handler and appends what it answers. */
typedef int (*dbus_serve)(const void *handlers, void *userdata, const struct dbus_context *context,
                          sd_bus_message *reply, sd_bus_error *error);

/* A method, as servers see it. Ends with a NULL member. */
struct dbus_served_method {
  const char *member;
  const char *input;
  dbus_serve serve;
};

enum dbus_emits { DBUS_EMITS_NOTHING, DBUS_EMITS_VALUE, DBUS_EMITS_INVALIDATION };

/* A property, as servers see it. Ends with a NULL name. */
struct dbus_served_property {
  const char *name;
  const char *type;
  enum dbus_emits emits;
  dbus_serve get;
  dbus_serve set;
};

/* An interface, as servers see it. */
struct dbus_interface {
  const char *name;
  /* Lines of the interface's element in the original document. Ends with NULL. */
  const char *const *xml;
  const struct dbus_served_method *methods;
  const struct dbus_served_property *properties;
};

/* All objects that are served on a bus. */
struct dbus_server;
/* One interface of one of them. */
struct dbus_exported;

int dbus_server_new(sd_bus *bus, struct dbus_server **server);

/* Ends everything that is exported. */
void dbus_server_free(struct dbus_server *server);

/* Makes a path an ObjectManager for everything below it. */
int dbus_server_manage(struct dbus_server *server, const char *path);

/* handlers and userdata must live until the unexport. */
int dbus_export(struct dbus_server *server, const char *path, const struct dbus_interface *interface,
                const void *handlers, void *userdata, struct dbus_exported **exported);

void dbus_unexport(struct dbus_exported *exported);

int dbus_emit(const struct dbus_exported *exported, const char *member, const char *types, const void *const *values);

/* Says that properties have changed, as their annotations want it; names end with NULL. Set does it by itself. */
int dbus_changed(const struct dbus_exported *exported, const char *const *names);

#ifdef __cplusplus
}
#endif

#endif
