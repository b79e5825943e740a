#include "build_prepare.h"

#include <limits>

#include "args.h"

namespace xenops {
namespace {

// No delay for missed ticks, as libxl: the guest sees its timer ticks late but in order.
constexpr std::uint64_t kTimerMode = 1;
constexpr std::size_t kPolicyCharacters = 32;
// Far more than there are leaves; a list of that size is a mistake.
constexpr std::uint32_t kLeavesMax = 256;

std::optional<std::string> ReadRegister(const Napi::Object& leaf, const char* name) {
  const Napi::Value value = leaf.Get(name);
  if (value.IsUndefined()) return std::nullopt;
  const std::string text = ReadString(value, name);
  // libxc reads that many without looking for an end.
  if (text.size() != kPolicyCharacters) {
    throw Napi::RangeError::New(leaf.Env(), std::string(name) + " must have 32 characters");
  }
  return text;
}

CpuPolicy::Leaf ReadLeaf(const Napi::Object& leaf) {
  const Napi::Value subleaf = leaf.Get("subleaf");
  return {ReadU32(leaf.Get("leaf"), "leaf", XEN_CPUID_INPUT_UNUSED - 1),
          subleaf.IsUndefined() ? XEN_CPUID_NO_SUBLEAF : ReadU32(subleaf, "subleaf"),
          {ReadRegister(leaf, "eax"), ReadRegister(leaf, "ebx"), ReadRegister(leaf, "ecx"),
           ReadRegister(leaf, "edx")}};
}

}  // namespace

GuestKind ReadGuestKind(const Napi::Value& value) {
  const std::string name = ReadString(value, "guestType");
  if (name == "pv") return GuestKind::kPv;
  if (name == "pvh") return GuestKind::kPvh;
  if (name == "hvm") return GuestKind::kHvm;
  throw Napi::RangeError::New(value.Env(), "guestType must be pv, pvh or hvm");
}

CpuPolicy ReadCpuPolicy(const Napi::Object& policy) {
  CpuPolicy read{ReadBool(policy.Get("pae"), "pae"),
                 ReadBool(policy.Get("invariantTsc"), "invariantTsc"),
                 ReadBool(policy.Get("nestedVirt"), "nestedVirt"),
                 {}};
  const Napi::Object leaves = ReadObject(policy.Get("leaves"), "leaves");
  const std::uint32_t count = ReadU32(leaves.Get("length"), "leaves.length", kLeavesMax);
  for (std::uint32_t index = 0; index < count; ++index) {
    read.leaves.push_back(ReadLeaf(ReadObject(leaves.Get(index), "leaf")));
  }
  return read;
}

void ApplyCpuPolicy(XcHandle& xc, std::uint32_t domid, bool is_restored, const CpuPolicy& policy) {
  std::vector<xc_xend_cpuid> leaves;
  for (const CpuPolicy::Leaf& leaf : policy.leaves) {
    xc_xend_cpuid entry{};
    entry.leaf = leaf.leaf;
    entry.subleaf = leaf.subleaf;
    for (std::size_t index = 0; index < leaf.registers.size(); ++index) {
      // The library only reads them.
      if (leaf.registers[index]) {
        entry.policy[index] = const_cast<char*>(leaf.registers[index]->c_str());
      }
    }
    leaves.push_back(entry);
  }
  xc_xend_cpuid end{};
  end.leaf = XEN_CPUID_INPUT_UNUSED;
  leaves.push_back(end);

  xc.Begin();
  // Tells of failures by -errno; errno itself may be left over from a step whose failure it has passed over.
  const int result = xc_cpuid_apply_policy(xc.get(), domid, is_restored, nullptr, 0, policy.pae,
                                           policy.invariant_tsc, policy.nested_virt, leaves.data(),
                                           nullptr);
  if (result == 0) return;
  errno = -result;
  throw xc.Failed("xc_cpuid_apply_policy");
}

PrepareSpec ReadPrepareSpec(const Napi::Object& spec) {
  return {ReadGuestKind(spec.Get("guestType")),
          ReadU53(spec.Get("memoryMapKib"), "memoryMapKib"),
          ReadU32(spec.Get("tscMode"), "tscMode"),
          ReadI32(spec.Get("timeOffsetSeconds"), "timeOffsetSeconds",
                  std::numeric_limits<std::int32_t>::min()),
          ReadBool(spec.Get("hpet"), "hpet")};
}

void PrepareDomain(XcHandle& xc, std::uint32_t domid, const PrepareSpec& spec) {
  const auto set_param = [&](std::uint32_t param, std::uint64_t value) {
    xc.Call("xc_hvm_param_set", xc_hvm_param_set, domid, param, value);
  };
  if (spec.kind == GuestKind::kHvm) {
    set_param(HVM_PARAM_HPET_ENABLED, spec.hpet ? 1 : 0);
    set_param(HVM_PARAM_VPT_ALIGN, 1);
  }
  if (spec.kind == GuestKind::kPv) {
    xc.Call("xc_domain_set_memmap_limit", xc_domain_set_memmap_limit, domid,
            static_cast<unsigned long>(spec.memory_map_kib));
  } else {
    set_param(HVM_PARAM_TIMER_MODE, kTimerMode);
  }
  xc.Call("xc_domain_set_tsc_info", xc_domain_set_tsc_info, domid, spec.tsc_mode, std::uint64_t{0},
          0U, 0U);
  if (spec.time_offset_seconds != 0) {
    xc.Call("xc_domain_set_time_offset", xc_domain_set_time_offset, domid,
            spec.time_offset_seconds);
  }
}

}  // namespace xenops
