#include "balloon.h"
#include "console.h"
#include "device.h"
#include "event.h"
#include "guest.h"
#include "pages.h"
#include "platform.h"
#include "settings.h"
#include "work.h"
#include "xenstore.h"

#define WORD_START "testguest."
#define RUN_WORD "run="
#define COMMAND_LINE_BYTES 1024
#define WORDS_MAX 32

struct platform platform;
static uint64_t started_ns;
static unsigned long resume_count;
static char command_line[COMMAND_LINE_BYTES];
static char *run_at_boot;

unsigned long guest_uptime_ms(void) {
  return (now_ns() - started_ns) / NS_PER_MS;
}

unsigned long guest_resume_count(void) {
  return resume_count;
}

static void run_request(char *text) {
  char answer[1024];
  request_run(text, answer, sizeof answer);
  print("%s\n", answer);
  request_finish();
}

/* A line typed at the console comes back; one that starts with "testguest " is a request. */
static void on_line(char *line) {
  if (starts_with(line, "testguest "))
    run_request(line + strlen("testguest "));
  else
    print("%s\n", line);
}

/* The word for a request to run at boot has commas where the request has spaces. */
static void keep_run_word(char *text) {
  for (char *c = text; *c; c++)
    if (*c == ',') *c = ' ';
  run_at_boot = text;
}

static void read_command_line(void) {
  char *words[WORDS_MAX];
  format(command_line, sizeof command_line, "%s", platform.command_line);
  unsigned count = split_words(command_line, words, WORDS_MAX);
  for (unsigned i = 0; i < count; i++) {
    if (!starts_with(words[i], WORD_START)) continue;
    char *word = words[i] + strlen(WORD_START);
    if (starts_with(word, RUN_WORD))
      keep_run_word(word + strlen(RUN_WORD));
    else if (!settings_apply(word))
      print("no such setting or value: %s\n", word);
  }
}

/* What others read to know that the guest is there, anew in every domain. */
static void announce(void) {
  xs_write(XS_NO_TRANSACTION, "data/testguest/kind", platform.name);
  xs_write_number("data/testguest", "resumes", resume_count);
}

void guest_suspend(void) {
  uint64_t before = now_ns();
  bool is_cancelled = platform.suspend();
  event_init();
  if (is_cancelled) {
    print("TESTGUEST-SUSPEND-CANCELLED\n");
    return;
  }
  started_ns += now_ns() - before;
  resume_count++;
  event_forget();
  grant_forget();
  console_init(on_line);
  xs_init();
  devices_restart();
  shutdown_announce();
  announce();
  print("TESTGUEST-RESUMED %s %lu\n", platform.name, resume_count);
}

_Noreturn void guest_main(void) {
  event_init();
  pages_init();
  started_ns = now_ns();
  console_init(on_line);
  read_command_line();
  xs_init();
  shutdown_init();
  balloon_init();
  devices_init();
  request_init();
  announce();
  print("TESTGUEST-UP %s %lu KiB\n", platform.name, platform.ram_pages * (PAGE_BYTES / 1024));
  if (run_at_boot) run_request(run_at_boot);
  for (;;) {
    bool has_worked = event_dispatch() | xs_dispatch();
    uint64_t balloon_due = balloon_step(), work_due = work_step();
    if (!has_worked) event_wait(min_of(balloon_due, work_due));
  }
}
