#include "build_container.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "build_file.h"

namespace xenops {
namespace {

std::optional<Mapping> ReadOptionalFile(const std::optional<std::string>& path,
                                        std::size_t bytes_max) {
  return path ? std::optional(ReadBuildFile(*path, bytes_max)) : std::nullopt;
}

// The library copies from these and only its address is written back. It does not take ownership.
xc_hvm_firmware_module ModuleOf(const void* data, std::size_t size_bytes, std::uint64_t address) {
  return {static_cast<std::uint8_t*>(const_cast<void*>(data)),
          static_cast<std::uint32_t>(size_bytes), address};
}

xc_hvm_firmware_module ModuleOf(const Mapping& file) {
  return ModuleOf(file.data(), file.size_bytes(), 0);
}

// A Linux without this feature finds the tables only below 1 MiB, where a PC has them.
bool FindsTablesAnywhere(DomImage& image) {
  return std::strcmp(xc_dom_guest_os(image.operator->()), "linux") != 0 ||
         xc_dom_feature_get(image.operator->(), XENFEAT_linux_rsdp_unrestricted);
}

void DescribeAcpi(DomImage& image, const AcpiSpec& acpi) {
  const xc_hvm_firmware_module tables =
      ModuleOf(acpi.tables.data(), acpi.tables.size(), acpi.address);
  // The first module is the one whose address the guest is told.
  if (FindsTablesAnywhere(image)) {
    image->acpi_modules[0] = tables;
    return;
  }
  image->acpi_modules[0] =
      ModuleOf(acpi.tables.data(), acpi.root_size_bytes, acpi.legacy_root_address);
  image->acpi_modules[1] = tables;
}

}  // namespace

Firmware::Firmware(const HvmSpec& spec, std::size_t bytes_max)
    : system(ReadBuildFile(spec.firmware_path, bytes_max)),
      acpi(ReadOptionalFile(spec.acpi_module_path, bytes_max)),
      smbios(ReadOptionalFile(spec.smbios_module_path, bytes_max)) {}

void SetViridianFeatures(XcHandle& xc, std::uint32_t domid, const HvmSpec& spec) {
  if (spec.viridian_features == 0) return;
  xc.Call("xc_hvm_param_set", xc_hvm_param_set, domid, std::uint32_t{HVM_PARAM_VIRIDIAN},
          spec.viridian_features);
}

void DescribeContainer(DomImage& image, const BuildSpec& spec,
                       const std::optional<Firmware>& firmware) {
  image->lowmem_end = spec.layout->low_end;
  image->highmem_end = spec.layout->high_end;
  image->mmio_start = spec.layout->hole_start;
  image->mmio_size = spec.layout->hole_size;
  if (!spec.hvm) return;
  image->device_model = true;
  image->vga_hole_size = spec.hvm->vga_hole_pages;
  image->system_firmware_module = ModuleOf(firmware->system);
  if (firmware->acpi) image->acpi_modules[0] = ModuleOf(*firmware->acpi);
  if (firmware->smbios) image->smbios_module = ModuleOf(*firmware->smbios);
}

void DescribeMemoryMap(DomImage& image, const BuildSpec& spec) {
  if (spec.acpi) DescribeAcpi(image, *spec.acpi);
  // The library takes an array by pointer and reads it; the image refers to it for the start info.
  auto* map = const_cast<e820entry*>(spec.layout->map.data());
  const auto count = static_cast<std::uint32_t>(spec.layout->map.size());
  image.connection().Call("xc_domain_set_memory_map", xc_domain_set_memory_map, spec.domid, map,
                          count);
  image->e820 = map;
  image->e820_entries = count;
}

void FillHvmInfo(XcHandle& xc, const BuildSpec& spec) {
  xc.Begin();
  void* page = xc_map_foreign_range(xc.get(), spec.domid, XC_PAGE_SIZE, PROT_READ | PROT_WRITE,
                                    HVM_INFO_PFN);
  if (page == nullptr) throw xc.Failed("xc_map_foreign_range");
  auto* const bytes = static_cast<std::uint8_t*>(page) + HVM_INFO_OFFSET;
  auto* const info = reinterpret_cast<hvm_info_table*>(bytes);
  info->apic_mode = 1;
  info->nr_vcpus = spec.max_vcpus;
  std::fill(std::begin(info->vcpu_online), std::end(info->vcpu_online), 0);
  std::copy(spec.hvm->online_vcpus.begin(), spec.hvm->online_vcpus.end(), info->vcpu_online);
  info->checksum = 0;
  std::uint8_t sum = 0;
  for (std::size_t at = 0; at < sizeof *info; ++at) sum = static_cast<std::uint8_t>(sum + bytes[at]);
  info->checksum = static_cast<std::uint8_t>(-sum);
  munmap(page, XC_PAGE_SIZE);
}

}  // namespace xenops
