/*
 * PV: memory is machine frames, listed in the p2m; page tables are changed by hypercalls; Xen's pages are mapped over
 * pages of our own, which get their mapping back before a suspend, because a saved page table may hold nothing else.
 */
#include "pages.h"
#include "platform.h"

#define PTE_PRESENT 1ul
#define PTE_WRITABLE 2ul
#define PTE_USER 4ul
#define PTE_ACCESSED 0x20ul
#define PTE_DIRTY 0x40ul
#define PTE_LEAF (PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY)
#define PTE_TABLE (PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define PTE_FRAME_MASK 0x000ffffffffff000ul
#define TABLE_ENTRIES 512ul
/* One page directory maps 1 GiB: all that this guest uses. */
#define MAPPED_PAGES_MAX (TABLE_ENTRIES * TABLE_ENTRIES)
#define NO_FRAME (~0ul)

static start_info_t *start_info;
static xen_pfn_t *p2m;
static unsigned long p2m_pages, store_page, console_page;
static uint64_t *directory;
static char shared_info_slot[PAGE_BYTES] __attribute__((aligned(4096)));
static char grant_slot[GRANT_FRAMES][PAGE_BYTES] __attribute__((aligned(4096)));
static xen_pfn_t batch[BATCH_PAGES];

static unsigned long page_of(const void *address) {
  return (unsigned long)address >> PAGE_BITS;
}

static xen_pfn_t frame_of(unsigned long page) {
  return p2m[page];
}

static void *frame_to_address(xen_pfn_t frame) {
  return (void *)(machine_to_phys_mapping[frame] << PAGE_BITS);
}

static long set_mapping(unsigned long address, uint64_t entry) {
  return hypercall(__HYPERVISOR_update_va_mapping, address, entry, UVMF_INVLPG, 0);
}

static void map_over(void *slot, xen_pfn_t frame) {
  set_mapping((unsigned long)slot, frame << PAGE_BITS | PTE_LEAF);
}

static void publish_p2m(void) {
  struct arch_shared_info *arch = &platform.shared_info->arch;
  arch->max_pfn = p2m_pages;
  arch->p2m_vaddr = (unsigned long)p2m;
  arch->p2m_cr3 = p2m[page_of((void *)start_info->pt_base)] << PAGE_BITS;
}

static void attach(void) {
  map_over(shared_info_slot, start_info->shared_info >> PAGE_BITS);
  platform.shared_info = (void *)shared_info_slot;
  publish_p2m();
  xen_pfn_t frames[GRANT_FRAMES];
  struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = GRANT_FRAMES};
  set_xen_guest_handle(setup.frame_list, frames);
  call_grant(GNTTABOP_setup_table, &setup);
  for (unsigned i = 0; i < GRANT_FRAMES; i++) map_over(grant_slot[i], frames[i]);
  platform.grants = (void *)grant_slot;
  platform.store = frame_to_address(start_info->store_mfn);
  platform.store_port = start_info->store_evtchn;
  platform.console = frame_to_address(start_info->console.domU.mfn);
  platform.console_port = start_info->console.domU.evtchn;
}

static long suspend(void) {
  start_info->store_mfn = store_page;
  start_info->console.domU.mfn = console_page;
  map_over(shared_info_slot, p2m[page_of(shared_info_slot)]);
  for (unsigned i = 0; i < GRANT_FRAMES; i++)
    map_over(grant_slot[i], p2m[page_of(grant_slot[i])]);
  struct sched_shutdown shutdown = {.reason = SHUTDOWN_suspend};
  /* The toolstack finds the start_info page by the third argument, in both directions. */
  long result = hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&shutdown,
                          p2m[page_of(start_info)], 0);
  if (result) {
    start_info->store_mfn = p2m[store_page];
    start_info->console.domU.mfn = p2m[console_page];
  }
  attach();
  return result;
}

