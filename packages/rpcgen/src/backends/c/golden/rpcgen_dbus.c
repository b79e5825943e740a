/* Support for the output of xc-rpcgen --lang c; the same for every document. */
#include "rpcgen_dbus.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROPERTIES "org.freedesktop.DBus.Properties"
#define INTROSPECTABLE "org.freedesktop.DBus.Introspectable"
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
/* The longest signature that D-Bus allows, with its end. */
#define SIGNATURE_SIZE 256

/* ---- Memory ---- */

struct dbus_block {
  struct dbus_block *next;
  /* Released with the block; may be NULL. */
  sd_bus_message *message;
  max_align_t data[];
};

void *dbus_memory_allocate(struct dbus_memory *memory, size_t count, size_t size) {
  struct dbus_block *block;
  if (size != 0 && count > (SIZE_MAX - sizeof(*block)) / size) return NULL;
  block = calloc(1, sizeof(*block) + count * size);
  if (block == NULL) return NULL;
  block->next = memory->blocks;
  memory->blocks = block;
  return block->data;
}

/* Takes over a reference. */
static int memory_keep(struct dbus_memory *memory, sd_bus_message *message) {
  if (dbus_memory_allocate(memory, 0, 0) == NULL) {
    sd_bus_message_unref(message);
    return -ENOMEM;
  }
  memory->blocks->message = message;
  return 0;
}

void dbus_memory_clear(struct dbus_memory *memory) {
  while (memory->blocks != NULL) {
    struct dbus_block *block = memory->blocks;
    memory->blocks = block->next;
    sd_bus_message_unref(block->message);
    free(block);
  }
}

/* ---- Signatures and the layout of values in C ---- */

/* The end of the first complete type. */
static const char *type_end(const char *type) {
  size_t depth = 0;
  while (*type == 'a') type++;
  do {
    if (*type == '(' || *type == '{') depth++;
    else if (*type == ')' || *type == '}') depth--;
    type++;
  } while (depth > 0);
  return type;
}

struct layout {
  size_t size;
  size_t alignment;
};

struct sequence {
  size_t count;
  const void *items;
};

#define LAYOUT(type) ((struct layout){ sizeof(type), alignof(type) })

