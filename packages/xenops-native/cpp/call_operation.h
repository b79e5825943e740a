// One call, or a few, on a thread of its own: for calls that can take longer than JavaScript should wait.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "handle.h"
#include "worker.h"

namespace xenops {

// Runs `Call`, which takes an XcHandle& and throws Failure; resolves with undefined.
template <typename Call>
class CallOperation : public Operation {
 public:
  explicit CallOperation(Call call) : call_(std::move(call)) {}

 private:
  void Run() override {
    XcHandle xc;
    call_(xc);
  }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

  Call call_;
};

template <typename Call>
Napi::Object StartCall(Napi::Env env, Call call) {
  return Operation::Start(env, std::make_unique<CallOperation<Call>>(std::move(call)), {});
}

}  // namespace xenops
