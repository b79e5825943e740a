#include "hotplug.h"

#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "args.h"
#include "external.h"
#include "failure.h"
#include "hotplug_descriptor.h"
#include "hotplug_link.h"
#include "hotplug_loop.h"
#include "register.h"
#include "worker.h"

namespace xenops {
namespace {

// A call of the kernel on a thread of its own, which gives nothing.
template <typename Call>
class KernelCall : public Operation {
 public:
  explicit KernelCall(Call call) : call_(std::move(call)) {}

 private:
  void Run() override { call_(); }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

  Call call_;
};

template <typename Call>
Napi::Object StartKernelCall(Napi::Env env, Call call) {
  return Operation::Start(env, std::make_unique<KernelCall<Call>>(std::move(call)), {});
}

// What keeps a loop device alive until it is kept.
struct LoopHold {
  static constexpr napi_type_tag kTag = {0x6c6f6f702d686f6c, 0x642d78656e6f7073};
  static constexpr const char* kOpenedBy = "startAttachLoop";

  UniqueFd fd;
};

class AttachLoopOperation : public Operation {
 public:
  AttachLoopOperation(std::string file_path, bool read_only)
      : file_path_(std::move(file_path)), read_only_(read_only) {}

 private:
  void Run() override { device_ = AttachLoop(file_path_, read_only_); }

  Napi::Value Result(Napi::Env env) override {
    auto hold = std::make_shared<LoopHold>();
    hold->fd = std::move(device_.hold);
    Napi::Object result = Napi::Object::New(env);
    result.Set("devicePath", device_.path);
    result.Set("major", static_cast<double>(major(device_.rdev)));
    result.Set("minor", static_cast<double>(minor(device_.rdev)));
    result.Set("hold", External<LoopHold>::Wrap(env, std::move(hold)));
    return result;
  }

  const std::string file_path_;
  const bool read_only_;
  LoopDevice device_;
};

// Relative ones would depend on where the process happens to be.
std::string ReadAbsolutePath(const Napi::Value& value, const char* name) {
  std::string path = ReadString(value, name);
  if (path.empty() || path[0] != '/') {
    throw Napi::RangeError::New(value.Env(), std::string(name) + " must be an absolute path");
  }
  return path;
}

Napi::Value StartAttachLoop(const Napi::CallbackInfo& info) {
  std::string file_path = ReadAbsolutePath(info[0], "filePath");
  const bool read_only = ReadBool(info[1], "readOnly");
  return Operation::Start(
      info.Env(), std::make_unique<AttachLoopOperation>(std::move(file_path), read_only), {});
}

Napi::Value KeepLoopHold(const Napi::CallbackInfo& info) {
  KeepLoop(External<LoopHold>::Read(info[0])->fd);
  return info.Env().Undefined();
}

Napi::Value StartDetachLoop(const Napi::CallbackInfo& info) {
  return StartKernelCall(info.Env(), [path = ReadAbsolutePath(info[0], "devicePath")] {
    DetachLoop(path);
  });
}

std::optional<std::string> OptionalString(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return {};
  return ReadString(value, name);
}

Napi::Value StartChangeLink(const Napi::CallbackInfo& info) {
  std::string link = ReadString(info[0], "link");
  const Napi::Object object = ReadObject(info[1], "change");
  LinkChange change;
  change.bridge = OptionalString(object, "bridge");
  change.name = OptionalString(object, "name");
  if (const Napi::Value mtu = object.Get("mtu"); !mtu.IsUndefined()) {
    change.mtu = ReadU32(mtu, "mtu", 65'535);
  }
  if (const Napi::Value is_up = object.Get("isUp"); !is_up.IsUndefined()) {
    change.is_up = ReadBool(is_up, "isUp");
  }
  if (!change.bridge && !change.name && !change.mtu && !change.is_up) {
    throw Napi::RangeError::New(info.Env(), "change must have something to change");
  }
  return StartKernelCall(info.Env(), [link = std::move(link), change = std::move(change)] {
    ChangeLink(link, change);
  });
}

constexpr std::uint32_t kDescriptorMax = 1'048'576;

Napi::Value SendOpenFile(const Napi::CallbackInfo& info) {
  const auto socket = static_cast<int>(ReadU32(info[0], "socketFd", kDescriptorMax));
  const std::string text = ReadString(info[1], "text");
  SendDescriptor(socket, text, static_cast<int>(ReadU32(info[2], "fileFd", kDescriptorMax)));
  return info.Env().Undefined();
}

}  // namespace

void RegisterHotplug(Napi::Object exports) {
  Register<StartAttachLoop, 2>(exports, "startAttachLoop");
  Register<KeepLoopHold, 1>(exports, "keepLoop");
  Register<StartDetachLoop, 1>(exports, "startDetachLoop");
  Register<StartChangeLink, 2>(exports, "startChangeLink");
  Register<SendOpenFile, 3>(exports, "sendOpenFile");
}

}  // namespace xenops