static size_t align_up(size_t offset, size_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

static struct layout layout_of(const char *type);

/* Goes through the fields of a struct or entry; gives where the field at *type begins, and moves on. */
static size_t next_field(const char **type, size_t *end) {
  struct layout field = layout_of(*type);
  size_t offset = align_up(*end, field.alignment);
  *end = offset + field.size;
  *type = type_end(*type);
  return offset;
}

static struct layout layout_of_struct(const char *type) {
  struct layout all = { 0, 1 };
  for (type++; *type != ')' && *type != '}';) {
    size_t alignment = layout_of(type).alignment;
    if (alignment > all.alignment) all.alignment = alignment;
    next_field(&type, &all.size);
  }
  all.size = align_up(all.size, all.alignment);
  return all;
}

static struct layout layout_of(const char *type) {
  switch (*type) {
  case 'y': return LAYOUT(uint8_t);
  case 'b': return LAYOUT(bool);
  case 'n':
  case 'q': return LAYOUT(uint16_t);
  case 'i':
  case 'u':
  case 'h': return LAYOUT(uint32_t);
  case 'x':
  case 't': return (struct layout){ sizeof(uint64_t), offsetof(struct { char c; uint64_t value; }, value) };
  case 'd': return (struct layout){ sizeof(double), offsetof(struct { char c; double value; }, value) };
  case 'v': return LAYOUT(struct dbus_variant);
  case 'a': return LAYOUT(struct sequence);
  case '(':
  case '{': return layout_of_struct(type);
  default: return LAYOUT(const char *);
  }
}

/* The content of an array, or of a struct or entry without its brackets. */
static const char *copy_content(char *buffer, const char *type) {
  const char *end = type_end(type);
  const char *start = type + 1;
  size_t length = (size_t)(end - start) - (*type == 'a' ? 0 : 1);
  memcpy(buffer, start, length);
  buffer[length] = '\0';
  return buffer;
}

static bool is_fixed(char type) {
  return type != '\0' && strchr("ynqiuxtd", type) != NULL;
}

/* ---- Appending ---- */

static int append_value(sd_bus_message *message, const char *type, const void *value);

static int append_array(sd_bus_message *message, const char *type, const struct sequence *array) {
  char content[SIGNATURE_SIZE];
  struct layout item = layout_of(type + 1);
  int status;
  if (array->count > 0 && array->items == NULL) return -EINVAL;
  if (is_fixed(type[1])) return sd_bus_message_append_array(message, type[1], array->items, array->count * item.size);
  status = sd_bus_message_open_container(message, 'a', copy_content(content, type));
  for (size_t i = 0; status >= 0 && i < array->count; i++) {
    status = append_value(message, type + 1, (const char *)array->items + i * item.size);
  }
  return status < 0 ? status : sd_bus_message_close_container(message);
}

static int append_struct(sd_bus_message *message, const char *type, const void *value) {
  char content[SIGNATURE_SIZE];
  size_t end = 0;
  int status = sd_bus_message_open_container(message, *type == '(' ? 'r' : 'e', copy_content(content, type));
  for (type++; status >= 0 && *type != ')' && *type != '}';) {
    const char *field = type;
    status = append_value(message, field, (const char *)value + next_field(&type, &end));
  }
  return status < 0 ? status : sd_bus_message_close_container(message);
}

static int append_variant(sd_bus_message *message, struct dbus_variant variant) {
  int status;
  if (variant.message == NULL) return -EINVAL;
  status = sd_bus_message_rewind(variant.message, true);
  if (status >= 0) status = sd_bus_message_open_container(message, 'v', dbus_variant_type(variant));
  if (status >= 0) status = sd_bus_message_copy(message, variant.message, true);
  return status < 0 ? status : sd_bus_message_close_container(message);
}

/* Appends one complete type. Strings must be UTF-8: the bus hangs up on a client that sends others. */
static int append_value(sd_bus_message *message, const char *type, const void *value) {
  switch (*type) {
  case 'a': return append_array(message, type, value);
  case '(':
  case '{': return append_struct(message, type, value);
  case 'v': return append_variant(message, *(const struct dbus_variant *)value);
  case 'b': {
    int flag = *(const bool *)value;
    return sd_bus_message_append_basic(message, 'b', &flag);
  }
  case 's':
  case 'o':
  case 'g': {
    const char *text = *(const char *const *)value;
    return text == NULL ? -EINVAL : sd_bus_message_append_basic(message, *type, text);
  }
  default: return sd_bus_message_append_basic(message, *type, value);
  }
}

int dbus_append(sd_bus_message *message, const char *types, const void *const *values) {
  int status = 0;
  for (; status >= 0 && *types != '\0'; types = type_end(types)) status = append_value(message, types, *values++);
  return status;
}

/* ---- Reading ---- */

static int read_value(sd_bus_message *message, const char *type, void *value, struct dbus_memory *memory);

static int read_items(sd_bus_message *message, const char *type, struct sequence *array, struct dbus_memory *memory) {
  size_t size = layout_of(type).size;
  size_t room = 0;
  char *items = NULL;
  int status;
  for (array->count = 0; (status = sd_bus_message_at_end(message, false)) == 0; array->count++) {
    if (array->count == room) {
      char *larger = dbus_memory_allocate(memory, room == 0 ? 4 : room * 2, size);
      if (larger == NULL) return -ENOMEM;
      if (room > 0) memcpy(larger, items, room * size);
      room = room == 0 ? 4 : room * 2;
      items = larger;
    }
    status = read_value(message, type, items + array->count * size, memory);
    if (status < 0) return status;
  }
  array->items = items;
  return status;
}

static int read_array(sd_bus_message *message, const char *type, struct sequence *array, struct dbus_memory *memory) {
  char content[SIGNATURE_SIZE];
  int status;
  if (is_fixed(type[1])) {
    size_t size = 0;
    status = sd_bus_message_read_array(message, type[1], &array->items, &size);
    array->count = size / layout_of(type + 1).size;
    return status;
  }
  status = sd_bus_message_enter_container(message, 'a', copy_content(content, type));
  if (status > 0) status = read_items(message, type + 1, array, memory);
  return status < 0 ? status : sd_bus_message_exit_container(message);
}

static int read_struct(sd_bus_message *message, const char *type, void *value, struct dbus_memory *memory) {
  char content[SIGNATURE_SIZE];
  size_t end = 0;
  int status = sd_bus_message_enter_container(message, *type == '(' ? 'r' : 'e', copy_content(content, type));
  for (type++; status >= 0 && *type != ')' && *type != '}';) {
    const char *field = type;
    status = read_value(message, field, (char *)value + next_field(&type, &end), memory);
  }
  return status < 0 ? status : sd_bus_message_exit_container(message);
}

/* A message that is never sent: it only holds a value. */
static int variant_new(sd_bus *bus, struct dbus_memory *memory, struct dbus_variant *variant) {
  int status = sd_bus_message_new_signal(bus, &variant->message, "/", "org.example.Value", "Value");
  return status < 0 ? status : memory_keep(memory, variant->message);
}

static int read_variant(sd_bus_message *message, struct dbus_variant *variant, struct dbus_memory *memory) {
  const char *content = NULL;
  int status = sd_bus_message_peek_type(message, NULL, &content);
  if (status > 0) status = sd_bus_message_enter_container(message, 'v', content);
  if (status > 0) status = variant_new(sd_bus_message_get_bus(message), memory, variant);
  if (status >= 0) status = sd_bus_message_copy(variant->message, message, true);
  if (status >= 0) status = sd_bus_message_seal(variant->message, 1, 0);
  return status < 0 ? status : sd_bus_message_exit_container(message);
}

/* Reads one complete type, which must be what comes next. */
static int read_value(sd_bus_message *message, const char *type, void *value, struct dbus_memory *memory) {
  switch (*type) {
  case 'a': return read_array(message, type, value, memory);
  case '(':
  case '{': return read_struct(message, type, value, memory);
  case 'v': return read_variant(message, value, memory);
  case 'b': {
    int flag = 0;
    int status = sd_bus_message_read_basic(message, 'b', &flag);
    *(bool *)value = flag != 0;
    return status;
  }
  default: return sd_bus_message_read_basic(message, *type, value);
  }
}

int dbus_read(sd_bus_message *message, const char *types, void *const *values, struct dbus_memory *memory) {
  if (!sd_bus_message_has_signature(message, types)) return -EBADMSG;
  return dbus_read_values(message, types, values, memory);
}

int dbus_read_values(sd_bus_message *message, const char *types, void *const *values, struct dbus_memory *memory) {
  int status = memory_keep(memory, sd_bus_message_ref(message));
  for (; status >= 0 && *types != '\0'; types = type_end(types)) {
    status = read_value(message, types, *values++, memory);
  }
  return status;
}

const char *dbus_variant_type(struct dbus_variant variant) {
  return sd_bus_message_get_signature(variant.message, true);
}

int dbus_variant_make(sd_bus *bus, struct dbus_memory *memory, struct dbus_variant *variant, const char *type,
                      const void *value) {
  int status = variant_new(bus, memory, variant);
  if (status >= 0) status = append_value(variant->message, type, value);
  return status < 0 ? status : sd_bus_message_seal(variant->message, 1, 0);
}

int dbus_variant_read(struct dbus_variant variant, struct dbus_memory *memory, const char *type, void *value) {
  int status;
  if (strcmp(dbus_variant_type(variant), type) != 0) return -ENXIO;
  status = sd_bus_message_rewind(variant.message, true);
  return status < 0 ? status : read_value(variant.message, type, value, memory);
}

/* ---- Calls ---- */

static int send_call(const struct dbus_target *target, sd_bus_message *call, uint64_t timeout_us,
                     sd_bus_message **reply, sd_bus_error *error) {
  uint64_t limit = target->timeout_us != 0 ? target->timeout_us : timeout_us;
  return sd_bus_call(target->bus, call, limit, error, reply);
}

static int wrong_reply(sd_bus_error *error) {
  return sd_bus_error_set(error, SD_BUS_ERROR_INCONSISTENT_MESSAGE, "The reply is not of the declared types");
}

int dbus_call(const struct dbus_target *target, const struct dbus_method *method, const void *const *inputs,
              void *const *outputs, struct dbus_memory *memory, sd_bus_error *error) {
  sd_bus_message *call = NULL;
  sd_bus_message *reply = NULL;
  int status = sd_bus_message_new_method_call(target->bus, &call, target->destination, target->path,
                                              method->interface, method->member);
  if (status >= 0) status = dbus_append(call, method->input, inputs);
  if (status >= 0 && method->no_reply) {
    status = sd_bus_message_set_expect_reply(call, false);
    if (status >= 0) status = sd_bus_send(target->bus, call, NULL);
  } else if (status >= 0) {
    status = send_call(target, call, method->timeout_us, &reply, error);
    if (status >= 0) status = dbus_read(reply, method->output, outputs, memory);
    if (status == -EBADMSG) wrong_reply(error);
  }
  sd_bus_message_unref(call);
  sd_bus_message_unref(reply);
  return status < 0 ? status : 0;
}

static int properties_call(const struct dbus_target *target, const char *member, sd_bus_message **call) {
  return sd_bus_message_new_method_call(target->bus, call, target->destination, target->path, PROPERTIES, member);
}

int dbus_get_property(const struct dbus_target *target, const char *interface, const char *name, const char *type,
                      void *value, struct dbus_memory *memory, sd_bus_error *error) {
  sd_bus_message *call = NULL;
  sd_bus_message *reply = NULL;
  int status = properties_call(target, "Get", &call);
  if (status >= 0) status = sd_bus_message_append(call, "ss", interface, name);
  if (status >= 0) status = send_call(target, call, 0, &reply, error);
  if (status >= 0) status = memory_keep(memory, sd_bus_message_ref(reply));
  if (status >= 0) {
    status = sd_bus_message_enter_container(reply, 'v', type);
    if (status <= 0) status = wrong_reply(error);
  }
  if (status >= 0) status = read_value(reply, type, value, memory);
  sd_bus_message_unref(call);
  sd_bus_message_unref(reply);
  return status < 0 ? status : 0;
}

int dbus_set_property(const struct dbus_target *target, const char *interface, const char *name, const char *type,
                      const void *value, sd_bus_error *error) {
  sd_bus_message *call = NULL;
  int status = properties_call(target, "Set", &call);
  if (status >= 0) status = sd_bus_message_append(call, "ss", interface, name);
  if (status >= 0) status = sd_bus_message_open_container(call, 'v', type);
  if (status >= 0) status = append_value(call, type, value);
  if (status >= 0) status = sd_bus_message_close_container(call);
  if (status >= 0) status = send_call(target, call, 0, NULL, error);
  sd_bus_message_unref(call);
  return status < 0 ? status : 0;
}

static const struct dbus_field *find_field(const struct dbus_field *fields, const char *name) {
  for (; fields->name != NULL; fields++) {
    if (strcmp(fields->name, name) == 0) return fields;
  }
  return NULL;
}

/* Reads "a{sv}" into a struct; what it has no field for, or has another type, is passed over. */
static int read_fields(sd_bus_message *message, const struct dbus_field *fields, char *values,
                       struct dbus_memory *memory) {
  int status = sd_bus_message_enter_container(message, 'a', "{sv}");
  while (status >= 0 && (status = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
    const struct dbus_field *field;
    const char *name = NULL;
    const char *content = NULL;
    status = sd_bus_message_read_basic(message, 's', &name);
    if (status >= 0) status = sd_bus_message_peek_type(message, NULL, &content);
    if (status < 0) break;
    field = find_field(fields, name);
    if (field == NULL || strcmp(field->type, content) != 0) status = sd_bus_message_skip(message, "v");
    else {
      status = sd_bus_message_enter_container(message, 'v', content);
      if (status >= 0) status = read_value(message, field->type, values + field->offset, memory);
      if (status >= 0) status = sd_bus_message_exit_container(message);
      *(bool *)(values + field->has_offset) = status >= 0;
    }
    if (status >= 0) status = sd_bus_message_exit_container(message);
  }
  return status < 0 ? status : sd_bus_message_exit_container(message);
}

int dbus_get_all(const struct dbus_target *target, const char *interface, const struct dbus_field *fields,
                 void *values, struct dbus_memory *memory, sd_bus_error *error) {
  sd_bus_message *call = NULL;
  sd_bus_message *reply = NULL;
  int status = properties_call(target, "GetAll", &call);
  if (status >= 0) status = sd_bus_message_append(call, "s", interface);
  if (status >= 0) status = send_call(target, call, 0, &reply, error);
  if (status >= 0) status = memory_keep(memory, sd_bus_message_ref(reply));
  if (status >= 0) {
    status = sd_bus_message_has_signature(reply, "a{sv}") ? read_fields(reply, fields, values, memory)
                                                          : wrong_reply(error);
  }
  sd_bus_message_unref(call);
  sd_bus_message_unref(reply);
  return status < 0 ? status : 0;
}

/* ---- Signals ---- */

static int dispatch_signal(sd_bus_message *message, void *userdata, sd_bus_error *error) {
  const struct dbus_subscription *subscription = userdata;
  (void)error;
  subscription->dispatch(subscription, message);
  return 0;
}

int dbus_subscribe(const struct dbus_target *target, const char *interface, const char *member,
                   struct dbus_subscription subscription, sd_bus_slot **slot) {
  struct dbus_subscription *copy = malloc(sizeof(*copy));
  sd_bus_slot *made = NULL;
  int status;
  if (copy == NULL) return -ENOMEM;
  *copy = subscription;
  status = sd_bus_match_signal(target->bus, &made, target->destination, target->path, interface, member,
                               dispatch_signal, copy);
  if (status < 0) {
    free(copy);
    return status;
  }
  sd_bus_slot_set_destroy_callback(made, free);
  if (slot != NULL) *slot = made;
  else {
    sd_bus_slot_set_floating(made, true);
    sd_bus_slot_unref(made);
  }
  return 0;
}

int dbus_read_changes(sd_bus_message *message, const char *interface, const struct dbus_field *fields, void *values,
                      const char *const **invalidated, struct dbus_memory *memory) {
  struct sequence names = { 0, NULL };
  const char *owner = NULL;
  char **list;
  int status = sd_bus_message_has_signature(message, "sa{sv}as") ? 0 : -EBADMSG;
  if (status >= 0) status = memory_keep(memory, sd_bus_message_ref(message));
  if (status >= 0) status = sd_bus_message_read_basic(message, 's', &owner);
  if (status >= 0 && strcmp(owner, interface) != 0) status = -ENOENT;
  if (status >= 0) status = read_fields(message, fields, values, memory);
  if (status >= 0) status = read_value(message, "as", &names, memory);
  if (status < 0) return status;
  list = dbus_memory_allocate(memory, names.count + 1, sizeof(*list));
  if (list == NULL) return -ENOMEM;
  if (names.count > 0) memcpy(list, names.items, names.count * sizeof(*list));
  *invalidated = (const char *const *)list;
  return 0;
}

/* ---- Served objects ---- */

struct dbus_exported {
  struct dbus_exported *next;
  struct dbus_server *server;
  char *path;
  /* NULL marks an ObjectManager. */
  const struct dbus_interface *interface;
  const void *handlers;
  void *userdata;
};

struct dbus_server {
  sd_bus *bus;
  sd_bus_slot *slot;
  struct dbus_exported *first;
};

static const struct dbus_exported *find_interface(const struct dbus_server *server, const char *path,
                                                  const char *name) {
  for (const struct dbus_exported *one = server->first; one != NULL; one = one->next) {
    if (one->interface != NULL && strcmp(one->interface->name, name) == 0 && strcmp(one->path, path) == 0) return one;
  }
  return NULL;
}

static bool is_object(const struct dbus_server *server, const char *path) {
  for (const struct dbus_exported *one = server->first; one != NULL; one = one->next) {
    if (strcmp(one->path, path) == 0) return true;
  }
  return false;
}

/* The rest of a path that is below another one, or NULL. */
static const char *path_below(const char *path, const char *root) {
  size_t length = strlen(root);
  if (strcmp(root, "/") == 0) return path[1] == '\0' ? NULL : path + 1;
  return strncmp(path, root, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

static const struct dbus_served_property *find_property(const struct dbus_exported *exported, const char *name) {
  for (const struct dbus_served_property *one = exported->interface->properties; one->name != NULL; one++) {
    if (strcmp(one->name, name) == 0) return one;
  }
  return NULL;
}

static const struct dbus_served_method *find_method(const struct dbus_exported *exported, const char *member) {
  for (const struct dbus_served_method *one = exported->interface->methods; one->member != NULL; one++) {
    if (strcmp(one->member, member) == 0) return one;
  }
  return NULL;
}

static int serve(const struct dbus_exported *exported, dbus_serve function, sd_bus_message *message,
                 sd_bus_message *reply, sd_bus_error *error) {
  struct dbus_memory memory = { NULL };
  struct dbus_context context = { message, message == NULL ? NULL : sd_bus_message_get_sender(message), &memory };
  int status = function(exported->handlers, exported->userdata, &context, reply, error);
  dbus_memory_clear(&memory);
  return status;
}

static int append_property(const struct dbus_exported *exported, const struct dbus_served_property *property,
                           sd_bus_message *call, sd_bus_message *message, sd_bus_error *error) {
  int status = sd_bus_message_open_container(message, 'v', property->type);
  if (status >= 0) status = serve(exported, property->get, call, message, error);
  return status < 0 ? status : sd_bus_message_close_container(message);
}

static int append_entry(const struct dbus_exported *exported, const struct dbus_served_property *property,
                        sd_bus_message *call, sd_bus_message *message, sd_bus_error *error) {
  int status = sd_bus_message_open_container(message, 'e', "sv");
  if (status >= 0) status = sd_bus_message_append_basic(message, 's', property->name);
  if (status >= 0) status = append_property(exported, property, call, message, error);
  return status < 0 ? status : sd_bus_message_close_container(message);
}

static int append_properties(const struct dbus_exported *exported, sd_bus_message *call, sd_bus_message *message,
                             sd_bus_error *error) {
  int status = 0;
  for (const struct dbus_served_property *one = exported->interface->properties; status >= 0 && one->name != NULL;
       one++) {
    if (one->get != NULL) status = append_entry(exported, one, call, message, error);
  }
  return status;
}

static int new_signal(const struct dbus_server *server, sd_bus_message **message, const char *path,
                      const char *interface, const char *member) {
  return sd_bus_message_new_signal(server->bus, message, path, interface, member);
}

static int send_and_release(const struct dbus_server *server, sd_bus_message *message, int status) {
  if (status >= 0) status = sd_bus_send(server->bus, message, NULL);
  sd_bus_message_unref(message);
  return status < 0 ? status : 0;
}

int dbus_emit(const struct dbus_exported *exported, const char *member, const char *types,
              const void *const *values) {
  sd_bus_message *message = NULL;
  int status = new_signal(exported->server, &message, exported->path, exported->interface->name, member);
  if (status >= 0) status = dbus_append(message, types, values);
  return send_and_release(exported->server, message, status);
}

static int append_changes(const struct dbus_exported *exported, const char *const *names, enum dbus_emits emits,
                          sd_bus_message *message, size_t *count) {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  int status = 0;
  for (; status >= 0 && *names != NULL; names++) {
    const struct dbus_served_property *property = find_property(exported, *names);
    if (property == NULL || property->get == NULL || property->emits != emits) continue;
    *count += 1;
    status = emits == DBUS_EMITS_VALUE ? append_entry(exported, property, NULL, message, &error)
                                       : sd_bus_message_append_basic(message, 's', property->name);
  }
  sd_bus_error_free(&error);
  return status;
}

int dbus_changed(const struct dbus_exported *exported, const char *const *names) {
  sd_bus_message *message = NULL;
  size_t count = 0;
  int status = new_signal(exported->server, &message, exported->path, PROPERTIES, "PropertiesChanged");
  if (status >= 0) status = sd_bus_message_append_basic(message, 's', exported->interface->name);
  if (status >= 0) status = sd_bus_message_open_container(message, 'a', "{sv}");
  if (status >= 0) status = append_changes(exported, names, DBUS_EMITS_VALUE, message, &count);
  if (status >= 0) status = sd_bus_message_close_container(message);
  if (status >= 0) status = sd_bus_message_open_container(message, 'a', "s");
  if (status >= 0) status = append_changes(exported, names, DBUS_EMITS_INVALIDATION, message, &count);
  if (status >= 0) status = sd_bus_message_close_container(message);
  if (status >= 0 && count == 0) {
    sd_bus_message_unref(message);
    return 0;
  }
  return send_and_release(exported->server, message, status);
}

/* ---- Properties ---- */

static int no_property(sd_bus_error *error, const char *name) {
  return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_PROPERTY, "There is no property %s", name);
}

/* Finds who owns a property; an empty interface means any. */
static const struct dbus_exported *find_owner(const struct dbus_server *server, const char *path,
                                              const char *interface, const char *name) {
  if (*interface != '\0') return find_interface(server, path, interface);
  for (const struct dbus_exported *one = server->first; one != NULL; one = one->next) {
    if (one->interface != NULL && strcmp(one->path, path) == 0 && find_property(one, name) != NULL) return one;
  }
  return NULL;
}

static int get_property(const struct dbus_server *server, sd_bus_message *message, sd_bus_message *reply,
                        sd_bus_error *error) {
  const char *interface = NULL;
  const char *name = NULL;
  const struct dbus_exported *owner;
  const struct dbus_served_property *property;
  int status = sd_bus_message_read(message, "ss", &interface, &name);
  if (status < 0) return status;
  owner = find_owner(server, sd_bus_message_get_path(message), interface, name);
  property = owner == NULL ? NULL : find_property(owner, name);
  if (property == NULL) return no_property(error, name);
  if (property->get == NULL) {
    return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Property %s can only be written", name);
  }
  return append_property(owner, property, message, reply, error);
}

static int set_property(const struct dbus_server *server, sd_bus_message *message, sd_bus_error *error) {
  const char *interface = NULL;
  const char *name = NULL;
  const char *type = NULL;
  const struct dbus_exported *owner;
  const struct dbus_served_property *property;
  int status = sd_bus_message_read(message, "ss", &interface, &name);
  if (status >= 0) status = sd_bus_message_peek_type(message, NULL, &type);
  if (status < 0) return status;
  owner = find_owner(server, sd_bus_message_get_path(message), interface, name);
  property = owner == NULL ? NULL : find_property(owner, name);
  if (property == NULL) return no_property(error, name);
  if (property->set == NULL) {
    return sd_bus_error_setf(error, SD_BUS_ERROR_PROPERTY_READ_ONLY, "Property %s can only be read", name);
  }
  if (strcmp(property->type, type) != 0) {
    return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Property %s is \"%s\"", name, property->type);
  }
  status = sd_bus_message_enter_container(message, 'v', type);
  if (status >= 0) status = serve(owner, property->set, message, NULL, error);
  if (status >= 0) status = dbus_changed(owner, (const char *const[]){ name, NULL });
  return status;
}

static int get_all(const struct dbus_server *server, sd_bus_message *message, sd_bus_message *reply,
                   sd_bus_error *error) {
  const char *path = sd_bus_message_get_path(message);
  const char *interface = NULL;
  int status = sd_bus_message_read(message, "s", &interface);
  if (status < 0) return status;
  if (*interface != '\0' && find_interface(server, path, interface) == NULL) {
    return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_INTERFACE, "There is no interface %s", interface);
  }
  status = sd_bus_message_open_container(reply, 'a', "{sv}");
  for (const struct dbus_exported *one = server->first; status >= 0 && one != NULL; one = one->next) {
    if (one->interface == NULL || strcmp(one->path, path) != 0) continue;
    if (*interface != '\0' && strcmp(one->interface->name, interface) != 0) continue;
    status = append_properties(one, message, reply, error);
  }
  return status < 0 ? status : sd_bus_message_close_container(reply);
}

/* ---- Introspection ---- */

static const char STANDARD_XML[] =
  "<interface name=\"org.freedesktop.DBus.Peer\"><method name=\"Ping\"/><method name=\"GetMachineId\">"
  "<arg name=\"machine_uuid\" type=\"s\" direction=\"out\"/></method></interface>\n"
  "<interface name=\"" INTROSPECTABLE "\"><method name=\"Introspect\">"
  "<arg name=\"xml_data\" type=\"s\" direction=\"out\"/></method></interface>\n"
  "<interface name=\"" PROPERTIES "\">"
  "<method name=\"Get\"><arg name=\"interface_name\" type=\"s\" direction=\"in\"/>"
  "<arg name=\"property_name\" type=\"s\" direction=\"in\"/><arg name=\"value\" type=\"v\" direction=\"out\"/></method>"
  "<method name=\"GetAll\"><arg name=\"interface_name\" type=\"s\" direction=\"in\"/>"
  "<arg name=\"props\" type=\"a{sv}\" direction=\"out\"/></method>"
  "<method name=\"Set\"><arg name=\"interface_name\" type=\"s\" direction=\"in\"/>"
  "<arg name=\"property_name\" type=\"s\" direction=\"in\"/><arg name=\"value\" type=\"v\" direction=\"in\"/></method>"
  "<signal name=\"PropertiesChanged\"><arg name=\"interface_name\" type=\"s\"/>"
  "<arg name=\"changed_properties\" type=\"a{sv}\"/><arg name=\"invalidated_properties\" type=\"as\"/></signal>"
  "</interface>\n";

static const char MANAGER_XML[] =
  "<interface name=\"" OBJECT_MANAGER "\"><method name=\"GetManagedObjects\">"
  "<arg name=\"objects\" type=\"a{oa{sa{sv}}}\" direction=\"out\"/></method>"
  "<signal name=\"InterfacesAdded\"><arg name=\"object\" type=\"o\"/>"
  "<arg name=\"interfaces\" type=\"a{sa{sv}}\"/></signal>"
  "<signal name=\"InterfacesRemoved\"><arg name=\"object\" type=\"o\"/><arg name=\"interfaces\" type=\"as\"/></signal>"
  "</interface>\n";

static void write_children(const struct dbus_server *server, const char *path, FILE *out) {
  for (const struct dbus_exported *one = server->first; one != NULL; one = one->next) {
    const char *rest = path_below(one->path, path);
    size_t length;
    bool is_first = true;
    if (rest == NULL) continue;
    length = strcspn(rest, "/");
    for (const struct dbus_exported *other = server->first; is_first && other != one; other = other->next) {
      const char *known = path_below(other->path, path);
      is_first = known == NULL || strcspn(known, "/") != length || strncmp(known, rest, length) != 0;
    }
    if (is_first) fprintf(out, "<node name=\"%.*s\"/>\n", (int)length, rest);
  }
}

static void write_node(const struct dbus_server *server, const char *path, FILE *out) {
  fputs("<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
        " \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n", out);
  fputs(STANDARD_XML, out);
  for (const struct dbus_exported *one = server->first; one != NULL; one = one->next) {
    if (strcmp(one->path, path) != 0) continue;
    if (one->interface == NULL) fputs(MANAGER_XML, out);
    else for (const char *const *line = one->interface->xml; *line != NULL; line++) fprintf(out, "%s\n", *line);
  }
  write_children(server, path, out);
  fputs("</node>\n", out);
}

static int introspect(const struct dbus_server *server, sd_bus_message *message, sd_bus_message *reply) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  int status;
  if (out == NULL) return -ENOMEM;
  write_node(server, sd_bus_message_get_path(message), out);
  status = fclose(out) == 0 ? sd_bus_message_append_basic(reply, 's', text) : -ENOMEM;
  free(text);
  return status;
}

