#include "build_spec.h"

#include <limits>
#include <utility>

#include "args.h"

namespace xenops {
namespace {

// Arrays here hold a handful of entries.
constexpr std::uint32_t kEntriesMax = 128;
// Room for one, its NUL included (HVMLOADER_MODULE_CMDLINE_SIZE of libxenguest).
constexpr std::size_t kModuleCmdlineBytes = MAX_GUEST_CMDLINE;

template <typename T>
std::vector<T> ReadArray(const Napi::Value& value, const char* name,
                         T (*read)(const Napi::Object& entry)) {
  const Napi::Object array = ReadObject(value, name);
  const std::uint32_t count = ReadU32(array.Get("length"), name, kEntriesMax);
  std::vector<T> entries;
  for (std::uint32_t index = 0; index < count; ++index) {
    entries.push_back(read(ReadObject(array.Get(index), name)));
  }
  return entries;
}

std::vector<std::uint8_t> ReadBytes(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a Uint8Array");
  }
  const auto bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.Data() + bytes.ElementLength()};
}

std::optional<std::string> ReadOptionalString(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() ? std::nullopt : std::optional(ReadString(value, name));
}

// The part of the specification under `name`, when it is there.
template <typename T>
std::optional<T> ReadOptional(const Napi::Object& object, const char* name,
                              T (*read)(const Napi::Object& part)) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() ? std::nullopt : std::optional(read(ReadObject(value, name)));
}

BootModuleSpec ReadModule(const Napi::Object& module) {
  BootModuleSpec read{ReadString(module.Get("path"), "path"), ReadOptionalString(module, "cmdline")};
  // libxenguest ends the process when there is no room for it.
  if (read.cmdline && read.cmdline->size() >= kModuleCmdlineBytes) {
    throw Napi::RangeError::New(module.Env(), "cmdline of a module is too long");
  }
  return read;
}

e820entry ReadMapEntry(const Napi::Object& entry) {
  return {ReadU53(entry.Get("addressBytes"), "addressBytes"),
          ReadU53(entry.Get("sizeBytes"), "sizeBytes"), ReadU32(entry.Get("type"), "type")};
}

ContainerLayout ReadLayout(const Napi::Object& layout) {
  return {ReadU53(layout.Get("lowEndBytes"), "lowEndBytes"),
          ReadU53(layout.Get("highEndBytes"), "highEndBytes"),
          ReadU53(layout.Get("holeStartBytes"), "holeStartBytes"),
          ReadU53(layout.Get("holeSizeBytes"), "holeSizeBytes"),
          ReadArray(layout.Get("memoryMap"), "memoryMap", ReadMapEntry)};
}

AcpiSpec ReadAcpi(const Napi::Object& acpi) {
  AcpiSpec read{ReadU53(acpi.Get("addressBytes"), "addressBytes"),
                ReadBytes(acpi.Get("tables"), "tables"),
                ReadU53(acpi.Get("legacyRootBytes"), "legacyRootBytes"),
                ReadU32(acpi.Get("rootSizeBytes"), "rootSizeBytes")};
  if (read.root_size_bytes > read.tables.size()) {
    throw Napi::RangeError::New(acpi.Env(), "rootSizeBytes must lie within tables");
  }
  return read;
}

HvmSpec ReadHvm(const Napi::Object& hvm) {
  HvmSpec read{ReadString(hvm.Get("firmwarePath"), "firmwarePath"),
               ReadOptionalString(hvm, "acpiModulePath"),
               ReadOptionalString(hvm, "smbiosModulePath"),
               ReadU32(hvm.Get("vgaHolePages"), "vgaHolePages"),
               ReadBytes(hvm.Get("onlineVcpus"), "onlineVcpus"),
               ReadU64(hvm.Get("viridianFeatures"), "viridianFeatures")};
  if (read.online_vcpus.size() > sizeof(hvm_info_table::vcpu_online)) {
    throw Napi::RangeError::New(hvm.Env(), "onlineVcpus has more bits than there can be vcpus");
  }
  return read;
}

KernelCacheSpec ReadKernelCache(const Napi::Object& cache) {
  return {ReadString(cache.Get("folder"), "folder"), ReadU53(cache.Get("bytesMax"), "bytesMax")};
}

}  // namespace

BuildSpec ReadBuildSpec(std::uint32_t domid, const Napi::Object& spec) {
  BuildSpec read{};
  read.domid = domid;
  read.prepare = ReadPrepareSpec(spec);
  read.cpu_policy = ReadCpuPolicy(ReadObject(spec.Get("cpuPolicy"), "cpuPolicy"));
  read.kernel_path = ReadString(spec.Get("kernelPath"), "kernelPath");
  read.cmdline = ReadString(spec.Get("cmdline"), "cmdline");
  read.modules = ReadArray(spec.Get("modules"), "modules", ReadModule);
  if (read.modules.size() > XG_MAX_MODULES) {
    throw Napi::RangeError::New(spec.Env(), "modules are more than libxenguest takes");
  }
  read.memory_mib = ReadU32(spec.Get("memoryMib"), "memoryMib");
  read.target_pages = ReadU53(spec.Get("targetPages"), "targetPages");
  read.max_vcpus = static_cast<std::uint32_t>(
      ReadInteger(spec.Get("maxVcpus"), "maxVcpus", 1, std::numeric_limits<std::uint32_t>::max()));
  read.claim = ReadBool(spec.Get("claim"), "claim");
  read.kernel_bytes_max = ReadU53(spec.Get("kernelBytesMax"), "kernelBytesMax");
  read.module_bytes_max = ReadU53(spec.Get("moduleBytesMax"), "moduleBytesMax");
  read.store_evtchn = ReadU32(spec.Get("storeEvtchn"), "storeEvtchn");
  read.store_domid = ReadDomid(spec.Get("storeDomid"), "storeDomid");
  read.console_evtchn = ReadU32(spec.Get("consoleEvtchn"), "consoleEvtchn");
  read.console_domid = ReadDomid(spec.Get("consoleDomid"), "consoleDomid");
  read.kernel_cache = ReadOptional(spec, "kernelCache", ReadKernelCache);
  read.layout = ReadOptional(spec, "layout", ReadLayout);
  read.acpi = ReadOptional(spec, "acpi", ReadAcpi);
  read.hvm = ReadOptional(spec, "hvm", ReadHvm);
  const bool is_pv = read.prepare.kind == GuestKind::kPv;
  if (is_pv == read.layout.has_value() ||
      (read.prepare.kind == GuestKind::kHvm) != read.hvm.has_value()) {
    throw Napi::TypeError::New(spec.Env(), "layout and hvm must be as guestType says");
  }
  return read;
}

}  // namespace xenops
