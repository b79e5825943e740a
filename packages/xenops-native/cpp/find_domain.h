// Looking a domain up for a call that would not say that it is missing.
#pragma once

#include <cerrno>

#include "handle.h"

namespace xenops {

// What Xen knows of exactly this domain; Failure with ESRCH when there is none. Xen itself answers with the next one.
inline xc_domaininfo_t DomainOrThrow(XcHandle& xc, std::uint32_t domid) {
  xc_domaininfo_t domain{};
  const int count = xc.Call("xc_domain_getinfolist", xc_domain_getinfolist, domid, 1U, &domain);
  if (count != 1 || domain.domain != domid) throw Failure("xc_domain_getinfolist", ESRCH);
  return domain;
}

}  // namespace xenops
