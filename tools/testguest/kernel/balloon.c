#include "balloon.h"
#include "event.h"
#include "pages.h"
#include "platform.h"
#include "settings.h"
#include "xenstore.h"

#define KIB_PER_PAGE (PAGE_BYTES / 1024)
#define STEP_NS (100 * NS_PER_MS)
#define STEPS_PER_SECOND 10
/* Xen may have no memory for us, or not allow it, at the moment. */
#define RETRY_NS (1000 * NS_PER_MS)

static unsigned long goal_pages;
/* What the toolstack counts in memory/target and our memory map does not show as RAM. */
static unsigned long unseen_pages;
static uint64_t next_step_ns;

static void on_target(void *data) {
  (void)data;
  unsigned long kib;
  if (settings.ignore_balloon || !xs_read_number("memory", "target", &kib)) return;
  unsigned long pages = kib / KIB_PER_PAGE;
  goal_pages = pages > unseen_pages ? pages - unseen_pages : 0;
  next_step_ns = 0;
}

void balloon_set_goal(unsigned long kib) {
  goal_pages = kib / KIB_PER_PAGE;
  next_step_ns = 0;
}

unsigned long balloon_goal_kib(void) {
  return goal_pages * KIB_PER_PAGE;
}

static unsigned long step_pages(unsigned long difference) {
  if (!settings.balloon_rate_kib) return difference;
  unsigned long pages = settings.balloon_rate_kib / KIB_PER_PAGE / STEPS_PER_SECOND;
  return min_of(difference, pages ? pages : 1);
}

uint64_t balloon_step(void) {
  unsigned long held = pages_held();
  bool shrinks = held > goal_pages;
  unsigned long difference = shrinks ? min_of(held - goal_pages, pages_spare()) : goal_pages - held;
  if (!difference) return NEVER;
  uint64_t now = now_ns();
  /* Time may have jumped back in a suspend. */
  if (now < next_step_ns && next_step_ns - now <= RETRY_NS) return next_step_ns;
  unsigned long wanted = step_pages(difference);
  unsigned long done = shrinks ? pages_shrink(wanted) : pages_grow(wanted);
  if (done == difference) return NEVER;
  next_step_ns = now + (done < wanted ? RETRY_NS : STEP_NS);
  return next_step_ns;
}

void balloon_init(void) {
  unsigned long max_kib, video_kib;
  goal_pages = pages_held();
  if (platform.has_memory_map && xs_read_number("memory", "static-max", &max_kib)) {
    /* Toolstacks count video memory in the maximum, and not in the target. */
    if (!xs_read_number("memory", "videoram", &video_kib) || video_kib > max_kib) video_kib = 0;
    unsigned long counted = (max_kib - video_kib) / KIB_PER_PAGE;
    if (counted > goal_pages) unseen_pages = counted - goal_pages;
  }
  xs_watch("memory/target", on_target, NULL);
}