/* ---- ObjectManager ---- */

static int append_interface(const struct dbus_exported *exported, sd_bus_message *call, sd_bus_message *message,
                            sd_bus_error *error) {
  int status = sd_bus_message_open_container(message, 'e', "sa{sv}");
  if (status >= 0) status = sd_bus_message_append_basic(message, 's', exported->interface->name);
  if (status >= 0) status = sd_bus_message_open_container(message, 'a', "{sv}");
  if (status >= 0) status = append_properties(exported, call, message, error);
  if (status >= 0) status = sd_bus_message_close_container(message);
  return status < 0 ? status : sd_bus_message_close_container(message);
}

static int append_object(const struct dbus_server *server, const char *path, sd_bus_message *call,
                         sd_bus_message *reply, sd_bus_error *error) {
  int status = sd_bus_message_open_container(reply, 'e', "oa{sa{sv}}");
  if (status >= 0) status = sd_bus_message_append_basic(reply, 'o', path);
  if (status >= 0) status = sd_bus_message_open_container(reply, 'a', "{sa{sv}}");
  for (const struct dbus_exported *one = server->first; status >= 0 && one != NULL; one = one->next) {
    if (one->interface == NULL || strcmp(one->path, path) != 0) continue;
    status = append_interface(one, call, reply, error);
  }
  if (status >= 0) status = sd_bus_message_close_container(reply);
  return status < 0 ? status : sd_bus_message_close_container(reply);
}