/* Adds one table of 2 MiB; its page becomes read-only, as Xen wants it of page tables. */
static bool map_more(void *spare) {
  unsigned long first = platform.mapped_end;
  if (first >= MAPPED_PAGES_MAX) return false;
  uint64_t *table = spare;
  for (unsigned long i = 0; i < TABLE_ENTRIES; i++) {
    bool is_there = first + i < p2m_pages && p2m[first + i] != NO_FRAME;
    table[i] = is_there ? p2m[first + i] << PAGE_BITS | PTE_LEAF : 0;
  }
  xen_pfn_t frame = p2m[page_of(table)];
  set_mapping((unsigned long)table, frame << PAGE_BITS | (PTE_LEAF & ~PTE_WRITABLE));
  uint64_t *slot = &directory[first / TABLE_ENTRIES];
  struct mmu_update update = {
      .ptr = (p2m[page_of(slot)] << PAGE_BITS) + ((unsigned long)slot & (PAGE_BYTES - 1)),
      .val = frame << PAGE_BITS | PTE_TABLE,
  };
  if (hypercall(__HYPERVISOR_mmu_update, (unsigned long)&update, 1, 0, DOMID_SELF) < 0)
    return false;
  platform.mapped_end = first + TABLE_ENTRIES;
  return true;
}

/* A p2m with room for more pages than the builder made. */
static bool allow_pages(unsigned long pages) {
  if (pages <= p2m_pages) return true;
  unsigned long size = (pages * sizeof(xen_pfn_t) + PAGE_BYTES - 1) >> PAGE_BITS;
  xen_pfn_t *bigger = pages_alloc(size);
  if (!bigger) return false;
  memset(bigger, 0xff, size << PAGE_BITS);
  memcpy(bigger, p2m, p2m_pages * sizeof(xen_pfn_t));
  p2m = bigger;
  p2m_pages = pages;
  publish_p2m();
  return true;
}

static struct xen_memory_reservation reserve(unsigned long count) {
  struct xen_memory_reservation reservation = {.nr_extents = count, .domid = DOMID_SELF};
  set_xen_guest_handle(reservation.extent_start, batch);
  return reservation;
}

static unsigned long give_back(unsigned long first, unsigned long count) {
  for (unsigned long i = 0; i < count; i++) {
    batch[i] = p2m[first + i];
    p2m[first + i] = NO_FRAME;
    if (first + i < platform.mapped_end) set_mapping((first + i) << PAGE_BITS, 0);
  }
  struct xen_memory_reservation reservation = reserve(count);
  long done = call_memory(XENMEM_decrease_reservation, &reservation);
  return done < 0 ? 0 : (unsigned long)done;
}

static unsigned long take_in(unsigned long first, unsigned long count) {
  for (unsigned long i = 0; i < count; i++) batch[i] = first + i;
  struct xen_memory_reservation reservation = reserve(count);
  long done = call_memory(XENMEM_populate_physmap, &reservation);
  if (done <= 0) return 0;
  for (unsigned long i = 0; i < (unsigned long)done; i++) {
    p2m[first + i] = batch[i];
    if (first + i < platform.mapped_end)
      set_mapping((first + i) << PAGE_BITS, batch[i] << PAGE_BITS | PTE_LEAF);
  }
  return (unsigned long)done;
}

static uint64_t *table_below(const uint64_t *table) {
  return frame_to_address((table[0] & PTE_FRAME_MASK) >> PAGE_BITS);
}

void pv_main(start_info_t *info, unsigned long boot_stack_end) {
  start_info = info;
  p2m = (xen_pfn_t *)info->mfn_list;
  p2m_pages = info->nr_pages;
  directory = table_below(table_below((uint64_t *)info->pt_base));
  unsigned long tables = 0;
  while (tables < TABLE_ENTRIES && directory[tables] & PTE_PRESENT) tables++;
  store_page = machine_to_phys_mapping[info->store_mfn];
  console_page = machine_to_phys_mapping[info->console.domU.mfn];
  platform = (struct platform){
      .name = "pv",
      .command_line = (const char *)info->cmd_line,
      .ram_pages = info->nr_pages,
      .first_free = (boot_stack_end + PAGE_BYTES - 1) >> PAGE_BITS,
      .mapped_end = tables * TABLE_ENTRIES,
      .frame_of = frame_of,
      .map_more = map_more,
      .allow_pages = allow_pages,
      .give_back = give_back,
      .take_in = take_in,
      .suspend = suspend,
  };
  attach();
  guest_main();
}
