#include "domctl.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "args.h"
#include "call_operation.h"
#include "interface.h"
#include "xen_operation.h"

namespace xenops {
namespace {

static_assert(sizeof(xc_domaininfo_t) % 8 == 0 && offsetof(xc_domaininfo_t, handle) % 4 == 0,
              "src/domain-list-codec.ts reads arrays of it, and uuids, by words");

// Room for domains in the memory of JavaScript, to which Xen's answer goes as it is: it is one copy for all domains, where
// as many objects would cost five hundred times as much.
struct DomainRoom {
  xc_domaininfo_t* data;
  std::size_t count;
};

DomainRoom ReadDomainRoom(const Napi::Value& value) {
  void* data = nullptr;
  std::size_t size_bytes = 0;
  // Refuses what is no ArrayBuffer.
  if (napi_get_arraybuffer_info(value.Env(), value, &data, &size_bytes) != napi_ok) {
    throw Napi::TypeError::New(value.Env(), "records must be an ArrayBuffer");
  }
  const std::size_t count = size_bytes / sizeof(xc_domaininfo_t);
  if (count == 0) throw Napi::RangeError::New(value.Env(), "records must have room for a record");
  return {static_cast<xc_domaininfo_t*>(data), count};
}

std::uint32_t FlagIf(const Napi::Object& spec, const char* name, std::uint32_t flag) {
  return ReadBool(spec.Get(name), name) ? flag : 0;
}

xen_domctl_createdomain ReadCreateSpec(const Napi::Object& spec) {
  xen_domctl_createdomain config{};
  ReadUuid(spec.Get("handle"), "handle", config.handle);
  config.ssidref = ReadU32(spec.Get("ssidref"), "ssidref");
  config.flags = FlagIf(spec, "hvm", XEN_DOMCTL_CDF_hvm) | FlagIf(spec, "hap", XEN_DOMCTL_CDF_hap) |
                 FlagIf(spec, "iommu", XEN_DOMCTL_CDF_iommu) |
                 FlagIf(spec, "nestedVirt", XEN_DOMCTL_CDF_nested_virt) |
                 FlagIf(spec, "vpmu", XEN_DOMCTL_CDF_vpmu);
  config.max_vcpus = ReadU32(spec.Get("maxVcpus"), "maxVcpus");
  config.max_evtchn_port = ReadU32(spec.Get("maxEvtchnPort"), "maxEvtchnPort");
  config.max_grant_frames = ReadI32(spec.Get("maxGrantFrames"), "maxGrantFrames", -1);
  config.max_maptrack_frames = ReadI32(spec.Get("maxMaptrackFrames"), "maxMaptrackFrames", -1);
  config.grant_opts = XEN_DOMCTL_GRANT_version(ReadU32(
      spec.Get("maxGrantVersion"), "maxGrantVersion", XEN_DOMCTL_GRANT_version_mask));
  config.cpupool_id = ReadU32(spec.Get("cpupoolId"), "cpupoolId");
  config.arch.emulation_flags = ReadU32(spec.Get("emulationFlags"), "emulationFlags");
  return config;
}

struct CreateSpec {
  std::uint32_t wanted_domid;
  xen_domctl_createdomain config;
};

CreateSpec ReadCreate(const Napi::CallbackInfo& info) {
  const Napi::Object spec = ReadObject(info[1], "spec");
  const Napi::Value wanted = spec.Get("domid");
  return {wanted.IsUndefined() ? kAnyDomid : ReadGuestDomid(wanted), ReadCreateSpec(spec)};
}

// Makes the domain and its vcpus, and gives its domid. Both or neither: a domain without vcpus is of no use to anybody.
std::uint32_t Create(XcHandle& xc, CreateSpec spec) {
  std::uint32_t domid = spec.wanted_domid;
  xc.Call("xc_domain_create", xc_domain_create, &domid, &spec.config);
  try {
    xc.Call("xc_domain_max_vcpus", xc_domain_max_vcpus, domid, spec.config.max_vcpus);
  } catch (Failure& failure) {
    if (xc_domain_destroy(xc.get(), domid) != 0) {
      failure.log += "\nand the new domain " + std::to_string(domid) + " could not be destroyed";
    }
    throw;
  }
  return domid;
}

class CreateDomainOperation : public XenOperation {
 public:
  CreateDomainOperation(std::shared_ptr<HandlePool> pool, const CreateSpec& spec)
      : XenOperation(std::move(pool)), spec_(spec) {}

 private:
  void Run(XcHandle& xc) override { domid_ = Create(xc, spec_); }
  Napi::Value Result(Napi::Env env) override { return Napi::Number::New(env, domid_); }

