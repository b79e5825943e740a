#include "grant.h"
#include "platform.h"

static bool is_used[GRANT_COUNT];

grant_ref_t grant_page(domid_t domain, const void *page, bool is_read_only) {
  for (grant_ref_t grant = GNTTAB_NR_RESERVED_ENTRIES; grant < GRANT_COUNT; grant++) {
    if (is_used[grant]) continue;
    is_used[grant] = true;
    grant_entry_v1_t *entry = &platform.grants[grant];
    entry->frame = (uint32_t)platform.frame_of((unsigned long)page >> PAGE_BITS);
    entry->domid = domain;
    memory_barrier();
    entry->flags = (uint16_t)(GTF_permit_access | (is_read_only ? GTF_readonly : 0));
    return grant;
  }
  return NO_GRANT;
}

bool grant_end(grant_ref_t grant) {
  if (grant == NO_GRANT) return true;
  uint16_t *flags = &platform.grants[grant].flags, seen = *(volatile uint16_t *)flags;
  do
    if (seen & (GTF_reading | GTF_writing)) return false;
  while (!__atomic_compare_exchange_n(flags, &seen, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  is_used[grant] = false;
  return true;
}

void grant_forget(void) {
  memset(is_used, 0, sizeof is_used);
}
