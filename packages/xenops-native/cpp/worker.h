// Long calls, each on a thread (threads.h). The thread touches no JavaScript value; it leaves messages in the mailbox of its
// environment, of which the last settles the promise.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>

#include "failure.h"
#include "mailbox.h"

namespace xenops {

class Operation {
 public:
  virtual ~Operation() { abort_->operation = nullptr; }

  // Starts the operation and gives JavaScript { done: Promise, abort(): void }. `on_stage` is called with the name of
  // each stage as it begins, and with how far it is where that is known; it may be empty.
  static Napi::Object Start(Napi::Env env, std::unique_ptr<Operation> operation,
                            Napi::Function on_stage);

  // Has the work end early, because the environment does. On the JavaScript thread, as all of what follows.
  void Stop() noexcept { RequestAbort(*abort_, true); }
  // Until the work has ended.
  void Wait() const { done_.wait(); }

 protected:
  // The work, on its own thread. Throws Failure.
  virtual void Run() = 0;
  // What the promise resolves with, on the JavaScript thread.
  virtual Napi::Value Result(Napi::Env env) = 0;

  // Wakes the work from a wait of its own. Called on the JavaScript thread, once abort has been asked for, and again when the
  // environment is ending, and with it everything that JavaScript might still have answered.
  virtual void Interrupt(bool /*is_ending*/) noexcept {}

  // Begins a stage: tells JavaScript, and throws ECANCELED when abort has been asked for. `name` is a literal.
  void Stage(const char* name);
  // Tells JavaScript how far the stage is.
  void Progress(std::uint64_t done, std::uint64_t total);
  bool IsAborted() const { return abort_->flag; }

  // Runs on the JavaScript thread; its Napi::Error is thrown there.
  using Message = std::function<void(Napi::Env env, const Napi::Function& on_stage)>;
  // Leaves a message for the JavaScript thread. False when the environment is ending and nobody will read it.
  bool Post(Message message);

 private:
  // Outlives the operation in the hands of JavaScript.
  struct Abort {
    std::atomic<bool> flag = false;
    // Null once the operation is gone. Used on the JavaScript thread only.
    Operation* operation = nullptr;
  };

  static void RequestAbort(Abort& abort, bool is_ending) noexcept;
  void RunOnItsThread() noexcept;
  static void Settle(Napi::Env env, Operation& operation);

  std::shared_ptr<Abort> abort_ = std::make_shared<Abort>();
  Mailbox* mailbox_ = nullptr;
  std::future<void> done_;
  // Empty when nobody listens.
  Napi::FunctionReference on_stage_;
  // The last message, made before there is something to tell: the memory may be used up then.
  std::unique_ptr<Mailbox::Message> settle_;
  const char* stage_ = "";
  std::optional<Failure> failure_;
  std::optional<Napi::Promise::Deferred> deferred_;
};

}  // namespace xenops
