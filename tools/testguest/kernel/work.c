#include "work.h"
#include "event.h"
#include "pages.h"

#define WORDS_PER_PAGE (PAGE_BYTES / sizeof(uint64_t))
/* Pages written between two looks at other events. */
#define PAGES_PER_STEP 16

static uint64_t *memory;
static unsigned long page_count, written, pause_ns;
static uint64_t expected_sum, next_step_ns;

/* The number that a page holds after being written as the n-th of all writes. */
static uint64_t content(unsigned long n) {
  return (n + 1) * 0x9e3779b97f4a7c15ul;
}

static void write_page(void) {
  uint64_t *page = memory + written % page_count * WORDS_PER_PAGE, value = content(written);
  uint64_t old = written >= page_count ? content(written - page_count) : 0;
  for (unsigned long i = 0; i < WORDS_PER_PAGE; i++) page[i] = value + i;
  expected_sum += (value - old) * WORDS_PER_PAGE;
  if (written < page_count) expected_sum += WORDS_PER_PAGE * (WORDS_PER_PAGE - 1) / 2;
  written++;
}

bool work_start(unsigned long kib, unsigned long pause_ms) {
  work_stop();
  page_count = (kib + 3) / 4;
  if (!page_count || !(memory = pages_alloc(page_count))) return false;
  memset(memory, 0, page_count * PAGE_BYTES);
  written = 0;
  expected_sum = next_step_ns = 0;
  pause_ns = pause_ms * NS_PER_MS;
  return true;
}

void work_stop(void) {
  if (memory) pages_free(memory, page_count);
  memory = NULL;
}

unsigned long work_count(void) {
  return written;
}

bool work_check(unsigned long *sum) {
  *sum = 0;
  if (!memory) return false;
  bool is_right = true;
  for (unsigned long page = 0; page < page_count; page++) {
    const uint64_t *words = memory + page * WORDS_PER_PAGE;
    for (unsigned long i = 0; i < WORDS_PER_PAGE; i++) {
      *sum += words[i];
      if (words[i] && words[i] != words[0] + i) is_right = false;
    }
  }
  return is_right && *sum == expected_sum;
}

uint64_t work_step(void) {
  if (!memory) return NEVER;
  if (pause_ns) {
    uint64_t now = now_ns();
    if (now < next_step_ns && next_step_ns - now <= pause_ns) return next_step_ns;
    next_step_ns = now + pause_ns;
  }
  for (unsigned i = 0; i < PAGES_PER_STEP; i++) write_page();
  return pause_ns ? next_step_ns : 0;
}
