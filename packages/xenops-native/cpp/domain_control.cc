#include "domain_control.h"

#include <cerrno>
#include <cstdint>

#include "args.h"
#include "call_operation.h"
#include "find_domain.h"
#include "interface.h"
#include "register.h"

namespace xenops {
namespace {

constexpr std::uint64_t kBytesPerKib = 1024;

// libxc resumes what is not suspended without a word, and then the guest's vcpus stand wherever they stood.
void CheckSuspended(XcHandle& xc, std::uint32_t domid) {
  const std::uint32_t flags = DomainOrThrow(xc, domid).flags;
  const std::uint32_t reason = (flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
  if ((flags & XEN_DOMINF_shutdown) == 0 || reason != SHUTDOWN_suspend) {
    throw Failure("xc_domain_resume", EINVAL);
  }
}

Napi::Value ResumeDomain(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const bool cooperative = ReadBool(info[2], "cooperative");
  return StartCall(info, [=](XcHandle& xc) {
    CheckSuspended(xc, domid);
    xc.Call("xc_domain_resume", xc_domain_resume, domid, static_cast<int>(cooperative));
  });
}

Napi::Value SoftReset(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  return StartCall(info, [=](XcHandle& xc) {
    xc.Call("xc_domain_soft_reset", xc_domain_soft_reset, domid);
  });
}

Napi::Value SendTrigger(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const std::uint32_t trigger = ReadU32(info[2], "trigger");
  const std::uint32_t vcpu = ReadU32(info[3], "vcpu");
  ReadInterface(info[0]).xc->Call("xc_domain_send_trigger", xc_domain_send_trigger, domid, trigger,
                                  vcpu);
  return info.Env().Undefined();
}

Napi::Value HvmParam(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const std::uint32_t param = ReadU32(info[2], "param");
  std::uint64_t value = 0;
  ReadInterface(info[0]).xc->Call("xc_hvm_param_get", xc_hvm_param_get, domid, param, &value);
  return Napi::BigInt::New(info.Env(), value);
}

Napi::Value SetHvmParam(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const std::uint32_t param = ReadU32(info[2], "param");
  const std::uint64_t value = ReadU64(info[3], "value");
  ReadInterface(info[0]).xc->Call("xc_hvm_param_set", xc_hvm_param_set, domid, param, value);
  return info.Env().Undefined();
}

Napi::Value TscInfo(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  std::uint32_t mode = 0;
  std::uint64_t elapsed_ns = 0;
  std::uint32_t khz = 0;
  std::uint32_t incarnation = 0;
  ReadInterface(info[0]).xc->Call("xc_domain_get_tsc_info", xc_domain_get_tsc_info, domid, &mode,
                                  &elapsed_ns, &khz, &incarnation);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("mode", mode);
  result.Set("elapsedNs", Napi::BigInt::New(info.Env(), elapsed_ns));
  result.Set("tscKhz", khz);
  result.Set("incarnation", incarnation);
  return result;
}

Napi::Value SetTscMode(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const std::uint32_t mode = ReadU32(info[2], "mode");
  ReadInterface(info[0]).xc->Call("xc_domain_set_tsc_info", xc_domain_set_tsc_info, domid, mode,
                                  std::uint64_t{0}, 0U, 0U);
  return info.Env().Undefined();
}

Napi::Value SetTimeOffset(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const std::int32_t seconds =
      ReadI32(info[2], "offsetSeconds", std::numeric_limits<std::int32_t>::min());
  ReadInterface(info[0]).xc->Call("xc_domain_set_time_offset", xc_domain_set_time_offset, domid,
                                  seconds);
  return info.Env().Undefined();
}

Napi::Value SetDebugging(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const bool enabled = ReadBool(info[2], "enabled");
  ReadInterface(info[0]).xc->Call("xc_domain_setdebugging", xc_domain_setdebugging, domid,
                                  static_cast<unsigned>(enabled));
  return info.Env().Undefined();
}

Napi::Value SetTarget(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const std::uint32_t target = ReadGuestDomid(info[2], "target");
  ReadInterface(info[0]).xc->Call("xc_domain_set_target", xc_domain_set_target, domid, target);
  return info.Env().Undefined();
}

Napi::Value PagingPoolBytes(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  std::uint64_t size_bytes = 0;
  ReadInterface(info[0]).xc->Call("xc_get_paging_mempool_size", xc_get_paging_mempool_size, domid,
                                  &size_bytes);
  return Napi::Number::New(info.Env(), static_cast<double>(size_bytes));
}

Napi::Value SetPagingPool(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const std::uint64_t size_bytes = ReadU53(info[2], "poolKib") * kBytesPerKib;
  return StartCall(info, [=](XcHandle& xc) {
    xc.Call("xc_set_paging_mempool_size", xc_set_paging_mempool_size, domid, size_bytes);
  });
}

Napi::Value ClaimPages(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const auto pages = static_cast<unsigned long>(ReadU53(info[2], "pages"));
  XcHandle& xc = *ReadInterface(info[0]).xc;
  // Xen answers for a domain that is not there as for a bad number.
  DomainOrThrow(xc, domid);
  xc.Call("xc_domain_claim_pages", xc_domain_claim_pages, domid, pages);
  return info.Env().Undefined();
}

Napi::Value PodInfo(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  std::uint64_t total = 0;
  std::uint64_t cached = 0;
  std::uint64_t entries = 0;
  ReadInterface(info[0]).xc->Call("xc_domain_get_pod_target", xc_domain_get_pod_target, domid,
                                  &total, &cached, &entries);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("totalPages", static_cast<double>(total));
  result.Set("cachePages", static_cast<double>(cached));
  result.Set("entryPages", static_cast<double>(entries));
  return result;
}

Napi::Value SetPodTarget(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const std::uint64_t pages = ReadU53(info[2], "targetPages");
  return StartCall(info, [=](XcHandle& xc) {
    xc.Call("xc_domain_set_pod_target", xc_domain_set_pod_target, domid, pages, nullptr, nullptr,
            nullptr);
  });
}

Napi::Value HighestGuestFrame(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  xen_pfn_t frame = 0;
  ReadInterface(info[0]).xc->Call("xc_domain_maximum_gpfn", xc_domain_maximum_gpfn, domid, &frame);
  return Napi::BigInt::New(info.Env(), static_cast<std::uint64_t>(frame));
}

}  // namespace

void RegisterDomainControl(Napi::Object exports) {
  Register<ResumeDomain, 3>(exports, "startResumeDomain");
  Register<SoftReset, 2>(exports, "startSoftReset");
  Register<SendTrigger, 4>(exports, "sendTrigger");
  Register<HvmParam, 3>(exports, "hvmParam");
  Register<SetHvmParam, 4>(exports, "setHvmParam");
  Register<TscInfo, 2>(exports, "tscInfo");
  Register<SetTscMode, 3>(exports, "setTscMode");
  Register<SetTimeOffset, 3>(exports, "setTimeOffset");
  Register<SetDebugging, 3>(exports, "setDebugging");
  Register<SetTarget, 3>(exports, "setTarget");

  Register<PagingPoolBytes, 2>(exports, "pagingPoolBytes");
  Register<SetPagingPool, 3>(exports, "startSetPagingPool");
  Register<ClaimPages, 3>(exports, "claimPages");
  Register<PodInfo, 2>(exports, "podInfo");
  Register<SetPodTarget, 3>(exports, "startSetPodTarget");
  Register<HighestGuestFrame, 2>(exports, "highestGuestFrame");
}

}  // namespace xenops
