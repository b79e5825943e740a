/* What the guest does on request. README.md has the table of requests. */
#include "balloon.h"
#include "blkfront.h"
#include "console.h"
#include "event.h"
#include "guest.h"
#include "netfront.h"
#include "pages.h"
#include "settings.h"
#include "work.h"
#include "xenstore.h"
#include <xen/io/blkif.h>

#define REQUEST_NODE "data/testguest/request"
#define REPLY_NODE "data/testguest/reply"
#define WORDS_MAX 8
#define KIB_PER_PAGE 4

struct answer {
  char *text;
  size_t size;
};

/* What is left to be done after the answer. */
static enum { FINISH_NOTHING, FINISH_EXIT, FINISH_FAULT, FINISH_SPIN } finish;
static unsigned long finish_value;

static void say(struct answer *answer, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct answer *answer, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  format_list(answer->text, answer->size, fmt, args);
  va_end(args);
}

static void say_result(struct answer *answer, bool is_done) {
  if (is_done)
    say(answer, "ok");
  else
    say(answer, "error %s", xs_error);
}

static bool number(struct answer *answer, const char *word, unsigned long *value) {
  if (parse_number(word, value)) return true;
  say(answer, "error %s is no number", word);
  return false;
}

static void do_ping(struct answer *answer, char *words[]) {
  (void)words;
  say(answer, "ok");
}

static void do_set(struct answer *answer, char *words[]) {
  if (settings_apply(words[1])) {
    xs_fire_all();
    say(answer, "ok");
  } else {
    say(answer, "error no such setting or value");
  }
}

static void do_exit(struct answer *answer, char *words[]) {
  static const char *const names[] = {"poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset"};
  for (finish_value = 0; finish_value < COUNT_OF(names); finish_value++)
    if (!strcmp(names[finish_value], words[1])) break;
  if (finish_value == COUNT_OF(names) && !number(answer, words[1], &finish_value)) return;
  finish = FINISH_EXIT;
  say(answer, "ok");
}

static void do_fault(struct answer *answer, char *words[]) {
  (void)words;
  finish = FINISH_FAULT;
  say(answer, "ok");
}

static void do_spin(struct answer *answer, char *words[]) {
  finish_value = 0;
  if (words[1] && !number(answer, words[1], &finish_value)) return;
  finish = FINISH_SPIN;
  say(answer, "ok");
}

static void do_uptime(struct answer *answer, char *words[]) {
  (void)words;
  say(answer, "ok %lu ms, %lu resumes", guest_uptime_ms(), guest_resume_count());
}

static void do_memory(struct answer *answer, char *words[]) {
  (void)words;
  /* A target that was written before this was asked counts already. */
  balloon_step();
  say(answer, "ok %lu KiB held, %lu KiB wanted, %lu KiB spare", pages_held() * KIB_PER_PAGE,
      balloon_goal_kib(), pages_spare() * KIB_PER_PAGE);
}

static void do_balloon(struct answer *answer, char *words[]) {
  unsigned long kib;
  if (!number(answer, words[1], &kib)) return;
  balloon_set_goal(kib);
  say(answer, "ok");
}

static void do_work(struct answer *answer, char *words[]) {
  unsigned long kib, pause_ms = 0;
  if (!strcmp(words[1], "off")) {
    work_stop();
    say(answer, "ok");
  } else if (number(answer, words[1], &kib) && (!words[2] || number(answer, words[2], &pause_ms))) {
    say(answer, work_start(kib, pause_ms) ? "ok" : "error not so much memory");
  }
}

static void do_check(struct answer *answer, char *words[]) {
  (void)words;
  unsigned long sum;
  bool is_right = work_check(&sum);
  say(answer, "%s %lu pages written, sum %016lx", is_right ? "ok" : "error", work_count(), sum);
}

static void do_write(struct answer *answer, char *words[]) {
  say_result(answer, xs_write(XS_NO_TRANSACTION, words[1], words[2]));
}

static void do_mkdir(struct answer *answer, char *words[]) {
  say_result(answer, xs_mkdir(words[1]));
}

static void do_remove(struct answer *answer, char *words[]) {
  say_result(answer, xs_remove(words[1]));
}

static void do_read(struct answer *answer, char *words[]) {
  char value[1024];
  bool is_done = xs_read(XS_NO_TRANSACTION, words[1], value, sizeof value) >= 0;
  say(answer, "%s %s", is_done ? "ok" : "error", is_done ? value : xs_error);
}

static void do_flood(struct answer *answer, char *words[]) {
  unsigned long count;
  if (!number(answer, words[2], &count)) return;
  for (unsigned long i = 0; i < count; i++) {
    char name[24];
    format(name, sizeof name, "%lu", i);
    if (xs_write_number(words[1], name, i)) continue;
    say(answer, "error %s after %lu nodes", xs_error, i);
    return;
  }
  say(answer, "ok");
}

static struct device *disk(struct answer *answer, char *words[]) {
  unsigned long id;
  if (!number(answer, words[1], &id)) return NULL;
  struct device *device = device_find(&block_kind, id);
  if (!device) say(answer, "error no such disk is connected");
  return device;
}

static void do_disk_size(struct answer *answer, char *words[]) {
  const struct device *device = disk(answer, words);
  if (device) say(answer, "ok %lu sectors", block_sectors(device));
}

