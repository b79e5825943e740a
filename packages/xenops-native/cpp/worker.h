// Long calls. Each runs on a thread of its own: libxenguest blocks for seconds, and on libuv's pool four builds would
// hold up every file access of the process.
//
// The life of an operation hangs on its thread-safe function, whose finalizer Node runs in every case, also when the
// environment ends with the thread still at work: it raises the abort flag, waits for the step under way, and frees.
// The thread touches no JavaScript value; it sends messages, of which the last settles the promise.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "failure.h"

namespace xenops {

class Operation {
 public:
  virtual ~Operation() = default;

  // Starts the operation and gives JavaScript { done: Promise, abort(): void }. `on_stage` is called with the name of
  // each stage as it begins; it may be empty.
  static Napi::Object Start(Napi::Env env, std::unique_ptr<Operation> operation,
                            Napi::Function on_stage);

 protected:
  // The work, on its own thread. Throws Failure.
  virtual void Run() = 0;
  // What the promise resolves with, on the JavaScript thread.
  virtual Napi::Value Result(Napi::Env env) = 0;

  // Begins a stage: tells JavaScript, and throws ECANCELED when abort has been asked for. `name` is a literal.
  void Stage(const char* name);

 private:
  void RunOnThread() noexcept;
  void Settle(Napi::Env env);
  static void OnMessage(napi_env env, napi_value on_stage, void* context, void* data);
  static void OnFinalize(napi_env env, void* data, void* context);

  std::shared_ptr<std::atomic<bool>> abort_ = std::make_shared<std::atomic<bool>>(false);
  std::thread thread_;
  napi_threadsafe_function messages_ = nullptr;
  bool has_listener_ = false;
  const char* stage_ = "";
  std::optional<Failure> failure_;
  std::optional<Napi::Promise::Deferred> deferred_;
};

}  // namespace xenops
