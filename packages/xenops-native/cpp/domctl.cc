#include "domctl.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "args.h"
#include "interface.h"
#include "worker.h"

namespace xenops {
namespace {

// One domain as it is handed to JavaScript, which reads the fields at these offsets (src/domain-list-codec.ts): one
// buffer for all domains costs a thousandth of as many objects.
struct DomainRecord {
  std::uint32_t domid;
  std::uint32_t flags;  // XEN_DOMINF_*
  std::uint32_t emulation_flags;  // XEN_X86_EMU_*
  std::uint32_t online_vcpu_count;
  std::uint32_t max_vcpu_id;  // XEN_INVALID_MAX_VCPU_ID: none
  std::uint32_t ssidref;
  std::uint32_t cpupool_id;
  std::uint32_t padding;
  std::uint64_t total_pages;
  std::uint64_t max_pages;
  std::uint64_t outstanding_pages;
  std::uint64_t shared_info_frame;
  std::uint64_t cpu_time_ns;
  std::uint8_t handle[16];
};
static_assert(sizeof(DomainRecord) == 88, "src/domain-list-codec.ts has the same layout");

DomainRecord RecordOf(const xc_domaininfo_t& domain) {
  DomainRecord record{};
  record.domid = domain.domain;
  record.flags = domain.flags;
  record.emulation_flags = domain.arch_config.emulation_flags;
  record.online_vcpu_count = domain.nr_online_vcpus;
  record.max_vcpu_id = domain.max_vcpu_id;
  record.ssidref = domain.ssidref;
  record.cpupool_id = domain.cpupool;
  record.total_pages = domain.tot_pages;
  record.max_pages = domain.max_pages;
  record.outstanding_pages = domain.outstanding_pages;
  record.shared_info_frame = domain.shared_info_frame;
  record.cpu_time_ns = domain.cpu_time;
  static_assert(sizeof record.handle == sizeof domain.handle);
  std::memcpy(record.handle, domain.handle, sizeof record.handle);
  return record;
}

Napi::ArrayBuffer Records(Napi::Env env, const xc_domaininfo_t* domains, std::size_t count) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, count * sizeof(DomainRecord));
  std::transform(domains, domains + count, static_cast<DomainRecord*>(buffer.Data()), RecordOf);
  return buffer;
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

// Makes the domain and its vcpus. Both or neither: a domain without vcpus is of no use to anybody.
class CreateDomainOperation : public Operation {
 public:
  CreateDomainOperation(std::uint32_t wanted_domid, const xen_domctl_createdomain& config)
      : domid_(wanted_domid), config_(config) {}

 private:
  void Run() override {
    XcHandle xc;
    xc.Call("xc_domain_create", xc_domain_create, &domid_, &config_);
    try {
      xc.Call("xc_domain_max_vcpus", xc_domain_max_vcpus, domid_, config_.max_vcpus);
    } catch (Failure& failure) {
      if (xc_domain_destroy(xc.get(), domid_) != 0) {
        failure.log += "\nand the new domain " + std::to_string(domid_) + " could not be destroyed";
      }
      throw;
    }
  }
  Napi::Value Result(Napi::Env env) override { return Napi::Number::New(env, domid_); }

  std::uint32_t domid_;
  xen_domctl_createdomain config_;
};

class DestroyDomainOperation : public Operation {
 public:
  explicit DestroyDomainOperation(std::uint32_t domid) : domid_(domid) {}

 private:
  void Run() override {
    XcHandle xc;
    xc.Call("xc_domain_destroy", xc_domain_destroy, domid_);
  }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

  std::uint32_t domid_;
};

}  // namespace

Napi::Value ListDomains(const Napi::CallbackInfo& info) {
  Interface& interface = ReadInterface(info[0]);
  std::vector<xc_domaininfo_t>& domains = interface.domains;
  // libxc passes a buffer of the whole size through the hypercall, so it is kept close to what is needed.
  constexpr std::size_t kSpare = 16;
  if (domains.empty()) domains.resize(kSpare);
  for (;;) {
    const int found = interface.xc->Call("xc_domain_getinfolist", xc_domain_getinfolist, 0U,
                                         static_cast<unsigned>(domains.size()), domains.data());
    const auto count = static_cast<std::size_t>(found);
    if (count < domains.size()) {
      const Napi::ArrayBuffer records = Records(info.Env(), domains.data(), count);
      if (domains.size() > 2 * (count + kSpare)) domains.resize(count + kSpare);
      return records;
    }
    domains.resize(domains.size() * 2);
  }
}

Napi::Value FindDomain(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  xc_domaininfo_t domain{};
  const int count = ReadInterface(info[0]).xc->Call("xc_domain_getinfolist", xc_domain_getinfolist,
                                                    domid, 1U, &domain);
  // Xen answers with the next domain that exists.
  const bool found = count == 1 && domain.domain == domid;
  return Records(info.Env(), &domain, found ? 1 : 0);
}

Napi::Value CreateDomain(const Napi::CallbackInfo& info) {
  const Napi::Object spec = ReadObject(info[1], "spec");
  const Napi::Value wanted = spec.Get("domid");
  const std::uint32_t domid = wanted.IsUndefined() ? kAnyDomid : ReadGuestDomid(wanted);
  const xen_domctl_createdomain config = ReadCreateSpec(spec);
  ReadInterface(info[0]);
  return Operation::Start(info.Env(), std::make_unique<CreateDomainOperation>(domid, config), {});
}

Napi::Value DestroyDomain(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  ReadInterface(info[0]);
  return Operation::Start(info.Env(), std::make_unique<DestroyDomainOperation>(domid), {});
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
