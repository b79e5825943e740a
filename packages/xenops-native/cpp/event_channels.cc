#include "event_channels.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "args.h"
#include "external.h"
#include "library_handle.h"
#include "register.h"
#include "signals_blocked.h"

namespace xenops {
namespace {

// Handed to JavaScript in place of a port when nothing will be heard any more; Xen has no port 0.
constexpr std::uint32_t kBroken = 0;

// Tells the thread to end.
class StopSignal {
 public:
  StopSignal() : fd_(eventfd(0, EFD_CLOEXEC)) {
    if (fd_ < 0) throw Failure("eventfd", errno);
  }
  ~StopSignal() { close(fd_); }
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  int fd() const { return fd_; }
  void Send() { eventfd_write(fd_, 1); }

 private:
  int fd_;
};

// A thread waits for the device and passes on each port that was notified. The kernel has masked it by then, so at most one
// message for each port is under way, until JavaScript has it unmasked. The thread makes no other call on the handle.
class EventChannels {
 public:
  static constexpr napi_type_tag kTag = {0x51d8f3a60c2e9b47, 0x6fa07e92b8d4c135};
  static constexpr const char* kOpenedBy = "openEventChannels";

  EventChannels() : handle_(std::make_unique<EvtchnHandle>("xenevtchn_open")) {}
  ~EventChannels() { StopThread(); }
  EventChannels(const EventChannels&) = delete;
  EventChannels& operator=(const EventChannels&) = delete;

  // `self` is shared with the thread-safe function, whose finalizer Node runs in every case: it ends the thread when the
  // environment ends.
  static void Start(Napi::Env env, const std::shared_ptr<EventChannels>& self,
                    Napi::Function on_port) {
    auto share = std::make_unique<std::shared_ptr<EventChannels>>(self);
    const napi_status status = napi_create_threadsafe_function(
        env, on_port, nullptr, Napi::String::New(env, "xenops event channels"), 0, 1, share.get(),
        &OnFinalize, nullptr, &OnMessage, &self->messages_);
    if (status != napi_ok) throw Napi::Error::New(env);
    share.release();
    // Only a wait keeps the process alive.
    napi_unref_threadsafe_function(env, self->messages_);
    SignalsBlocked blocked;
    self->thread_ = std::thread(&EventChannels::RunOnThread, self.get());
  }

  EvtchnHandle& handle() {
    if (!handle_) throw Failure("xenevtchn_open", EBADF);
    return *handle_;
  }

  void KeepAlive(Napi::Env env, bool keep_alive) {
    if (messages_ == nullptr) return;
    if (keep_alive) {
      napi_ref_threadsafe_function(env, messages_);
    } else {
      napi_unref_threadsafe_function(env, messages_);
    }
  }

  // Ends the thread and closes the device, with which the kernel unbinds all ports.
  void Close() {
    StopThread();
    stop_.reset();
    handle_.reset();
    if (messages_ == nullptr) return;
    napi_release_threadsafe_function(std::exchange(messages_, nullptr), napi_tsfn_abort);
  }

 private:
  void StopThread() {
    if (!thread_.joinable()) return;
    stop_->Send();
    thread_.join();
  }

  void RunOnThread() noexcept {
    while (const std::optional<std::uint32_t> port = NextPort()) {
      if (!Tell(*port) || *port == kBroken) return;
    }
  }

  // The next port that was notified, kBroken when the device fails; nothing once the thread is to end.
  std::optional<std::uint32_t> NextPort() noexcept {
    std::array<pollfd, 2> fds = {{{xenevtchn_fd(handle_->get()), POLLIN, 0}, {stop_->fd(), POLLIN, 0}}};
    for (;;) {
      if (poll(fds.data(), fds.size(), -1) < 0) {
        if (errno == EINTR) continue;
        return kBroken;
      }
      if (fds[1].revents != 0) return std::nullopt;
      if (fds[0].revents == 0) continue;
      const int port = xenevtchn_pending(handle_->get());
      if (port > 0) return static_cast<std::uint32_t>(port);
      if (errno != EINTR && errno != EAGAIN) return kBroken;
    }
  }

  // False while the environment ends.
  bool Tell(std::uint32_t port) noexcept {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a number in place of memory that would have to be freed.
    void* data = reinterpret_cast<void*>(static_cast<std::uintptr_t>(port));
    return napi_call_threadsafe_function(messages_, data, napi_tsfn_nonblocking) == napi_ok;
  }

