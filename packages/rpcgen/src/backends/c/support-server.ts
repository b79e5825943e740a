/** The part of the support code that serves objects: one handler for all paths, and a list of what is exported. */
export const SUPPORT_SERVER: string = String.raw`
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
`;
