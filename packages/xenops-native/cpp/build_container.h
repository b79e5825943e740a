// What PVH and HVM guests need besides a kernel: hardware descriptions, firmware, a memory map.
#pragma once

#include <cstddef>
#include <optional>

#include "build_memory.h"
#include "build_spec.h"
#include "dom_image.h"

namespace xenops {

// The files that hvmloader is given. Must outlive the image.
struct Firmware {
  Firmware(const HvmSpec& spec, std::size_t bytes_max);

  Mapping system;
  std::optional<Mapping> acpi;
  std::optional<Mapping> smbios;
};

void SetViridianFeatures(XcHandle& xc, std::uint32_t domid, const HvmSpec& spec);

// Before the image is parsed: where its memory will lie, and HVM's firmware.
void DescribeContainer(DomImage& image, const BuildSpec& spec,
                       const std::optional<Firmware>& firmware);

// After the memory is filled: the map that the guest is shown, and PVH's ACPI tables.
void DescribeMemoryMap(DomImage& image, const BuildSpec& spec);

// HVM, last of all: tells hvmloader of the vcpus.
void FillHvmInfo(XcHandle& xc, const BuildSpec& spec);

}  // namespace xenops
