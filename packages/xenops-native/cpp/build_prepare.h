// What a domain is set to before its memory is filled, from a kernel or from a stream.
#pragma once

#include <napi.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "handle.h"

namespace xenops {

// How the guest is run; the order of names in JavaScript's `guestType`.
enum class GuestKind { kPv, kPvh, kHvm };

GuestKind ReadGuestKind(const Napi::Value& value);

// What the guest sees of the processor: xc_cpuid_apply_policy.
struct CpuPolicy {
  struct Leaf {
    std::uint32_t leaf;
    std::uint32_t subleaf;
    // eax, ebx, ecx, edx; 32 characters each.
    std::array<std::optional<std::string>, 4> registers;
  };

  bool pae;
  bool invariant_tsc;
  bool nested_virt;
  std::vector<Leaf> leaves;
};

CpuPolicy ReadCpuPolicy(const Napi::Object& policy);

// `is_restored`: the policy for a stream that carries none, from before Xen 4.14.
void ApplyCpuPolicy(XcHandle& xc, std::uint32_t domid, bool is_restored, const CpuPolicy& policy);

struct PrepareSpec {
  GuestKind kind;
  // PV: size of the memory map that the guest is shown.
  std::uint64_t memory_map_kib;
  // XEN_CPUID_TSC_MODE_*.
  std::uint32_t tsc_mode;
  std::int32_t time_offset_seconds;
  // HVM.
  bool hpet;
};

PrepareSpec ReadPrepareSpec(const Napi::Object& spec);

// In the order of libxl; the paging pool of a container is set by whoever sized it.
void PrepareDomain(XcHandle& xc, std::uint32_t domid, const PrepareSpec& spec);

}  // namespace xenops