static int get_managed_objects(const struct dbus_server *server, sd_bus_message *call, sd_bus_message *reply,
                               sd_bus_error *error) {
  const char *root = sd_bus_message_get_path(call);
  int status = sd_bus_message_open_container(reply, 'a', "{oa{sa{sv}}}");
  for (const struct dbus_exported *one = server->first; status >= 0 && one != NULL; one = one->next) {
    bool is_first = one->interface != NULL && path_below(one->path, root) != NULL;
    for (const struct dbus_exported *other = server->first; is_first && other != one; other = other->next) {
      is_first = other->interface == NULL || strcmp(other->path, one->path) != 0;
    }
    if (is_first) status = append_object(server, one->path, call, reply, error);
  }
  return status < 0 ? status : sd_bus_message_close_container(reply);
}

/* Tells of an interface that has come or goes, at every manager above it. */
static int announce(const struct dbus_exported *exported, bool is_added) {
  int status = 0;
  for (const struct dbus_exported *one = exported->server->first; status >= 0 && one != NULL; one = one->next) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *message = NULL;
    if (one->interface != NULL || path_below(exported->path, one->path) == NULL) continue;
    status = new_signal(one->server, &message, one->path, OBJECT_MANAGER,
                        is_added ? "InterfacesAdded" : "InterfacesRemoved");
    if (status >= 0) status = sd_bus_message_append_basic(message, 'o', exported->path);
    if (status >= 0 && !is_added) status = sd_bus_message_append(message, "as", 1, exported->interface->name);
    if (status >= 0 && is_added) {
      status = sd_bus_message_open_container(message, 'a', "{sa{sv}}");
      if (status >= 0) status = append_interface(exported, NULL, message, &error);
      if (status >= 0) status = sd_bus_message_close_container(message);
    }
    status = send_and_release(one->server, message, status);
    sd_bus_error_free(&error);
  }
  return status;
}