static void do_disk_flush(struct answer *answer, char *words[]) {
  struct device *device = disk(answer, words);
  if (!device) return;
  const char *problem = block_transfer(device, BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
  if (problem)
    say(answer, "error %s", problem);
  else
    say(answer, "ok");
}

/* Byte i of a request is seed + i + i / 512, so that each sector differs from the next. */
static void fill(uint8_t *page, unsigned long first, size_t bytes, unsigned long seed) {
  for (size_t i = 0; i < bytes; i++)
    page[i] = (uint8_t)(seed + first + i + (first + i) / BLOCK_SECTOR_BYTES);
}

/* Goes through sectors in requests of the largest size; the CRC-32 of all that was read or written. */
static void transfer(struct answer *answer, char *words[], bool writes, unsigned long seed) {
  unsigned long sector, count;
  uint32_t crc = 0;
  struct device *device = disk(answer, words);
  if (!device || !number(answer, words[2], &sector) || !number(answer, words[3], &count)) return;
  for (unsigned long done = 0; done < count;) {
    unsigned now = (unsigned)min_of(count - done, BLOCK_REQUEST_SECTORS);
    size_t bytes = now * BLOCK_SECTOR_BYTES;
    for (size_t at = 0; writes && at < bytes; at += PAGE_BYTES)
      fill(block_page(device, (unsigned)(at / PAGE_BYTES)), done * BLOCK_SECTOR_BYTES + at,
           min_of(bytes - at, PAGE_BYTES), seed);
    const char *problem =
        block_transfer(device, writes ? BLKIF_OP_WRITE : BLKIF_OP_READ, sector + done, now);
    if (problem) {
      say(answer, "error %s at sector %lu", problem, sector + done);
      return;
    }
    for (size_t at = 0; at < bytes; at += PAGE_BYTES)
      crc = crc32(crc, block_page(device, (unsigned)(at / PAGE_BYTES)), min_of(bytes - at, PAGE_BYTES));
    done += now;
  }
  say(answer, "ok %08x", crc);
}

static void do_disk_read(struct answer *answer, char *words[]) {
  transfer(answer, words, false, 0);
}

static void do_disk_write(struct answer *answer, char *words[]) {
  unsigned long seed;
  if (number(answer, words[4], &seed)) transfer(answer, words, true, seed);
}

static void do_net(struct answer *answer, char *words[]) {
  unsigned long id;
  if (!number(answer, words[1], &id)) return;
  const struct device *device = device_find(&network_kind, id);
  if (!device) {
    say(answer, "error no such network card is connected");
    return;
  }
  struct network_counts counts = network_counts(device);
  say(answer, "ok %lu received, %lu sent", counts.received, counts.sent);
}

static const struct {
  const char *name;
  unsigned min_words;
  void (*run)(struct answer *answer, char *words[]);
} table[] = {
    {"ping", 1, do_ping},           {"set", 2, do_set},
    {"exit", 2, do_exit},           {"fault", 1, do_fault},
    {"spin", 1, do_spin},           {"uptime", 1, do_uptime},
    {"memory", 1, do_memory},       {"balloon", 2, do_balloon},
    {"work", 2, do_work},           {"check", 1, do_check},
    {"write", 3, do_write},         {"read", 2, do_read},
    {"mkdir", 2, do_mkdir},         {"remove", 2, do_remove},
    {"flood", 3, do_flood},         {"disk-size", 2, do_disk_size},
    {"disk-read", 4, do_disk_read}, {"disk-write", 5, do_disk_write},
    {"disk-flush", 2, do_disk_flush}, {"net", 2, do_net},
};

void request_run(char *text, char *answer_text, size_t size) {
  struct answer answer = {answer_text, size};
  char *words[WORDS_MAX + 1] = {0};
  unsigned count = split_words(text, words, WORDS_MAX);
  for (unsigned i = 0; count && i < COUNT_OF(table); i++) {
    if (strcmp(table[i].name, words[0])) continue;
    if (count < table[i].min_words)
      say(&answer, "error %s needs %u words", words[0], table[i].min_words - 1);
    else
      table[i].run(&answer, words);
    return;
  }
  say(&answer, "error no such request");
}

void request_finish(void) {
  switch (finish) {
    case FINISH_EXIT:
      shut_down((unsigned)finish_value);
      break;
    case FINISH_FAULT:
      asm volatile("ud2");
      break;
    case FINISH_SPIN:
      for (uint64_t end = finish_value ? now_ns() + finish_value * NS_PER_MS : NEVER; now_ns() < end;)
        ;
      break;
    case FINISH_NOTHING:
      break;
  }
  finish = FINISH_NOTHING;
}

static void on_request(void *data) {
  (void)data;
  static char text[1024], answer[1200];
  if (xs_read(XS_NO_TRANSACTION, REQUEST_NODE, text, sizeof text) <= 0) return;
  request_run(text, answer, sizeof answer);
  xs_write(XS_NO_TRANSACTION, REPLY_NODE, answer);
  xs_write(XS_NO_TRANSACTION, REQUEST_NODE, "");
  request_finish();
}

void request_init(void) {
  xs_watch(REQUEST_NODE, on_request, NULL);
}
