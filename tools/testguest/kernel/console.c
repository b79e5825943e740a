#include "console.h"
#include "event.h"
#include "platform.h"

#define BACKLOG_BYTES 4096u
#define LINE_BYTES 256

static char backlog[BACKLOG_BYTES];
static unsigned backlog_in, backlog_out;
static char line[LINE_BYTES];
static unsigned line_length;
static void (*line_handler)(char *line);

static void flush(void) {
  struct xencons_interface *ring = platform.console;
  XENCONS_RING_IDX produced = ring->out_prod, consumed = *(volatile XENCONS_RING_IDX *)&ring->out_cons;
  unsigned start = backlog_out;
  while (backlog_out != backlog_in && produced - consumed < sizeof ring->out)
    ring->out[MASK_XENCONS_IDX(produced++, ring->out)] = backlog[backlog_out++ % BACKLOG_BYTES];
  memory_barrier();
  ring->out_prod = produced;
  if (backlog_out != start) event_notify(platform.console_port);
}

static void put(char c) {
  if (backlog_in - backlog_out < BACKLOG_BYTES) backlog[backlog_in++ % BACKLOG_BYTES] = c;
}

void print(const char *fmt, ...) {
  char text[512];
  va_list args;
  va_start(args, fmt);
  format_list(text, sizeof text, fmt, args);
  va_end(args);
  for (const char *c = text; *c; c++) {
    if (*c == '\n') put('\r');
    put(*c);
  }
  flush();
}

static void take(char c) {
  if (c != '\r' && c != '\n') {
    if (line_length < LINE_BYTES - 1) line[line_length++] = c;
    return;
  }
  line[line_length] = 0;
  line_length = 0;
  if (line[0]) line_handler(line);
}

static void on_event(void *data) {
  (void)data;
  struct xencons_interface *ring = platform.console;
  XENCONS_RING_IDX consumed = ring->in_cons, produced = *(volatile XENCONS_RING_IDX *)&ring->in_prod;
  bool any = consumed != produced;
  memory_barrier();
  while (consumed != produced) take(ring->in[MASK_XENCONS_IDX(consumed++, ring->in)]);
  memory_barrier();
  ring->in_cons = consumed;
  if (any) event_notify(platform.console_port);
  flush();
}

void console_init(void (*on_line)(char *line)) {
  line_handler = on_line;
  event_add(platform.console_port, on_event, NULL);
  on_event(NULL);
}
