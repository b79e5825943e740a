/*
 * What differs between PV and PVH, behind one set of functions. Memory is seen as pages numbered from 0 (pfn); page
 * n is at address n * 4096 as far as it is mapped.
 */
#ifndef PLATFORM_H
#define PLATFORM_H
#include "hypercall.h"
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>

struct platform {
  const char *name;
  const char *command_line;
  /* RAM given at boot, in pages; what lies from first_free on is ours to use, as far as mapped_end. */
  unsigned long ram_pages, first_free, mapped_end;
  /* RAM is what a memory map shows, not only what is there at boot. */
  bool has_memory_map;
  struct shared_info *shared_info;
  grant_entry_v1_t *grants;
  struct xencons_interface *console;
  struct xenstore_domain_interface *store;
  evtchn_port_t console_port, store_port;

  /* The frame that Xen and other domains know a page by. */
  xen_pfn_t (*frame_of)(unsigned long page);
  /* Moves mapped_end up; `spare` is a mapped page, used up by it. False at the highest possible end. */
  bool (*map_more)(void *spare);
  /* How far RAM may grow; false when there is no room to keep track of it. */
  bool (*allow_pages)(unsigned long pages);
  /* Gives pages back to Xen, or asks for them anew; the number of pages done. */
  unsigned long (*give_back)(unsigned long first, unsigned long count);
  unsigned long (*take_in)(unsigned long first, unsigned long count);
  /* Suspends; comes back with 0 in a new domain, everything of Xen's anew, or 1 when nothing has changed. */
  long (*suspend)(void);
};

extern struct platform platform;

/* GRANT_FRAMES pages of grant entries: 512 each. */
#define GRANT_FRAMES 1
#define GRANT_COUNT (GRANT_FRAMES * PAGE_BYTES / sizeof(grant_entry_v1_t))

/* Pages handled by one hypercall of give_back and take_in. */
#define BATCH_PAGES 256

void pv_main(start_info_t *start_info, unsigned long boot_stack_end);
void pvh_main(unsigned long start_info);
/* Runs the guest; the platform is complete. */
_Noreturn void guest_main(void);
#endif