/* ---- Answering ---- */

static bool is_call(sd_bus_message *message, const char *interface, const char *member) {
  return sd_bus_message_is_method_call(message, interface, member) > 0;
}

static bool is_manager(const struct dbus_server *server, const char *path) {
  for (const struct dbus_exported *one = server->first; one != NULL; one = one->next) {
    if (one->interface == NULL && strcmp(one->path, path) == 0) return true;
  }
  return false;
}

/* Finds the method that is called; a call without interface means any that has it. */
static const struct dbus_exported *find_called(const struct dbus_server *server, sd_bus_message *message) {
  const char *path = sd_bus_message_get_path(message);
  const char *interface = sd_bus_message_get_interface(message);
  if (interface != NULL) return find_interface(server, path, interface);
  for (const struct dbus_exported *one = server->first; one != NULL; one = one->next) {
    if (one->interface == NULL || strcmp(one->path, path) != 0) continue;
    if (find_method(one, sd_bus_message_get_member(message)) != NULL) return one;
  }
  return NULL;
}

static int wrong_arguments(sd_bus_error *error, const char *wanted) {
  return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The arguments are \"%s\"", wanted);
}

static int answer_method(const struct dbus_server *server, sd_bus_message *message, sd_bus_message *reply,
                         sd_bus_error *error) {
  const char *member = sd_bus_message_get_member(message);
  const struct dbus_exported *exported = find_called(server, message);
  const struct dbus_served_method *method = exported == NULL ? NULL : find_method(exported, member);
  if (method == NULL) {
    return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_METHOD, "The object has no method %s", member);
  }
  if (!sd_bus_message_has_signature(message, method->input)) return wrong_arguments(error, method->input);
  return serve(exported, method->serve, message, reply, error);
}

