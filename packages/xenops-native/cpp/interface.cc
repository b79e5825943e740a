#include "interface.h"

#include <algorithm>
#include <vector>

#include "environment.h"

namespace xenops {

// The connections of one environment. A value is one of ours when what it stands for is among them, which takes a tenth of
// the time that checking a type tag does: every cheap call begins with it.
struct InterfaceList {
  std::vector<const Interface*> members;
};

Interface::~Interface() {
  std::vector<const Interface*>& members = list_->members;
  members.erase(std::remove(members.begin(), members.end(), this), members.end());
}

namespace {

Interface& Unwrap(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  void* data = nullptr;
  // Refuses what is no external.
  if (napi_get_value_external(env, value, &data) == napi_ok) {
    const auto& members = Environment::Of(env).interfaces->members;
    const auto found = std::find(members.begin(), members.end(), data);
    if (found != members.end()) return *static_cast<Interface*>(data);
  }
  throw Napi::TypeError::New(env, "the first argument must come from openInterface");
}

}  // namespace

Interface::Interface(std::shared_ptr<InterfaceList> list) : list_(std::move(list)) {
  list_->members.push_back(this);
}

void PrepareEnvironment(Napi::Env env) {
  env.SetInstanceData(new Environment{std::make_shared<InterfaceList>()});
}

Interface& ReadInterface(const Napi::Value& value) {
  Interface& interface = Unwrap(value);
  if (!interface.xc) throw Failure("xc_interface", EBADF);
  return interface;
}

Napi::Value OpenInterface(const Napi::CallbackInfo& info) {
  auto interface = std::make_unique<Interface>(Environment::Of(info.Env()).interfaces);
  interface->xc = std::make_unique<XcHandle>();
  const auto external = Napi::External<Interface>::New(
      info.Env(), interface.get(), [](Napi::Env, Interface* last) { delete last; });
  interface.release();
  return external;
}

Napi::Value CloseInterface(const Napi::CallbackInfo& info) {
  Interface& interface = Unwrap(info[0]);
  interface.xc.reset();
  interface.pool.reset();
  return info.Env().Undefined();
}

}  // namespace xenops
