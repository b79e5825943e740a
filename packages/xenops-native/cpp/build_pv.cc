#include "build_pv.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "args.h"
#include "dom_image.h"
#include "interface.h"
#include "mapped_file.h"
#include "worker.h"

namespace xenops {
namespace {

struct PvSpec {
  std::uint32_t domid;
  std::string kernel_path;
  std::optional<std::string> ramdisk_path;
  std::string cmdline;
  std::uint32_t memory_mib;
  std::uint64_t memory_map_kib;
  std::uint32_t tsc_mode;
  bool claim;
  std::uint64_t kernel_bytes_max;
  std::uint64_t ramdisk_bytes_max;
  std::uint32_t store_evtchn;
  std::uint32_t store_domid;
  std::uint32_t console_evtchn;
  std::uint32_t console_domid;
};

PvSpec ReadPvSpec(std::uint32_t domid, const Napi::Object& spec) {
  const Napi::Value ramdisk = spec.Get("ramdiskPath");
  return {
      domid,
      ReadString(spec.Get("kernelPath"), "kernelPath"),
      ramdisk.IsUndefined() ? std::nullopt : std::optional(ReadString(ramdisk, "ramdiskPath")),
      ReadString(spec.Get("cmdline"), "cmdline"),
      ReadU32(spec.Get("memoryMib"), "memoryMib"),
      ReadU53(spec.Get("memoryMapKib"), "memoryMapKib"),
      ReadU32(spec.Get("tscMode"), "tscMode"),
      ReadBool(spec.Get("claim"), "claim"),
      ReadU53(spec.Get("kernelBytesMax"), "kernelBytesMax"),
      ReadU53(spec.Get("ramdiskBytesMax"), "ramdiskBytesMax"),
      ReadU32(spec.Get("storeEvtchn"), "storeEvtchn"),
      ReadDomid(spec.Get("storeDomid"), "storeDomid"),
      ReadU32(spec.Get("consoleEvtchn"), "consoleEvtchn"),
      ReadDomid(spec.Get("consoleDomid"), "consoleDomid"),
  };
}

// The order of libxl: what the guest may see is set before its memory is filled. The names of the stages are part of what
// callers display (docs of `startBuildPv` in src/addon.ts).
class BuildPvOperation : public Operation {
 public:
  explicit BuildPvOperation(PvSpec spec) : spec_(std::move(spec)) {}

 private:
  void Run() override {
    Stage("kernel");
    const MappedFile kernel(spec_.kernel_path, spec_.kernel_bytes_max);
    std::optional<MappedFile> ramdisk;
    if (spec_.ramdisk_path) {
      Stage("ramdisk");
      ramdisk.emplace(*spec_.ramdisk_path, spec_.ramdisk_bytes_max);
    }
    XcHandle xc;
    Stage("prepare");
    Prepare(xc);
    // No xc_dom_loginit: the connection has a log for the builder, which that call would set up in a file.
    DomImage image(xc, spec_.cmdline);
    Describe(image);
    Stage("parse");
    Parse(image, kernel, ramdisk);
    Stage("memory");
    image.Call("xc_dom_mem_init", xc_dom_mem_init, spec_.memory_mib);
    image.Call("xc_dom_boot_mem_init", xc_dom_boot_mem_init);
    Stage("load");
    image.Call("xc_dom_build_image", xc_dom_build_image);
    Stage("boot");
    image.Call("xc_dom_boot_image", xc_dom_boot_image);
    // The daemons map the rings by these grants; the frame given to xenstored alone does not do.
    image.Call("xc_dom_gnttab_init", xc_dom_gnttab_init);
    store_frame_ = image.FrameOf(image->xenstore_pfn);
    console_frame_ = image.FrameOf(image->console_pfn);
  }

  void Prepare(XcHandle& xc) {
    const auto map_kib = static_cast<unsigned long>(spec_.memory_map_kib);
    xc.Call("xc_domain_set_memmap_limit", xc_domain_set_memmap_limit, spec_.domid, map_kib);
    xc.Call("xc_domain_set_tsc_info", xc_domain_set_tsc_info, spec_.domid, spec_.tsc_mode,
            std::uint64_t{0}, 0U, 0U);
    // The default policy of the host, without the invariant TSC and nested virtualisation.
    xc.Call("xc_cpuid_apply_policy", xc_cpuid_apply_policy, spec_.domid, false, nullptr, 0U, true,
            false, false, nullptr, nullptr);
  }

  void Describe(DomImage& image) {
    image->container_type = xc_dom_image::XC_DOM_PV_CONTAINER;
    image->claim_enabled = spec_.claim;
    image->xenstore_evtchn = spec_.store_evtchn;
    image->xenstore_domid = spec_.store_domid;
    image->console_evtchn = spec_.console_evtchn;
    image->console_domid = spec_.console_domid;
    // What a compressed file may unpack to (XSA-25).
    image.Call("xc_dom_kernel_max_size", xc_dom_kernel_max_size, spec_.kernel_bytes_max);
    image.Call("xc_dom_module_max_size", xc_dom_module_max_size, spec_.ramdisk_bytes_max);
  }

  void Parse(DomImage& image, const MappedFile& kernel, const std::optional<MappedFile>& ramdisk) {
    image.Call("xc_dom_kernel_mem", xc_dom_kernel_mem, kernel.data(), kernel.size_bytes());
    if (ramdisk) {
      image.Call("xc_dom_module_mem", xc_dom_module_mem, ramdisk->data(), ramdisk->size_bytes(),
                 nullptr);
    }
    XcHandle& xc = image.connection();
    image.Call("xc_dom_boot_xen_init", xc_dom_boot_xen_init, xc.get(), spec_.domid);
    image.Call("xc_dom_parse_image", xc_dom_parse_image);
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("storeFrame", Napi::BigInt::New(env, store_frame_));
    result.Set("consoleFrame", Napi::BigInt::New(env, console_frame_));
    return result;
  }

  const PvSpec spec_;
  std::uint64_t store_frame_ = 0;
  std::uint64_t console_frame_ = 0;
};

}  // namespace

Napi::Value BuildPv(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  PvSpec spec = ReadPvSpec(domid, ReadObject(info[2], "spec"));
  const Napi::Function on_stage = ReadOptionalFunction(info[3], "onStage");
  ReadInterface(info[0]);
  return Operation::Start(info.Env(), std::make_unique<BuildPvOperation>(std::move(spec)), on_stage);
}

}  // namespace xenops