static int answer(const struct dbus_server *server, sd_bus_message *message, sd_bus_message *reply,
                  sd_bus_error *error) {
  static const char *const INPUTS[][2] = { { "Get", "ss" }, { "GetAll", "s" }, { "Set", "ssv" } };
  for (size_t i = 0; i < sizeof(INPUTS) / sizeof(INPUTS[0]); i++) {
    if (!is_call(message, PROPERTIES, INPUTS[i][0])) continue;
    if (!sd_bus_message_has_signature(message, INPUTS[i][1])) return wrong_arguments(error, INPUTS[i][1]);
  }
  if (is_call(message, PROPERTIES, "Get")) return get_property(server, message, reply, error);
  if (is_call(message, PROPERTIES, "GetAll")) return get_all(server, message, reply, error);
  if (is_call(message, PROPERTIES, "Set")) return set_property(server, message, error);
  if (is_call(message, INTROSPECTABLE, "Introspect")) return introspect(server, message, reply);
  if (is_call(message, OBJECT_MANAGER, "GetManagedObjects") && is_manager(server, sd_bus_message_get_path(message))) {
    return get_managed_objects(server, message, reply, error);
  }
  return answer_method(server, message, reply, error);
}

static bool has_object_below(const struct dbus_server *server, const char *path) {
  for (const struct dbus_exported *one = server->first; one != NULL; one = one->next) {
    if (path_below(one->path, path) != NULL) return true;
  }
  return false;
}

