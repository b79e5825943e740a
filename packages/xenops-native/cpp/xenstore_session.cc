#include "xenstore_session.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "args.h"
#include "failure.h"
#include "signals_blocked.h"
#include "throw.h"
#include "xenstore_handle.h"

namespace xenops {
namespace {

// How often a session with watches but without requests asks whether its connection has ended, which costs no message.
// libxenstore's reader says so to nobody but a thread that waits in xs_read_watch: its pipe stays silent, and its socket is
// its own. Such a thread would take events off the list before this one could hand them on, so that a reply might
// overtake events that came before it; and it could not be ended, because xs_close does not wake it.
constexpr int kLookForEndMs = 1000;

class Session {
 public:
  // Starts to connect; `on_event` is called with what addon.ts says.
  static std::shared_ptr<Session> Start(Napi::Env env, Napi::Function on_event);

  Session() : wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_fd_ < 0) throw Failure("eventfd", errno);
  }
  ~Session() { CloseWakeFd(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void Send(std::string message) {
    const std::lock_guard lock(mutex_);
    // One that is waiting has woken the thread already.
    if (requests_.empty()) Wake();
    if (wake_fd_ >= 0) requests_.push_back(std::move(message));
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    Wake();
  }
  void KeepAlive(napi_env env, bool keep) {
    const std::lock_guard lock(mutex_);
    if (messages_ == nullptr) return;
    keep ? napi_ref_threadsafe_function(env, messages_)
         : napi_unref_threadsafe_function(env, messages_);
  }

 private:
  // What the thread has for JavaScript, in this order.
  struct News {
    bool opened = false;
    std::string data;
    bool closed = false;
    std::optional<Failure> failure;
  };

  void RunOnThread() noexcept;
  void Serve(StoreHandle& store);
  bool IsClosing();
  void Wait(StoreHandle& store);
  void HandOnEvents(StoreHandle& store, const std::string& reply = {});
  void Wake();
  void CloseWakeFd();
  // Changes the news and tells JavaScript that there are some, once until it has taken them.
  template <typename Change>
  void Tell(Change change);
  void Report(Napi::Env env, Napi::Function on_event);
  static void OnMessage(napi_env env, napi_value on_event, void* context, void* data);
  static void OnFinalize(napi_env env, void* data, void* context);

  // Guards what follows.
  std::mutex mutex_;
  // An eventfd; -1 once the thread has ended, which may be long before JavaScript lets go of the session.
  int wake_fd_;
  std::deque<std::string> requests_;
  News news_;
  bool told_ = false;
  bool closing_ = false;
  // Null once the environment has finished with it.
  napi_threadsafe_function messages_ = nullptr;
};

std::shared_ptr<Session> Session::Start(Napi::Env env, Napi::Function on_event) {
  auto session = std::make_shared<Session>();
  auto owner = std::make_unique<std::shared_ptr<Session>>(session);
  const napi_status status = napi_create_threadsafe_function(
      env, on_event, nullptr, Napi::String::New(env, "xenstore"), 0, 1, owner.get(),
      &Session::OnFinalize, owner.get(), &Session::OnMessage, &session->messages_);
  if (status != napi_ok) throw Napi::Error::New(env);
  owner.release();
  try {
    SignalsBlocked blocked;
    std::thread([session] { session->RunOnThread(); }).detach();
  } catch (const std::system_error&) {
    // The finalizer frees it.
    napi_release_threadsafe_function(session->messages_, napi_tsfn_abort);
    throw;
  }
  return session;
}

void Session::Wake() {
  // Only ever fails when the counter is full, and then it wakes.
  if (wake_fd_ >= 0) eventfd_write(wake_fd_, 1);
}

void Session::CloseWakeFd() {
  if (wake_fd_ >= 0) close(wake_fd_);
  wake_fd_ = -1;
}

template <typename Change>
void Session::Tell(Change change) {
  const std::lock_guard lock(mutex_);
  change(news_);
  if (told_ || messages_ == nullptr) return;
  told_ = napi_call_threadsafe_function(messages_, nullptr, napi_tsfn_nonblocking) == napi_ok;
}

void Session::RunOnThread() noexcept {
  std::optional<Failure> failure;
  try {
    StoreHandle store;
    Tell([](News& news) { news.opened = true; });
    Serve(store);
  } catch (const Failure& failed) {
    failure.emplace(failed);
  } catch (const std::bad_alloc&) {
    failure.emplace("malloc", ENOMEM);
  } catch (const std::exception& error) {
    failure.emplace(error.what(), EIO);
  }
  // The handle is closed by now: whoever is told finds no descriptor of the session any more.
  {
    const std::lock_guard lock(mutex_);
    CloseWakeFd();
    requests_.clear();
  }
  Tell([&failure](News& news) {
    news.closed = true;
    news.failure = std::move(failure);
  });
}

// Answers requests in their order until the session is closed. Throws when the connection has ended.
void Session::Serve(StoreHandle& store) {
  while (!IsClosing()) {
    std::deque<std::string> requests;
    {
      const std::lock_guard lock(mutex_);
      requests.swap(requests_);
    }
    if (requests.empty()) Wait(store);
    for (const std::string& request : requests) {
      if (IsClosing()) return;
      HandOnEvents(store, store.Perform(request));
    }
  }
}

bool Session::IsClosing() {
  const std::lock_guard lock(mutex_);
  return closing_;
}

// Waits for requests, and hands on the events of the meantime. Throws when the connection has ended.
void Session::Wait(StoreHandle& store) {
  pollfd sources[] = {{wake_fd_, POLLIN, 0}, {store.events_fd(), POLLIN, 0}};
  poll(sources, 2, store.has_watches() ? kLookForEndMs : -1);
  eventfd_t ignored;
  eventfd_read(wake_fd_, &ignored);
  HandOnEvents(store);
}

void Session::HandOnEvents(StoreHandle& store, const std::string& reply) {
  std::string data;
  if (!store.TakeEvents(data)) throw Failure("xs_check_watch", ECONNRESET);
  // Events that came before the reply are seen before it, as on a socket.
  data += reply;
  if (!data.empty()) Tell([&data](News& news) { news.data += data; });
}

void Session::Report(Napi::Env env, Napi::Function on_event) {
  News news;
  napi_threadsafe_function finished = nullptr;
  {
    const std::lock_guard lock(mutex_);
    news = std::exchange(news_, News());
    told_ = false;
    if (news.closed) finished = std::exchange(messages_, nullptr);
  }
  if (finished != nullptr) napi_release_threadsafe_function(finished, napi_tsfn_release);
  if (news.opened) on_event.Call({Napi::String::New(env, "open")});
  if (!news.data.empty()) {
    on_event.Call({Napi::String::New(env, "data"),
                   Napi::Buffer<char>::Copy(env, news.data.data(), news.data.size())});
  }
  if (!news.closed) return;
  const Napi::Value why = news.failure ? ErrorFrom(env, *news.failure).Value() : env.Undefined();
  on_event.Call({Napi::String::New(env, "close"), why});
}

void Session::OnMessage(napi_env raw_env, napi_value on_event, void* context, void*) {
  // The environment is ending: nobody is left to tell.
  if (raw_env == nullptr) return;
  const Napi::Env env(raw_env);
  try {
    // A copy: what is called may end the environment's share in the session.
    const auto session = *static_cast<std::shared_ptr<Session>*>(context);
    session->Report(env, Napi::Function(env, on_event));
  } catch (const Napi::Error& error) {
    ThrowUnlessEnding(error);
  }
}

void Session::OnFinalize(napi_env, void* data, void*) {
  const std::unique_ptr<std::shared_ptr<Session>> owner(
      static_cast<std::shared_ptr<Session>*>(data));
  const std::lock_guard lock((*owner)->mutex_);
  (*owner)->messages_ = nullptr;
  (*owner)->closing_ = true;
  (*owner)->Wake();
}

using SharedSession = std::shared_ptr<Session>;

// Marks our externals, so that one of another addon is refused and not misread. A random number.
constexpr napi_type_tag kSessionTag = {0x1b92c07fe4d35a68, 0x83f1d64c2ab7905e};

Session& ReadSession(const Napi::Value& value) {
  if (value.IsExternal()) {
    const auto external = value.As<Napi::External<SharedSession>>();
    if (external.CheckTypeTag(&kSessionTag)) return **external.Data();
  }
  throw Napi::TypeError::New(value.Env(), "the first argument must come from openStore");
}

// One message of the wire, whole.
std::string ReadMessage(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(value.Env(), "message must be a Uint8Array");
  }
  const auto bytes = value.As<Napi::Uint8Array>();
  const std::size_t size = bytes.ElementLength();
  xsd_sockmsg header{};
  if (size >= sizeof header) std::memcpy(&header, bytes.Data(), sizeof header);
  if (size < sizeof header || header.len != size - sizeof header) {
    throw Napi::RangeError::New(value.Env(), "message must be one whole message");
  }
  return std::string(reinterpret_cast<const char*>(bytes.Data()), size);
}

}  // namespace

Napi::Value OpenStore(const Napi::CallbackInfo& info) {
  const Napi::Function on_event = ReadOptionalFunction(info[0], "onEvent");
  if (on_event.IsEmpty()) throw Napi::TypeError::New(info.Env(), "onEvent must be a function");
  auto session = std::make_unique<SharedSession>(Session::Start(info.Env(), on_event));
  const auto external = Napi::External<SharedSession>::New(
      info.Env(), session.get(), [](Napi::Env, SharedSession* last) { delete last; });
  session.release();
  external.TypeTag(&kSessionTag);
  return external;
}

Napi::Value SendToStore(const Napi::CallbackInfo& info) {
  std::string message = ReadMessage(info[1]);
  ReadSession(info[0]).Send(std::move(message));
  return info.Env().Undefined();
}

Napi::Value KeepAliveForStore(const Napi::CallbackInfo& info) {
  const bool keep = ReadBool(info[1], "keepAlive");
  ReadSession(info[0]).KeepAlive(info.Env(), keep);
  return info.Env().Undefined();
}

Napi::Value CloseStore(const Napi::CallbackInfo& info) {
  ReadSession(info[0]).Close();
  return info.Env().Undefined();
}

}  // namespace xenops
