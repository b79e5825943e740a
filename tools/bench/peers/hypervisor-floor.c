// The floor of making a PV guest: the calls of libxenctrl and libxenguest one after the other, with no toolstack around
// them. Arguments: kernel, memory in MiB, count. Prints "peer SECONDS" for each of `count` domains that it makes and builds;
// they are destroyed outside of that time. One more warms up.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenctrl.h>
#include <xenguest.h>

static double NowSeconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static void Check(const char *call, int result) {
  if (result >= 0) return;
  perror(call);
  exit(1);
}

static uint32_t Make(xc_interface *xc, unsigned memory_mib) {
  struct xen_domctl_createdomain config = {
      .max_vcpus = 1,
      .max_evtchn_port = 1023,
      .max_grant_frames = -1,
      .max_maptrack_frames = -1,
      .grant_opts = XEN_DOMCTL_GRANT_version(2),
  };
  uint32_t domid = 0;
  Check("create", xc_domain_create(xc, &domid, &config));
  Check("vcpus", xc_domain_max_vcpus(xc, domid, 1));
  Check("limit", xc_domain_setmaxmem(xc, domid, memory_mib * 1024 + 1024));
  Check("map", xc_domain_set_memmap_limit(xc, domid, memory_mib * 1024));
  Check("policy", xc_cpuid_apply_policy(xc, domid, false, NULL, 0, true, false, false, NULL, NULL));
  return domid;
}

static void Build(xc_interface *xc, uint32_t domid, const char *kernel, unsigned memory_mib) {
  struct xc_dom_image *image = xc_dom_allocate(xc, "", NULL);
  image->container_type = XC_DOM_PV_CONTAINER;
  image->xenstore_evtchn = xc_evtchn_alloc_unbound(xc, domid, 0);
  image->console_evtchn = xc_evtchn_alloc_unbound(xc, domid, 0);
  Check("kernel", xc_dom_kernel_file(image, kernel));
  Check("init", xc_dom_boot_xen_init(image, xc, domid));
  Check("parse", xc_dom_parse_image(image));
  Check("memory", xc_dom_mem_init(image, memory_mib));
  Check("populate", xc_dom_boot_mem_init(image));
  Check("load", xc_dom_build_image(image));
  Check("boot", xc_dom_boot_image(image));
  Check("grants", xc_dom_gnttab_init(image));
  xc_dom_release(image);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const unsigned memory_mib = strtoul(argv[2], NULL, 10);
  xc_interface *xc = xc_interface_open(NULL, NULL, 0);
  if (xc == NULL) return 1;
  const unsigned count = strtoul(argv[3], NULL, 10);
  for (unsigned round = 0; round <= count; round++) {
    const double start = NowSeconds();
    const uint32_t domid = Make(xc, memory_mib);
    Build(xc, domid, argv[1], memory_mib);
    if (round > 0) printf("peer %.6f\n", NowSeconds() - start);
    Check("destroy", xc_domain_destroy(xc, domid));
  }
  xc_interface_close(xc);
  return 0;
}