static int handle_message(sd_bus_message *message, void *userdata, sd_bus_error *unused) {
  const struct dbus_server *server = userdata;
  const char *path = sd_bus_message_get_path(message);
  sd_bus_error error = SD_BUS_ERROR_NULL;
  sd_bus_message *reply = NULL;
  int status;
  (void)unused;
  if (!is_object(server, path)) {
    if (!has_object_below(server, path) || !is_call(message, INTROSPECTABLE, "Introspect")) return 0;
  }
  status = sd_bus_message_new_method_return(message, &reply);
  if (status >= 0) status = answer(server, message, reply, &error);
  if (sd_bus_message_get_expect_reply(message) > 0) {
    if (status >= 0) status = sd_bus_send(server->bus, reply, NULL);
    if (status < 0 && sd_bus_error_is_set(&error)) status = sd_bus_reply_method_error(message, &error);
    else if (status < 0) status = sd_bus_reply_method_errno(message, status, NULL);
  }
  sd_bus_error_free(&error);
  sd_bus_message_unref(reply);
  return status < 0 ? status : 1;
}

int dbus_server_new(sd_bus *bus, struct dbus_server **server) {
  struct dbus_server *made = calloc(1, sizeof(*made));
  int status;
  if (made == NULL) return -ENOMEM;
  made->bus = sd_bus_ref(bus);
  status = sd_bus_add_fallback(bus, &made->slot, "/", handle_message, made);
  if (status < 0) {
    dbus_server_free(made);
    return status;
  }
  *server = made;
  return 0;
}

