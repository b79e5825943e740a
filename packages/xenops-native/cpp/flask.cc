#include "flask.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "args.h"
#include "interface.h"
#include "register.h"

namespace xenops {
namespace {

// Longer than any label of four parts.
constexpr std::size_t kLabelBytesMax = 4096;

Napi::Value FlaskEnforcing(const Napi::CallbackInfo& info) {
  const int mode = ReadInterface(info[0]).xc->Call("xc_flask_getenforce", xc_flask_getenforce);
  return Napi::Boolean::New(info.Env(), mode != 0);
}

Napi::Value SetFlaskEnforcing(const Napi::CallbackInfo& info) {
  const bool enforcing = ReadBool(info[1], "enforcing");
  ReadInterface(info[0]).xc->Call("xc_flask_setenforce", xc_flask_setenforce,
                                  static_cast<int>(enforcing));
  return info.Env().Undefined();
}

Napi::Value FlaskSid(const Napi::CallbackInfo& info) {
  std::string label = ReadString(info[1], "label");
  if (label.size() > kLabelBytesMax) {
    throw Napi::RangeError::New(info.Env(), "label must have at most " +
                                                std::to_string(kLabelBytesMax) + " bytes");
  }
  std::uint32_t sid = 0;
  ReadInterface(info[0]).xc->Call("xc_flask_context_to_sid", xc_flask_context_to_sid, label.data(),
                                  static_cast<std::uint32_t>(label.size()), &sid);
  return Napi::Number::New(info.Env(), sid);
}

Napi::Value FlaskLabel(const Napi::CallbackInfo& info) {
  const std::uint32_t sid = ReadU32(info[1], "sid");
  // Xen writes no NUL.
  std::array<char, kLabelBytesMax + 1> label{};
  ReadInterface(info[0]).xc->Call("xc_flask_sid_to_context", xc_flask_sid_to_context,
                                  static_cast<int>(sid), label.data(),
                                  static_cast<std::uint32_t>(kLabelBytesMax));
  return Napi::String::New(info.Env(), label.data(), strnlen(label.data(), kLabelBytesMax));
}

}  // namespace

void RegisterFlask(Napi::Object exports) {
  Register<FlaskEnforcing, 1>(exports, "flaskEnforcing");
  Register<SetFlaskEnforcing, 2>(exports, "setFlaskEnforcing");
  Register<FlaskSid, 2>(exports, "flaskSid");
  Register<FlaskLabel, 2>(exports, "flaskLabel");
}

}  // namespace xenops
