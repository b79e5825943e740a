#include "restore.h"

#include <memory>
#include <utility>

#include "args.h"
#include "build_prepare.h"
#include "interface.h"
#include "stream_operation.h"

namespace xenops {
namespace {

struct RestoreSpec {
  std::uint32_t domid;
  int fd;
  PrepareSpec prepare;
  CpuPolicy cpu_policy;
  std::uint32_t store_evtchn;
  std::uint32_t store_domid;
  std::uint32_t console_evtchn;
  std::uint32_t console_domid;
};

class RestoreOperation : public StreamOperation {
 public:
  RestoreOperation(std::shared_ptr<HandlePool> pool, RestoreSpec spec)
      : StreamOperation(std::move(pool), spec.fd), spec_(std::move(spec)) {}

 private:
  void Run(XcHandle& xc) override {
    Stage("prepare");
    PrepareDomain(xc, spec_.domid, spec_.prepare);
    restore_callbacks callbacks{};
    callbacks.static_data_done = &RestoreOperation::OnStaticData;
    callbacks.data = this;
    Stage("memory");
    // The library seeds the grants of the rings too.
    Transfer(xc, [&] {
      xc.Call("xc_domain_restore", xc_domain_restore, stream_fd(), spec_.domid, spec_.store_evtchn,
              &store_frame_, spec_.store_domid, spec_.console_evtchn, &console_frame_,
              spec_.console_domid, XC_STREAM_PLAIN, &callbacks, -1);
    });
  }

  // A stream from before Xen 4.14 carries no cpu policy.
  static int OnStaticData(unsigned missing, void* data) {
    if ((missing & XGR_SDD_MISSING_CPUID) == 0) return 0;
    const auto* const self = static_cast<RestoreOperation*>(data);
    try {
      // The other one is in the middle of a call.
      const PooledHandle xc(self->pool());
      ApplyCpuPolicy(xc.get(), self->spec_.domid, true, self->spec_.cpu_policy);
      return 0;
    } catch (...) {
      return -1;
    }
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("storeFrame", Napi::BigInt::New(env, std::uint64_t{store_frame_}));
    result.Set("consoleFrame", Napi::BigInt::New(env, std::uint64_t{console_frame_}));
    return result;
  }

  const RestoreSpec spec_;
  unsigned long store_frame_ = 0;
  unsigned long console_frame_ = 0;
};

}  // namespace

Napi::Value Restore(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const Napi::Object spec = ReadObject(info[2], "spec");
  RestoreSpec read{domid,
                   ReadI32(spec.Get("fd"), "fd", 0),
                   ReadPrepareSpec(spec),
                   ReadCpuPolicy(ReadObject(spec.Get("cpuPolicy"), "cpuPolicy")),
                   ReadU32(spec.Get("storeEvtchn"), "storeEvtchn"),
                   ReadDomid(spec.Get("storeDomid"), "storeDomid"),
                   ReadU32(spec.Get("consoleEvtchn"), "consoleEvtchn"),
                   ReadDomid(spec.Get("consoleDomid"), "consoleDomid")};
  const Napi::Function on_stage = ReadOptionalFunction(info[3], "onStage");
  const std::shared_ptr<HandlePool> pool = ReadInterface(info[0]).pool;
  return Operation::Start(info.Env(), std::make_unique<RestoreOperation>(pool, std::move(read)),
                          on_stage);
}

}  // namespace xenops