void dbus_server_free(struct dbus_server *server) {
  if (server == NULL) return;
  while (server->first != NULL) dbus_unexport(server->first);
  sd_bus_slot_unref(server->slot);
  sd_bus_unref(server->bus);
  free(server);
}

int dbus_export(struct dbus_server *server, const char *path, const struct dbus_interface *interface,
                const void *handlers, void *userdata, struct dbus_exported **exported) {
  struct dbus_exported **end = &server->first;
  struct dbus_exported *made;
  if (sd_bus_object_path_is_valid(path) <= 0) return -EINVAL;
  if (interface != NULL && find_interface(server, path, interface->name) != NULL) return -EEXIST;
  made = malloc(sizeof(*made));
  if (made == NULL) return -ENOMEM;
  *made = (struct dbus_exported){ NULL, server, strdup(path), interface, handlers, userdata };
  if (made->path == NULL) {
    free(made);
    return -ENOMEM;
  }
  while (*end != NULL) end = &(*end)->next;
  *end = made;
  if (exported != NULL) *exported = made;
  return interface == NULL ? 0 : announce(made, true);
}

int dbus_server_manage(struct dbus_server *server, const char *path) {
  return dbus_export(server, path, NULL, NULL, NULL, NULL);
}

void dbus_unexport(struct dbus_exported *exported) {
  struct dbus_exported **link;
  if (exported == NULL) return;
  for (link = &exported->server->first; *link != exported;) link = &(*link)->next;
  *link = exported->next;
  if (exported->interface != NULL) announce(exported, false);
  free(exported->path);
  free(exported);
}
