#include "vcpus.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "args.h"
#include "bitmap.h"
#include "build_prepare.h"
#include "call_operation.h"
#include "interface.h"
#include "register.h"

namespace xenops {
namespace {

// libxc takes some vcpu numbers as int.
std::uint32_t ReadVcpu(const Napi::Value& value) {
  return ReadU32(value, "vcpu", std::numeric_limits<std::int32_t>::max());
}

Napi::Value VcpuInfo(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const std::uint32_t vcpu = ReadVcpu(info[2]);
  xc_vcpuinfo_t seen{};
  ReadInterface(info[0]).xc->Call("xc_vcpu_getinfo", xc_vcpu_getinfo, domid, vcpu, &seen);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("vcpu", seen.vcpu);
  result.Set("online", seen.online != 0);
  result.Set("blocked", seen.blocked != 0);
  result.Set("running", seen.running != 0);
  result.Set("cpuTimeNs", Napi::BigInt::New(info.Env(), std::uint64_t{seen.cpu_time}));
  result.Set("cpu", seen.cpu);
  return result;
}

struct Affinity {
  Bitmap hard;
  Bitmap soft;
};

Affinity ReadFromXen(XcHandle& xc, std::uint32_t domid, int vcpu) {
  Affinity affinity{Bitmap::OfCpus(xc), Bitmap::OfCpus(xc)};
  xc.Call("xc_vcpu_getaffinity", xc_vcpu_getaffinity, domid, vcpu, affinity.hard.data(),
          affinity.soft.data(),
          std::uint32_t{XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT});
  return affinity;
}

Napi::Value AffinityObject(Napi::Env env, const Affinity& affinity) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("hard", affinity.hard.List(env));
  result.Set("soft", affinity.soft.List(env));
  return result;
}

Napi::Value VcpuAffinity(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const auto vcpu = static_cast<int>(ReadVcpu(info[2]));
  return AffinityObject(info.Env(), ReadFromXen(*ReadInterface(info[0]).xc, domid, vcpu));
}

Napi::Value SetVcpuAffinity(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const auto vcpu = static_cast<int>(ReadVcpu(info[2]));
  std::optional<std::vector<std::uint32_t>> hard;
  std::optional<std::vector<std::uint32_t>> soft;
  if (!info[3].IsUndefined()) hard = ReadNumbers(info[3], "hard");
  if (!info[4].IsUndefined()) soft = ReadNumbers(info[4], "soft");
  XcHandle& xc = *ReadInterface(info[0]).xc;

  // Xen answers only about what is set: the rest is as it was.
  Affinity affinity = ReadFromXen(xc, domid, vcpu);
  std::uint32_t flags = 0;
  if (hard) {
    affinity.hard.Set(info.Env(), *hard, "hard");
    flags |= XEN_VCPUAFFINITY_HARD;
  }
  if (soft) {
    affinity.soft.Set(info.Env(), *soft, "soft");
    flags |= XEN_VCPUAFFINITY_SOFT;
  }
  if (flags != 0) {
    xc.Call("xc_vcpu_setaffinity", xc_vcpu_setaffinity, domid, vcpu, affinity.hard.data(),
            affinity.soft.data(), flags);
  }
  return AffinityObject(info.Env(), affinity);
}

Napi::Value NodeAffinity(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  XcHandle& xc = *ReadInterface(info[0]).xc;
  Bitmap nodes = Bitmap::OfNodes(xc);
  xc.Call("xc_domain_node_getaffinity", xc_domain_node_getaffinity, domid, nodes.data());
  return nodes.List(info.Env());
}

Napi::Value SetNodeAffinity(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const std::vector<std::uint32_t> numbers = ReadNumbers(info[2], "nodes");
  XcHandle& xc = *ReadInterface(info[0]).xc;
  Bitmap nodes = Bitmap::OfNodes(xc);
  nodes.Set(info.Env(), numbers, "nodes");
  xc.Call("xc_domain_node_setaffinity", xc_domain_node_setaffinity, domid, nodes.data());
  return info.Env().Undefined();
}

Napi::Value StartApplyCpuPolicy(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  CpuPolicy policy = ReadCpuPolicy(ReadObject(info[2], "policy"));
  return StartCall(info, [domid, policy = std::move(policy)](XcHandle& xc) {
    ApplyCpuPolicy(xc, domid, false, policy);
  });
}

}  // namespace

void RegisterVcpus(Napi::Object exports) {
  Register<VcpuInfo, 3>(exports, "vcpuInfo");
  Register<VcpuAffinity, 3>(exports, "vcpuAffinity");
  Register<SetVcpuAffinity, 5>(exports, "setVcpuAffinity");
  Register<NodeAffinity, 2>(exports, "nodeAffinity");
  Register<SetNodeAffinity, 3>(exports, "setNodeAffinity");
  Register<StartApplyCpuPolicy, 3>(exports, "startApplyCpuPolicy");
}

}  // namespace xenops
