#include "cpupools.h"

#include <cerrno>
#include <cstdint>
#include <limits>
#include <memory>

#include "args.h"
#include "bitmap.h"
#include "call_operation.h"
#include "interface.h"
#include "register.h"

namespace xenops {
namespace {

// To Xen, all bits of a cap mean "leave it", and no weight does.
constexpr std::uint32_t kCapMax = std::numeric_limits<std::uint16_t>::max() - 1;
constexpr std::uint32_t kWeightMax = std::numeric_limits<std::uint16_t>::max();

struct FreePoolInfo {
  xc_interface* xc;
  void operator()(xc_cpupoolinfo_t* info) const { xc_cpupool_infofree(xc, info); }
};
using PoolInfo = std::unique_ptr<xc_cpupoolinfo_t, FreePoolInfo>;

// The pool with this id or, where there is none, the one after; empty at the end.
PoolInfo NextPool(XcHandle& xc, std::uint32_t id) {
  xc.Begin();
  PoolInfo pool(xc_cpupool_getinfo(xc.get(), id), FreePoolInfo{xc.get()});
  if (!pool && errno != ENOENT) throw xc.Failed("xc_cpupool_getinfo");
  return pool;
}

Napi::Value Scheduler(const Napi::CallbackInfo& info) {
  int scheduler = 0;
  ReadInterface(info[0]).xc->Call("xc_sched_id", xc_sched_id, &scheduler);
  return Napi::Number::New(info.Env(), scheduler);
}

// xen_domctl_sched_credit and _credit2 have the same fields.
template <typename Parameters, typename Get>
Napi::Value Share(const Napi::CallbackInfo& info, const char* name, Get get) {
  const std::uint32_t domid = ReadDomid(info[1]);
  Parameters parameters{};
  ReadInterface(info[0]).xc->Call(name, get, domid, &parameters);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("weight", parameters.weight);
  result.Set("capPercent", parameters.cap);
  return result;
}

template <typename Parameters, typename Set>
Napi::Value SetShare(const Napi::CallbackInfo& info, const char* name, Set set) {
  const std::uint32_t domid = ReadDomid(info[1]);
  Parameters parameters{};
  parameters.weight = static_cast<std::uint16_t>(ReadInteger(info[2], "weight", 1, kWeightMax));
  parameters.cap = static_cast<std::uint16_t>(ReadU32(info[3], "capPercent", kCapMax));
  ReadInterface(info[0]).xc->Call(name, set, domid, &parameters);
  return info.Env().Undefined();
}

Napi::Value CreditShare(const Napi::CallbackInfo& info) {
  return Share<xen_domctl_sched_credit>(info, "xc_sched_credit_domain_get",
                                        xc_sched_credit_domain_get);
}

Napi::Value SetCreditShare(const Napi::CallbackInfo& info) {
  return SetShare<xen_domctl_sched_credit>(info, "xc_sched_credit_domain_set",
                                           xc_sched_credit_domain_set);
}

Napi::Value Credit2Share(const Napi::CallbackInfo& info) {
  return Share<xen_domctl_sched_credit2>(info, "xc_sched_credit2_domain_get",
                                         xc_sched_credit2_domain_get);
}

Napi::Value SetCredit2Share(const Napi::CallbackInfo& info) {
  return SetShare<xen_domctl_sched_credit2>(info, "xc_sched_credit2_domain_set",
                                            xc_sched_credit2_domain_set);
}

Napi::Value Cpupools(const Napi::CallbackInfo& info) {
  XcHandle& xc = *ReadInterface(info[0]).xc;
  const std::uint32_t cpu_count = Bitmap::OfCpus(xc).size();
  Napi::Array result = Napi::Array::New(info.Env());
  std::uint32_t length = 0;
  std::uint32_t id = 0;
  while (const PoolInfo pool = NextPool(xc, id)) {
    id = pool->cpupool_id + 1;
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("cpupoolId", pool->cpupool_id);
    entry.Set("scheduler", pool->sched_id);
    entry.Set("domainCount", pool->n_dom);
    entry.Set("cpus", Bitmap::List(info.Env(), pool->cpumap, cpu_count));
    result.Set(length++, entry);
  }
  return result;
}

Napi::Value CreateCpupool(const Napi::CallbackInfo& info) {
  const std::uint32_t scheduler = ReadU32(info[1], "scheduler");
  std::uint32_t id = XC_CPUPOOL_POOLID_ANY;
  ReadInterface(info[0]).xc->Call("xc_cpupool_create", xc_cpupool_create, &id, scheduler);
  return Napi::Number::New(info.Env(), id);
}

Napi::Value DestroyCpupool(const Napi::CallbackInfo& info) {
  const std::uint32_t id = ReadU32(info[1], "cpupoolId");
  ReadInterface(info[0]).xc->Call("xc_cpupool_destroy", xc_cpupool_destroy, id);
  return info.Env().Undefined();
}

// A cpu that changes its pool is stopped for it, and libxc asks again while Xen is busy.
template <typename Change>
Napi::Value ChangePool(const Napi::CallbackInfo& info, const char* name, Change change) {
  const std::uint32_t id = ReadU32(info[1], "cpupoolId");
  const auto cpu =
      static_cast<int>(ReadU32(info[2], "cpu", std::numeric_limits<std::int32_t>::max()));
  return StartCall(info, [=](XcHandle& xc) { xc.Call(name, change, id, cpu); });
}

Napi::Value AddCpu(const Napi::CallbackInfo& info) {
  return ChangePool(info, "xc_cpupool_addcpu", xc_cpupool_addcpu);
}

Napi::Value RemoveCpu(const Napi::CallbackInfo& info) {
  return ChangePool(info, "xc_cpupool_removecpu", xc_cpupool_removecpu);
}

Napi::Value MoveDomain(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const std::uint32_t id = ReadU32(info[2], "cpupoolId");
  return StartCall(info, [=](XcHandle& xc) {
    xc.Call("xc_cpupool_movedomain", xc_cpupool_movedomain, id, domid);
  });
}

}  // namespace

void RegisterCpupools(Napi::Object exports) {
  Register<Scheduler, 1>(exports, "scheduler");
  Register<CreditShare, 2>(exports, "creditShare");
  Register<SetCreditShare, 4>(exports, "setCreditShare");
  Register<Credit2Share, 2>(exports, "credit2Share");
  Register<SetCredit2Share, 4>(exports, "setCredit2Share");
  Register<Cpupools, 1>(exports, "cpupools");
  Register<CreateCpupool, 2>(exports, "createCpupool");
  Register<DestroyCpupool, 2>(exports, "destroyCpupool");
  Register<AddCpu, 3>(exports, "startAddCpuToPool");
  Register<RemoveCpu, 3>(exports, "startRemoveCpuFromPool");
  Register<MoveDomain, 3>(exports, "startMoveDomainToPool");
}

}  // namespace xenops
