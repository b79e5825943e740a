// One call, or a few, on a thread of its own: for calls that can take longer than JavaScript should wait.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "interface.h"
#include "xen_operation.h"

namespace xenops {

// Runs `Call`, which takes an XcHandle& and throws Failure; resolves with undefined.
template <typename Call>
class CallOperation : public XenOperation {
 public:
  CallOperation(std::shared_ptr<HandlePool> pool, Call call)
      : XenOperation(std::move(pool)), call_(std::move(call)) {}

 private:
  void Run(XcHandle& xc) override { call_(xc); }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

  Call call_;
};

// On the connection that is the first argument; all others have been read.
template <typename Call>
Napi::Object StartCall(const Napi::CallbackInfo& info, Call call) {
  return Operation::Start(
      info.Env(),
      std::make_unique<CallOperation<Call>>(ReadInterface(info[0]).pool, std::move(call)), {});
}

}  // namespace xenops