  static void OnMessage(napi_env raw_env, napi_value on_port, void*, void* data) {
    if (raw_env == nullptr) return;
    const Napi::Env env(raw_env);
    try {
      const auto port = static_cast<double>(reinterpret_cast<std::uintptr_t>(data));
      Napi::Function(env, on_port).Call({Napi::Number::New(env, port)});
    } catch (const Napi::Error& error) {
      ThrowUnlessEnding(error);
    }
  }

  static void OnFinalize(napi_env, void* data, void*) {
    const std::unique_ptr<std::shared_ptr<EventChannels>> self(
        static_cast<std::shared_ptr<EventChannels>*>(data));
    (*self)->StopThread();
    (*self)->messages_ = nullptr;
  }

  std::unique_ptr<EvtchnHandle> handle_;
  std::unique_ptr<StopSignal> stop_ = std::make_unique<StopSignal>();
  napi_threadsafe_function messages_ = nullptr;
  std::thread thread_;
};

EventChannels& Read(const Napi::Value& value) { return *External<EventChannels>::Read(value); }

std::uint32_t ReadPort(const Napi::Value& value, const char* name = "port") {
  return ReadU32(value, name);
}

Napi::Value OpenEventChannels(const Napi::CallbackInfo& info) {
  const Napi::Function on_port = ReadOptionalFunction(info[0], "onPort");
  if (on_port.IsEmpty()) throw Napi::TypeError::New(info.Env(), "onPort must be a function");
  const auto channels = std::make_shared<EventChannels>();
  // Wrapped first: when the thread cannot be started, both shares go.
  const Napi::Value external = External<EventChannels>::Wrap(info.Env(), channels);
  EventChannels::Start(info.Env(), channels, on_port);
  return external;
}

Napi::Value CloseEventChannels(const Napi::CallbackInfo& info) {
  Read(info[0]).Close();
  return info.Env().Undefined();
}

Napi::Value BindInterdomain(const Napi::CallbackInfo& info) {
  const std::uint32_t remote = ReadDomid(info[1], "remote");
  const std::uint32_t remote_port = ReadPort(info[2], "remotePort");
  const int port = Read(info[0]).handle().Call("xenevtchn_bind_interdomain",
                                               xenevtchn_bind_interdomain, remote, remote_port);
  return Napi::Number::New(info.Env(), port);
}

Napi::Value BindUnbound(const Napi::CallbackInfo& info) {
  const std::uint32_t remote = ReadDomid(info[1], "remote");
  const int port = Read(info[0]).handle().Call("xenevtchn_bind_unbound_port",
                                               xenevtchn_bind_unbound_port, remote);
  return Napi::Number::New(info.Env(), port);
}

Napi::Value NotifyPort(const Napi::CallbackInfo& info) {
  const std::uint32_t port = ReadPort(info[1]);
  Read(info[0]).handle().Call("xenevtchn_notify", xenevtchn_notify, port);
  return info.Env().Undefined();
}

Napi::Value UnmaskPort(const Napi::CallbackInfo& info) {
  const std::uint32_t port = ReadPort(info[1]);
  Read(info[0]).handle().Call("xenevtchn_unmask", xenevtchn_unmask, port);
  return info.Env().Undefined();
}

Napi::Value UnbindPort(const Napi::CallbackInfo& info) {
  const std::uint32_t port = ReadPort(info[1]);
  Read(info[0]).handle().Call("xenevtchn_unbind", xenevtchn_unbind, port);
  return info.Env().Undefined();
}

Napi::Value KeepAliveForEvents(const Napi::CallbackInfo& info) {
  const bool keep_alive = ReadBool(info[1], "keepAlive");
  Read(info[0]).KeepAlive(info.Env(), keep_alive);
  return info.Env().Undefined();
}

}  // namespace

void RegisterEventChannels(Napi::Object exports) {
  Register<OpenEventChannels, 1>(exports, "openEventChannels");
  Register<CloseEventChannels, 1>(exports, "closeEventChannels");
  Register<BindInterdomain, 3>(exports, "bindInterdomain");
  Register<BindUnbound, 2>(exports, "bindUnbound");
  Register<NotifyPort, 2>(exports, "notifyPort");
  Register<UnmaskPort, 2>(exports, "unmaskPort");
  Register<UnbindPort, 2>(exports, "unbindPort");
  Register<KeepAliveForEvents, 2>(exports, "keepAliveForEvents");
}

}  // namespace xenops
