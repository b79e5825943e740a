// The D-Bus peer of the comparison, on sd-bus. Build: gcc -O2 dbus-sdbus.c -o dbus-sdbus -lsystemd
// dbus-sdbus service NAME
// dbus-sdbus call NAME IN-FLIGHT COUNT      echo calls
// dbus-sdbus get-all NAME COUNT             GetAll calls, every value read
// dbus-sdbus listen NAME LISTENERS COUNT    signals that reach every listener
// Each prints how many per second, and how many microseconds of its processor time each took.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>

#define PATH "/org/example/bench"
#define INTERFACE "org.example.Bench"
#define PROPERTIES 148
#define WARM_UP 2000
#define TEXT "hello world 1234"

#define CHECK(call) check((call), #call)

static int check(int result, const char *what) {
  if (result < 0) {
    fprintf(stderr, "%s: %s\n", what, strerror(-result));
    exit(1);
  }
  return result;
}

// Seconds of processor time that this process has used.
static double processor(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

// --- service

static int echo(sd_bus_message *call, void *data, sd_bus_error *error) {
  const char *text;
  int result = sd_bus_message_read(call, "s", &text);
  return result < 0 ? result : sd_bus_reply_method_return(call, "s", text);
}

static int emit(sd_bus_message *call, void *data, sd_bus_error *error) {
  sd_bus *bus = sd_bus_message_get_bus(call);
  uint32_t count;
  int result = sd_bus_message_read(call, "u", &count);
  for (uint32_t index = 0; result >= 0 && index < count; index++)
    result = sd_bus_emit_signal(bus, PATH, INTERFACE, "Tick", "us", index, TEXT);
  return result < 0 ? result : sd_bus_reply_method_return(call, "");
}

static int get(sd_bus *bus, const char *path, const char *interface, const char *property,
               sd_bus_message *reply, void *data, sd_bus_error *error) {
  return sd_bus_message_append(reply, "s", property);
}

static void serve(const char *name) {
  static sd_bus_vtable table[PROPERTIES + 5];
  sd_bus *bus;
  int row = 0;
  table[row++] = (sd_bus_vtable)SD_BUS_VTABLE_START(0);
  table[row++] = (sd_bus_vtable)SD_BUS_METHOD("Echo", "s", "s", echo, SD_BUS_VTABLE_UNPRIVILEGED);
  table[row++] = (sd_bus_vtable)SD_BUS_METHOD("Emit", "u", "", emit, SD_BUS_VTABLE_UNPRIVILEGED);
  table[row++] = (sd_bus_vtable)SD_BUS_SIGNAL("Tick", "us", 0);
  for (int index = 0; index < PROPERTIES; index++) {
    char *property;
    CHECK(asprintf(&property, "property_%03d", index));
    table[row++] = (sd_bus_vtable)SD_BUS_PROPERTY(property, "s", get, 0, 0);
  }
  table[row] = (sd_bus_vtable)SD_BUS_VTABLE_END;
  CHECK(sd_bus_open_user(&bus));
  CHECK(sd_bus_add_object_vtable(bus, NULL, PATH, INTERFACE, table, NULL));
  CHECK(sd_bus_request_name(bus, name, 0));
  puts("ready");
  fflush(stdout);
  for (;;)
    if (CHECK(sd_bus_process(bus, NULL)) == 0) CHECK(sd_bus_wait(bus, UINT64_MAX));
}

// --- clients

static int received;

static int on_reply(sd_bus_message *reply, void *data, sd_bus_error *error) {
  const char *text;
  CHECK(sd_bus_message_read(reply, "s", &text));
  received++;
  return 0;
}

static double call_many(sd_bus *bus, const char *name, int in_flight, int count) {
  double start = now();
  int sent = 0;
  received = 0;
  while (received < count) {
    for (; sent - received < in_flight && sent < count; sent++)
      CHECK(sd_bus_call_method_async(bus, NULL, name, PATH, INTERFACE, "Echo", on_reply, NULL, "s", TEXT));
    while (CHECK(sd_bus_process(bus, NULL)) > 0);
    if (received < count && (sent - received >= in_flight || sent == count)) CHECK(sd_bus_wait(bus, 1000000));
  }
  return count / (now() - start);
}

static double call_one_by_one(sd_bus *bus, const char *name, int count) {
  double start = now();
  for (int index = 0; index < count; index++) {
    sd_bus_message *reply = NULL;
    const char *text;
    CHECK(sd_bus_call_method(bus, name, PATH, INTERFACE, "Echo", NULL, &reply, "s", TEXT));
    CHECK(sd_bus_message_read(reply, "s", &text));
    sd_bus_message_unref(reply);
  }
  return count / (now() - start);
}

static double get_all(sd_bus *bus, const char *name, int count) {
  double start = now();
  for (int index = 0; index < count; index++) {
    sd_bus_message *reply = NULL;
    const char *property, *value;
    int properties = 0;
    CHECK(sd_bus_call_method(bus, name, PATH, "org.freedesktop.DBus.Properties", "GetAll", NULL, &reply, "s", INTERFACE));
    CHECK(sd_bus_message_enter_container(reply, 'a', "{sv}"));
    while (CHECK(sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
      CHECK(sd_bus_message_read(reply, "s", &property));
      CHECK(sd_bus_message_read(reply, "v", "s", &value));
      CHECK(sd_bus_message_exit_container(reply));
      properties++;
    }
    if (properties != PROPERTIES) exit(1);
    sd_bus_message_unref(reply);
  }
  return count / (now() - start);
}

struct listening {
  sd_event *event;
  int missing;
};

static int on_tick(sd_bus_message *signal, void *data, sd_bus_error *error) {
  struct listening *listening = data;
  uint32_t index;
  const char *text;
  CHECK(sd_bus_message_read(signal, "us", &index, &text));
  if (--listening->missing == 0) sd_event_exit(listening->event, 0);
  return 0;
}

static double listen_all(const char *name, int listeners, int count) {
  struct listening listening = {.missing = listeners * count};
  sd_bus *caller;
  CHECK(sd_event_new(&listening.event));
  for (int index = 0; index < listeners; index++) {
    sd_bus *bus;
    CHECK(sd_bus_open_user(&bus));
    CHECK(sd_bus_match_signal(bus, NULL, name, PATH, INTERFACE, "Tick", on_tick, &listening));
    CHECK(sd_bus_attach_event(bus, listening.event, 0));
  }
  CHECK(sd_bus_open_user(&caller));
  CHECK(sd_bus_attach_event(caller, listening.event, 0));
  double start = now();
  CHECK(sd_bus_call_method_async(caller, NULL, name, PATH, INTERFACE, "Emit", NULL, NULL, "u", (uint32_t)count));
  CHECK(sd_event_loop(listening.event));
  return count / (now() - start);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "service") == 0) serve(argv[2]);
  if (argc < 4) return 2;
  sd_bus *bus;
  CHECK(sd_bus_open_user(&bus));
  int number = atoi(argv[3]), count = argc == 5 ? atoi(argv[4]) : number;
  double rate, before;
  if (strcmp(argv[1], "get-all") == 0) {
    get_all(bus, argv[2], 100);
    before = processor();
    rate = get_all(bus, argv[2], count);
  } else if (argc == 5 && strcmp(argv[1], "call") == 0) {
    call_many(bus, argv[2], number, WARM_UP);
    before = processor();
    rate = number == 1 ? call_one_by_one(bus, argv[2], count) : call_many(bus, argv[2], number, count);
  } else if (argc == 5 && strcmp(argv[1], "listen") == 0) {
    before = processor();
    rate = listen_all(argv[2], number, count);
  } else {
    return 2;
  }
  printf("%.0f %.2f\n", rate, (processor() - before) * 1e6 / count);
  return 0;
}
