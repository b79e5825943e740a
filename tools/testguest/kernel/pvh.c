/*
 * PVH: an identity mapping, made by the entry, and a physmap kept by Xen. Xen's own pages are added to the physmap where
 * there is no RAM, and taken out again before a suspend, or a restore would fill their place with RAM.
 */
#include "platform.h"
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/hvm/start_info.h>

/* Below the special pages of the domain builder (0xfeff8000), above any RAM that this guest uses. */
#define SHARED_INFO_PAGE 0xf0000ul
#define GRANT_PAGE 0xf0001ul
#define RAM_PAGES_MAX (1ul << 18)
/* How Xen would tell of events: by this vector. All ports stay masked; a toolstack takes it for a sign of PV drivers. */
#define CALLBACK_BY_VECTOR (2ul << 56 | 0xf3)

extern char image_end[];
static xen_pfn_t batch[BATCH_PAGES];

static xen_pfn_t frame_of(unsigned long page) {
  return page;
}

static void cpuid(uint32_t leaf, uint32_t out[4]) {
  asm volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

/* Xen's leaves start at a multiple of 0x100, wherever others have left room. */
static void fill_hypercall_page(void) {
  uint32_t leaf = XEN_CPUID_FIRST_LEAF, out[4];
  for (;; leaf += 0x100) {
    cpuid(leaf, out);
    if (out[1] == XEN_CPUID_SIGNATURE_EBX && out[2] == XEN_CPUID_SIGNATURE_ECX) break;
  }
  cpuid(leaf + 2, out);
  uint64_t address = (unsigned long)hypercall_page;
  asm volatile("wrmsr" ::"c"(out[1]), "a"((uint32_t)address), "d"((uint32_t)(address >> 32)) : "memory");
}

static uint64_t get_param(uint32_t index) {
  struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index};
  return call_hvm(HVMOP_get_param, &param) ? 0 : param.value;
}

static void add_page(unsigned space, unsigned long index, unsigned long page) {
  struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = space, .idx = index, .gpfn = page};
  call_memory(XENMEM_add_to_physmap, &add);
}

static void remove_page(unsigned long page) {
  struct xen_remove_from_physmap removal = {.domid = DOMID_SELF, .gpfn = page};
  call_memory(XENMEM_remove_from_physmap, &removal);
}

static void attach(void) {
  add_page(XENMAPSPACE_shared_info, 0, SHARED_INFO_PAGE);
  platform.shared_info = (void *)(SHARED_INFO_PAGE << PAGE_BITS);
  for (unsigned i = 0; i < GRANT_FRAMES; i++) add_page(XENMAPSPACE_grant_table, i, GRANT_PAGE + i);
  platform.grants = (void *)(GRANT_PAGE << PAGE_BITS);
  platform.store = (void *)(get_param(HVM_PARAM_STORE_PFN) << PAGE_BITS);
  platform.store_port = (evtchn_port_t)get_param(HVM_PARAM_STORE_EVTCHN);
  platform.console = (void *)(get_param(HVM_PARAM_CONSOLE_PFN) << PAGE_BITS);
  platform.console_port = (evtchn_port_t)get_param(HVM_PARAM_CONSOLE_EVTCHN);
  struct xen_hvm_param callback = {
      .domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ, .value = CALLBACK_BY_VECTOR};
  call_hvm(HVMOP_set_param, &callback);
}

static long suspend(void) {
  remove_page(SHARED_INFO_PAGE);
  for (unsigned i = 0; i < GRANT_FRAMES; i++) remove_page(GRANT_PAGE + i);
  struct sched_shutdown shutdown = {.reason = SHUTDOWN_suspend};
  long result = call_sched(SCHEDOP_shutdown, &shutdown);
  attach();
  return result;
}

/* All of RAM that is used is mapped from the start. */
static bool map_more(void *spare) {
  (void)spare;
  return false;
}

/* RAM above what the memory map shows is not for us. */
static bool allow_pages(unsigned long pages) {
  return pages <= platform.ram_pages;
}

static unsigned long change(unsigned operation, unsigned long first, unsigned long count) {
  for (unsigned long i = 0; i < count; i++) batch[i] = first + i;
  struct xen_memory_reservation reservation = {.nr_extents = count, .domid = DOMID_SELF};
  set_xen_guest_handle(reservation.extent_start, batch);
  long done = call_memory((int)operation, &reservation);
  return done < 0 ? 0 : (unsigned long)done;
}

static unsigned long give_back(unsigned long first, unsigned long count) {
  return change(XENMEM_decrease_reservation, first, count);
}

static unsigned long take_in(unsigned long first, unsigned long count) {
  return change(XENMEM_populate_physmap, first, count);
}

static unsigned long count_ram_pages(const struct hvm_start_info *info) {
  const struct hvm_memmap_table_entry *entry = (void *)info->memmap_paddr;
  uint64_t end = 0;
  for (uint32_t i = 0; i < info->memmap_entries; i++)
    if (entry[i].type == XEN_HVM_MEMMAP_TYPE_RAM && entry[i].addr >> PAGE_BITS < RAM_PAGES_MAX)
      end = entry[i].addr + entry[i].size;
  return min_of(end >> PAGE_BITS, RAM_PAGES_MAX);
}

/* The builder may have put the start info and its parts right behind the kernel. */
static unsigned long first_free_page(const struct hvm_start_info *info) {
  unsigned long end = (unsigned long)image_end;
  unsigned long parts[] = {(unsigned long)info, info->cmdline_paddr, info->memmap_paddr};
  for (unsigned i = 0; i < COUNT_OF(parts); i++)
    if (parts[i] >= end && parts[i] < end + 16 * PAGE_BYTES) end = (parts[i] | (PAGE_BYTES - 1)) + 1;
  return (end + PAGE_BYTES - 1) >> PAGE_BITS;
}

void pvh_main(unsigned long start_info) {
  const struct hvm_start_info *info = (void *)start_info;
  fill_hypercall_page();
  platform = (struct platform){
      .name = "pvh",
      .command_line = info->cmdline_paddr ? (const char *)info->cmdline_paddr : "",
      .ram_pages = count_ram_pages(info),
      .has_memory_map = true,
      .first_free = first_free_page(info),
      .mapped_end = RAM_PAGES_MAX + 1,
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
