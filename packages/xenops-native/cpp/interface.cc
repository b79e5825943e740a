#include "interface.h"

namespace xenops {
namespace {

// Marks our externals, so that one of another addon is refused and not misread. A random number.
constexpr napi_type_tag kInterfaceTag = {0x6f1d3a52c98b4e07, 0xa4e65b1f7d20c893};

Interface& Unwrap(const Napi::Value& value) {
  if (value.IsExternal()) {
    const auto external = value.As<Napi::External<Interface>>();
    if (external.CheckTypeTag(&kInterfaceTag)) return *external.Data();
  }
  throw Napi::TypeError::New(value.Env(), "the first argument must come from openInterface");
}

}  // namespace

Interface& ReadInterface(const Napi::Value& value) {
  Interface& interface = Unwrap(value);
  if (!interface.xc) throw Failure("xc_interface", EBADF);
  return interface;
}

Napi::Value OpenInterface(const Napi::CallbackInfo& info) {
  auto interface = std::make_unique<Interface>();
  interface->xc = std::make_unique<XcHandle>();
  const auto external = Napi::External<Interface>::New(
      info.Env(), interface.get(), [](Napi::Env, Interface* last) { delete last; });
  interface.release();
  external.TypeTag(&kInterfaceTag);
  return external;
}

Napi::Value CloseInterface(const Napi::CallbackInfo& info) {
  Interface& interface = Unwrap(info[0]);
  interface.xc.reset();
  interface.pool.reset();
  return info.Env().Undefined();
}

}  // namespace xenops
