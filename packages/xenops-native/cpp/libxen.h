// The only file that includes Xen's headers. libxenctrl and libxenguest promise no stable interface, so whatever differs
// between the releases we build against (4.17 to 4.20) is named here and nowhere else.
#pragma once

#include <cstdint>

// They are C and do not say so.
extern "C" {
#define XC_WANT_COMPAT_MAP_FOREIGN_API
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xenguest.h>
#include <xen/hvm/hvm_info_table.h>
#include <xen/hvm/params.h>
#include <xenstore.h>
#include <xenstore_lib.h>
#include <xentoollog.h>
}

// A domctl of another version is refused by the hypervisor: 0x15 is Xen 4.17.
static_assert(XEN_DOMCTL_INTERFACE_VERSION >= 0x15, "libxen-dev of Xen 4.17 or later is needed");

namespace xenops {

// Asks xc_domain_create to choose. Up to 4.21 any number that is no valid domid does, and 0 is the customary one.
#ifdef DOMID_ANY
inline constexpr std::uint32_t kAnyDomid = DOMID_ANY;
#else
inline constexpr std::uint32_t kAnyDomid = 0;
#endif

inline constexpr std::uint32_t kFirstReservedDomid = DOMID_FIRST_RESERVED;

}  // namespace xenops
