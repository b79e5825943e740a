// What a guest is built from, read from JavaScript. src/addon.ts describes the fields.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "build_prepare.h"

namespace xenops {

struct BootModuleSpec {
  std::string path;
  std::optional<std::string> cmdline;
};

// Guest physical memory of a hardware container, in bytes.
struct ContainerLayout {
  std::uint64_t low_end;
  // 0: no memory above 4 GiB.
  std::uint64_t high_end;
  std::uint64_t hole_start;
  std::uint64_t hole_size;
  std::vector<e820entry> map;
};

// PVH: the tables, with the root pointer at their very beginning.
struct AcpiSpec {
  std::uint64_t address;
  std::vector<std::uint8_t> tables;
  // Where the root pointer lies again, for a Linux that looks there only.
  std::uint64_t legacy_root_address;
  std::uint32_t root_size_bytes;
};

struct HvmSpec {
  std::string firmware_path;
  std::optional<std::string> acpi_module_path;
  std::optional<std::string> smbios_module_path;
  std::uint32_t vga_hole_pages;
  // Bit for each vcpu that is there at boot, the lowest first.
  std::vector<std::uint8_t> online_vcpus;
  // HVM_PARAM_VIRIDIAN; 0: none.
  std::uint64_t viridian_features;
};

struct KernelCacheSpec {
  std::string folder;
  std::uint64_t bytes_max;
};

struct BuildSpec {
  std::uint32_t domid;
  PrepareSpec prepare;
  CpuPolicy cpu_policy;
  std::string kernel_path;
  // HVM: unused.
  std::string cmdline;
  // The ramdisk first.
  std::vector<BootModuleSpec> modules;
  // Everything the guest can have, and how much of it is filled: less is populate-on-demand, in containers only.
  std::uint32_t memory_mib;
  std::uint64_t target_pages;
  std::uint32_t max_vcpus;
  bool claim;
  std::uint64_t kernel_bytes_max;
  std::uint64_t module_bytes_max;
  std::uint32_t store_evtchn;
  std::uint32_t store_domid;
  std::uint32_t console_evtchn;
  std::uint32_t console_domid;
  std::optional<KernelCacheSpec> kernel_cache;
  // Containers.
  std::optional<ContainerLayout> layout;
  std::optional<AcpiSpec> acpi;
  std::optional<HvmSpec> hvm;
};

BuildSpec ReadBuildSpec(std::uint32_t domid, const Napi::Object& spec);

}  // namespace xenops
