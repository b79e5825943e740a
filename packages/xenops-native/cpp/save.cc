#include "save.h"

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "args.h"
#include "interface.h"
#include "save_question.h"
#include "stream_operation.h"

namespace xenops {
namespace {

struct SaveSpec {
  std::uint32_t domid;
  int fd;
  bool live;
  // Whether JavaScript decides after each round; the library does otherwise.
  bool asks_each_round;
};

// The library calls back on the thread that saves. Each question goes to JavaScript as { kind, ... } and a function to
// answer with (docs of `startSave` in src/addon.ts).
class SaveOperation : public StreamOperation {
 public:
  SaveOperation(std::shared_ptr<HandlePool> pool, const SaveSpec& spec,
                const Napi::Function& on_question)
      : StreamOperation(std::move(pool), spec.fd),
        spec_(spec),
        on_question_(Napi::Persistent(on_question)) {}

 private:
  using Fields = std::function<void(Napi::Object question)>;

  // What an unanswered question is answered with. The library takes it for a failure in each of its callbacks.
  static constexpr int kNotSuspended = 0;
  static constexpr int kNotSwitched = -1;

  void Run(XcHandle& xc) override {
    save_callbacks callbacks{};
    callbacks.suspend = &SaveOperation::OnSuspend;
    callbacks.switch_qemu_logdirty = &SaveOperation::OnSwitchDirtyTracking;
    if (spec_.asks_each_round) callbacks.precopy_policy = &SaveOperation::OnRound;
    callbacks.data = this;
    Stage(spec_.live ? "copy" : "suspend");
    const std::uint32_t flags = spec_.live ? XCFLAGS_LIVE : 0;
    Transfer(xc, [&] {
      xc.Call("xc_domain_save", xc_domain_save, stream_fd(), spec_.domid, flags, &callbacks,
              XC_STREAM_PLAIN, -1);
    });
  }

  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

  void Interrupt(bool is_ending) noexcept override {
    StreamOperation::Interrupt(is_ending);
    const std::lock_guard<std::mutex> guard(mutex_);
    if (waiting_ && (is_ending || is_abortable_)) waiting_->Answer(refusal_);
  }

  static int OnSuspend(void* data) {
    auto* const self = static_cast<SaveOperation*>(data);
    return self->Guard(kNotSuspended, [&] {
      self->Stage("suspend");
      const int answer = self->Ask("suspend", kNotSuspended, [](Napi::Object) {});
      if (answer != kNotSuspended) self->Stage("memory");
      return answer;
    });
  }

  static int OnSwitchDirtyTracking(std::uint32_t, unsigned enable, void* data) {
    auto* const self = static_cast<SaveOperation*>(data);
    return self->Guard(kNotSwitched, [&] {
      const auto add_fields = [enable](Napi::Object question) {
        question.Set("enabled", enable != 0);
      };
      // Switching it off is part of putting the guest back as it was, after an abort too.
      return self->Ask("dirty-tracking", kNotSwitched, add_fields, enable == 0);
    });
  }

  static int OnRound(precopy_stats stats, void* data) {
    auto* const self = static_cast<SaveOperation*>(data);
    return self->Guard(XGS_POLICY_ABORT, [&] {
      return self->Ask("round", XGS_POLICY_ABORT, [stats](Napi::Object question) {
        question.Set("iteration", stats.iteration);
        question.Set("totalPages", static_cast<double>(stats.total_written));
        question.Set("dirtyPages", static_cast<double>(stats.dirty_count));
      });
    });
  }

  // The library is C: nothing is thrown through it.
  template <typename Call>
  static int Guard(int refusal, Call call) noexcept {
    try {
      return call();
    } catch (...) {
      return refusal;
    }
  }

  int Ask(const char* kind, int refusal, Fields add_fields, bool also_when_aborted = false) {
    const auto question = std::make_shared<SaveQuestion>();
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      is_abortable_ = !also_when_aborted;
      if (is_abortable_ && IsAborted()) return refusal;
      waiting_ = question;
      refusal_ = refusal;
    }
    const bool is_posted = Post([this, kind, refusal, question, add_fields](
                                    Napi::Env env, const Napi::Function&) {
      Napi::Object asked = Napi::Object::New(env);
      asked.Set("kind", kind);
      add_fields(asked);
      try {
        on_question_.Call({asked, SaveQuestion::MakeReply(env, question)});
      } catch (const Napi::Error&) {
        question->Answer(refusal);
        throw;
      }
    });
    const int answer = is_posted ? question->Wait() : refusal;
    const std::lock_guard<std::mutex> guard(mutex_);
    waiting_.reset();
    return answer;
  }

  const SaveSpec spec_;
  Napi::FunctionReference on_question_;
  std::mutex mutex_;
  // The question that waits, how it is answered in place of JavaScript, and whether an abort does so.
  std::shared_ptr<SaveQuestion> waiting_;
  int refusal_ = 0;
  bool is_abortable_ = true;
};

}  // namespace

Napi::Value Save(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const Napi::Object spec = ReadObject(info[2], "spec");
  const SaveSpec read{domid, ReadI32(spec.Get("fd"), "fd", 0), ReadBool(spec.Get("live"), "live"),
                      ReadBool(spec.Get("asksEachRound"), "asksEachRound")};
  const Napi::Function on_question = ReadOptionalFunction(info[3], "onQuestion");
  const Napi::Function on_stage = ReadOptionalFunction(info[4], "onStage");
  if (on_question.IsEmpty()) {
    throw Napi::TypeError::New(info.Env(), "onQuestion must be a function");
  }
  const std::shared_ptr<HandlePool> pool = ReadInterface(info[0]).pool;
  return Operation::Start(info.Env(), std::make_unique<SaveOperation>(pool, read, on_question),
                          on_stage);
}

}  // namespace xenops