  const CreateSpec spec_;
  std::uint32_t domid_ = 0;
};

}  // namespace

Napi::Value DomainLayout(const Napi::CallbackInfo& info) {
  Napi::Object layout = Napi::Object::New(info.Env());
  const auto set = [&layout](const char* name, std::size_t bytes) {
    layout.Set(name, static_cast<double>(bytes));
  };
  set("recordBytes", sizeof(xc_domaininfo_t));
  set("domid", offsetof(xc_domaininfo_t, domain));
  set("flags", offsetof(xc_domaininfo_t, flags));
  set("totalPages", offsetof(xc_domaininfo_t, tot_pages));
  set("maxPages", offsetof(xc_domaininfo_t, max_pages));
  set("outstandingPages", offsetof(xc_domaininfo_t, outstanding_pages));
  set("sharedInfoFrame", offsetof(xc_domaininfo_t, shared_info_frame));
  set("cpuTimeNs", offsetof(xc_domaininfo_t, cpu_time));
  set("onlineVcpuCount", offsetof(xc_domaininfo_t, nr_online_vcpus));
  set("maxVcpuId", offsetof(xc_domaininfo_t, max_vcpu_id));
  set("ssidref", offsetof(xc_domaininfo_t, ssidref));
  set("handle", offsetof(xc_domaininfo_t, handle));
  set("cpupoolId", offsetof(xc_domaininfo_t, cpupool));
  set("emulationFlags", offsetof(xc_domaininfo_t, arch_config.emulation_flags));
  return layout;
}

Napi::Value ListDomains(const Napi::CallbackInfo& info) {
  const DomainRoom room = ReadDomainRoom(info[1]);
  const int count = ReadInterface(info[0]).xc->Call("xc_domain_getinfolist", xc_domain_getinfolist,
                                                    0U, static_cast<unsigned>(room.count), room.data);
  return Napi::Number::New(info.Env(), count);
}

Napi::Value FindDomain(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const DomainRoom room = ReadDomainRoom(info[2]);
  const int count = ReadInterface(info[0]).xc->Call("xc_domain_getinfolist", xc_domain_getinfolist,
                                                    domid, 1U, room.data);
  // Xen answers with the next domain that exists.
  return Napi::Boolean::New(info.Env(), count == 1 && room.data->domain == domid);
}

Napi::Value CreateDomain(const Napi::CallbackInfo& info) {
  const CreateSpec spec = ReadCreate(info);
  return Napi::Number::New(info.Env(), Create(*ReadInterface(info[0]).xc, spec));
}

Napi::Value StartCreateDomain(const Napi::CallbackInfo& info) {
  const CreateSpec spec = ReadCreate(info);
  const std::shared_ptr<HandlePool> pool = ReadInterface(info[0]).pool;
  return Operation::Start(info.Env(), std::make_unique<CreateDomainOperation>(pool, spec), {});
}

Napi::Value DestroyDomain(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  return StartCall(info, [=](XcHandle& xc) {
    xc.Call("xc_domain_destroy", xc_domain_destroy, domid);
  });
}

Napi::Value SetHandle(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  // The library takes an array by pointer; the pointer is to ours.
  xen_domain_handle_t handle;
  ReadUuid(info[2], "handle", handle);
  ReadInterface(info[0]).xc->Call("xc_domain_sethandle", xc_domain_sethandle, domid,
                                  static_cast<std::uint8_t*>(handle));
  return info.Env().Undefined();
}

Napi::Value SetMaxMemory(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const std::uint64_t kib = ReadU53(info[2], "maxMemoryKib");
  ReadInterface(info[0]).xc->Call("xc_domain_setmaxmem", xc_domain_setmaxmem, domid, kib);
  return info.Env().Undefined();
}

Napi::Value AllocUnboundEvtchn(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const std::uint32_t remote = ReadDomid(info[2], "remote");
  const int port = ReadInterface(info[0]).xc->Call("xc_evtchn_alloc_unbound",
                                                   xc_evtchn_alloc_unbound, domid, remote);
  return Napi::Number::New(info.Env(), port);
}

Napi::Value PauseDomain(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  ReadInterface(info[0]).xc->Call("xc_domain_pause", xc_domain_pause, domid);
  return info.Env().Undefined();
}

Napi::Value UnpauseDomain(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  ReadInterface(info[0]).xc->Call("xc_domain_unpause", xc_domain_unpause, domid);
  return info.Env().Undefined();
}

Napi::Value ShutdownDomain(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const std::uint32_t reason = ReadU32(info[2], "reason", XEN_DOMINF_shutdownmask);
  ReadInterface(info[0]).xc->Call("xc_domain_shutdown", xc_domain_shutdown, domid,
                                  static_cast<int>(reason));
  return info.Env().Undefined();
}

}  // namespace xenops
