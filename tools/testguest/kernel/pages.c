#include "pages.h"
#include "platform.h"

/* RAM below the kernel, short of where a PC has its hole; page 0 stays unused. */
#define LOW_PAGES_END 0xa0ul

struct free_page {
  struct free_page *next;
};

static struct free_page *free_list;
static unsigned long low_next = 1, next_page, top;

void pages_init(void) {
  next_page = platform.first_free;
  top = platform.ram_pages;
}

void *page_alloc(void) {
  if (free_list) {
    struct free_page *page = free_list;
    free_list = page->next;
    return page;
  }
  if (low_next < LOW_PAGES_END) return (void *)(low_next++ << PAGE_BITS);
  return pages_alloc(1);
}

void page_free(void *page) {
  struct free_page *item = page;
  item->next = free_list;
  free_list = item;
}

void *pages_alloc(unsigned long count) {
  /* The page at next_page is always a mapped one, for the next table. */
  while (next_page + count >= platform.mapped_end) {
    if (next_page + count >= top) return NULL;
    if (!platform.map_more((void *)(next_page++ << PAGE_BITS))) return NULL;
  }
  if (next_page + count > top) return NULL;
  void *first = (void *)(next_page << PAGE_BITS);
  next_page += count;
  return first;
}

void pages_free(void *first, unsigned long count) {
  unsigned long page = (unsigned long)first >> PAGE_BITS;
  if (page + count == next_page) {
    next_page = page;
    return;
  }
  for (unsigned long i = 0; i < count; i++) page_free((char *)first + (i << PAGE_BITS));
}

unsigned long pages_held(void) {
  return top;
}

unsigned long pages_spare(void) {
  return top > next_page ? top - next_page : 0;
}

unsigned long pages_shrink(unsigned long count) {
  unsigned long done = 0;
  count = min_of(count, pages_spare());
  while (done < count) {
    unsigned long batch = min_of(count - done, BATCH_PAGES);
    unsigned long given = platform.give_back(top - batch, batch);
    top -= given;
    done += given;
    if (given < batch) break;
  }
  return done;
}

unsigned long pages_grow(unsigned long count) {
  unsigned long done = 0;
  if (!platform.allow_pages(top + count)) return 0;
  while (done < count) {
    unsigned long batch = min_of(count - done, BATCH_PAGES);
    unsigned long taken = platform.take_in(top, batch);
    top += taken;
    done += taken;
    if (taken < batch) break;
  }
  return done;
}
