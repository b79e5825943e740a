#include "build.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "args.h"
#include "build_container.h"
#include "build_file.h"
#include "build_kernel.h"
#include "build_spec.h"
#include "dom_image.h"
#include "interface.h"
#include "xen_operation.h"

namespace xenops {
namespace {

// In the order of libxl: what the guest may see is set before its memory is filled. The names of the stages are part of
// what callers display (docs of `startBuild` in src/addon.ts).
class BuildOperation : public XenOperation {
 public:
  BuildOperation(std::shared_ptr<HandlePool> pool, BuildSpec spec)
      : XenOperation(std::move(pool)), spec_(std::move(spec)) {}

 private:
  void Run(XcHandle& xc) override {
    Stage("kernel");
    BuildKernel kernel(spec_.kernel_path, spec_.kernel_bytes_max, spec_.kernel_cache);
    if (!spec_.modules.empty()) Stage("ramdisk");
    std::vector<Mapping> modules;
    for (const BootModuleSpec& module : spec_.modules) {
      modules.push_back(ReadBuildFile(module.path, spec_.module_bytes_max));
    }
    std::optional<Firmware> firmware;
    if (spec_.hvm) {
      Stage("firmware");
      firmware.emplace(*spec_.hvm, spec_.module_bytes_max);
    }
    Stage("prepare");
    PrepareDomain(xc, spec_.domid, spec_.prepare);
    if (spec_.hvm) SetViridianFeatures(xc, spec_.domid, *spec_.hvm);
    ApplyCpuPolicy(xc, spec_.domid, false, spec_.cpu_policy);

    // No xc_dom_loginit: the connection has a log for the builder, which that call would set up in a file.
    DomImage image(xc, spec_.hvm ? nullptr : spec_.cmdline.c_str());
    Describe(image);
    if (spec_.layout) DescribeContainer(image, spec_, firmware);
    // Unpacking is part of parsing, and takes most of the time of a build.
    Stage(kernel.is_packed() ? "unpack" : "parse");
    Parse(image, kernel, modules);
    if (kernel.is_packed() && spec_.kernel_cache) {
      Stage("cache");
      kernel.Remember(image->kernel_blob, image->kernel_size);
    }
    Stage("memory");
    image.Call("xc_dom_mem_init", xc_dom_mem_init, spec_.memory_mib);
    image.Call("xc_dom_boot_mem_init", xc_dom_boot_mem_init);
    if (spec_.layout) DescribeMemoryMap(image, spec_);
    Stage("load");
    image.Call("xc_dom_build_image", xc_dom_build_image);
    Stage("boot");
    image.Call("xc_dom_boot_image", xc_dom_boot_image);
    // The daemons map the rings by these grants; the frame given to xenstored alone does not do.
    image.Call("xc_dom_gnttab_init", xc_dom_gnttab_init);
    if (spec_.hvm) FillHvmInfo(xc, spec_);
    store_frame_ = image.FrameOf(image->xenstore_pfn);
    console_frame_ = image.FrameOf(image->console_pfn);
    if (spec_.hvm) {
      acpi_module_ = image->acpi_modules[0];
      smbios_module_ = image->smbios_module;
    }
  }

  void Describe(DomImage& image) {
    image->container_type = spec_.layout ? xc_dom_image::XC_DOM_HVM_CONTAINER
                                         : xc_dom_image::XC_DOM_PV_CONTAINER;
    image->claim_enabled = spec_.claim;
    image->max_vcpus = spec_.max_vcpus;
    image->target_pages = spec_.target_pages;
    image->xenstore_evtchn = spec_.store_evtchn;
    image->xenstore_domid = spec_.store_domid;
    image->console_evtchn = spec_.console_evtchn;
    image->console_domid = spec_.console_domid;
    // What a compressed file may unpack to (XSA-25).
    image.Call("xc_dom_kernel_max_size", xc_dom_kernel_max_size, spec_.kernel_bytes_max);
    image.Call("xc_dom_module_max_size", xc_dom_module_max_size, spec_.module_bytes_max);
  }

  void Parse(DomImage& image, const BuildKernel& kernel, const std::vector<Mapping>& modules) {
    image.Call("xc_dom_kernel_mem", xc_dom_kernel_mem, kernel.data(), kernel.size_bytes());
    for (std::size_t index = 0; index < modules.size(); ++index) {
      const std::optional<std::string>& cmdline = spec_.modules[index].cmdline;
      image.Call("xc_dom_module_mem", xc_dom_module_mem, modules[index].data(),
                 modules[index].size_bytes(), cmdline ? cmdline->c_str() : nullptr);
    }
    XcHandle& xc = image.connection();
    image.Call("xc_dom_boot_xen_init", xc_dom_boot_xen_init, xc.get(), spec_.domid);
    image.Call("xc_dom_parse_image", xc_dom_parse_image);
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("storeFrame", Napi::BigInt::New(env, store_frame_));
    result.Set("consoleFrame", Napi::BigInt::New(env, console_frame_));
    SetModule(result, "acpiModule", acpi_module_);
    SetModule(result, "smbiosModule", smbios_module_);
    return result;
  }

  static void SetModule(Napi::Object result, const char* name,
                        const xc_hvm_firmware_module& module) {
    if (module.length == 0) return;
    Napi::Object place = Napi::Object::New(result.Env());
    place.Set("addressBytes", Napi::BigInt::New(result.Env(), module.guest_addr_out));
    place.Set("sizeBytes", module.length);
    result.Set(name, place);
  }

  const BuildSpec spec_;
  std::uint64_t store_frame_ = 0;
  std::uint64_t console_frame_ = 0;
  xc_hvm_firmware_module acpi_module_{};
  xc_hvm_firmware_module smbios_module_{};
};

}  // namespace

Napi::Value Build(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  BuildSpec spec = ReadBuildSpec(domid, ReadObject(info[2], "spec"));
  const Napi::Function on_stage = ReadOptionalFunction(info[3], "onStage");
  const std::shared_ptr<HandlePool> pool = ReadInterface(info[0]).pool;
  return Operation::Start(info.Env(), std::make_unique<BuildOperation>(pool, std::move(spec)),
                          on_stage);
}

}  // namespace xenops
