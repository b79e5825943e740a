#include "worker.h"

#include <pthread.h>

#include <cerrno>
#include <csignal>
#include <new>
#include <system_error>
#include <utility>

#include "throw.h"

namespace xenops {
namespace {

// Signals stay with Node's own threads: a system call of libxc that is interrupted here would fail.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// Hands an error of a listener to JavaScript. An environment that is ending runs no more of it and refuses: then nobody
// is left to tell.
void ThrowUnlessEnding(const Napi::Error& error) {
  try {
    error.ThrowAsJavaScriptException();
  } catch (const Napi::Error&) {
  }
}

void CheckStatus(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

}  // namespace

Napi::Object Operation::Start(Napi::Env env, std::unique_ptr<Operation> operation,
                              Napi::Function on_stage) {
  Napi::Object handles = Napi::Object::New(env);
  operation->deferred_.emplace(env);
  operation->has_listener_ = !on_stage.IsEmpty();
  handles.Set("done", operation->deferred_->Promise());
  handles.Set("abort", Napi::Function::New(env, [flag = operation->abort_](
                                                     const Napi::CallbackInfo&) { *flag = true; },
                                           "abort"));

  Operation* self = operation.get();
  CheckStatus(env, napi_create_threadsafe_function(
                       env, on_stage, nullptr, Napi::String::New(env, "xenops"), 0, 1, self,
                       &Operation::OnFinalize, self, &Operation::OnMessage, &self->messages_));
  operation.release();
  try {
    SignalsBlocked blocked;
    self->thread_ = std::thread(&Operation::RunOnThread, self);
  } catch (const std::system_error&) {
    // The finalizer frees it.
    napi_release_threadsafe_function(self->messages_, napi_tsfn_abort);
    throw;
  }
  return handles;
}

void Operation::Stage(const char* name) {
  stage_ = name;
  if (*abort_) throw Failure("abort", ECANCELED);
  if (!has_listener_) return;
  // Refused only while the environment ends; the finalizer has then raised the flag.
  napi_call_threadsafe_function(messages_, const_cast<char*>(name), napi_tsfn_nonblocking);
}

void Operation::RunOnThread() noexcept {
  try {
    Run();
  } catch (Failure& failure) {
    failure_.emplace(std::move(failure));
    failure_->stage = stage_;
  } catch (const std::bad_alloc&) {
    failure_.emplace("malloc", ENOMEM);
  } catch (const std::exception& error) {
    failure_.emplace(error.what(), EIO);
  }
  if (napi_call_threadsafe_function(messages_, nullptr, napi_tsfn_nonblocking) == napi_ok) {
    napi_release_threadsafe_function(messages_, napi_tsfn_release);
  }
}

void Operation::OnMessage(napi_env raw_env, napi_value on_stage, void* context, void* data) {
  // The environment is ending: nobody is left to tell.
  if (raw_env == nullptr) return;
  const Napi::Env env(raw_env);
  try {
    if (data == nullptr) {
      static_cast<Operation*>(context)->Settle(env);
    } else {
      Napi::Function(env, on_stage).Call({Napi::String::New(env, static_cast<char*>(data))});
    }
  } catch (const Napi::Error& error) {
    ThrowUnlessEnding(error);
  }
}

void Operation::Settle(Napi::Env env) {
  // This message was the thread's last act but one: whoever is told that the work is done finds no thread of it any more.
  thread_.join();
  if (failure_) {
    deferred_->Reject(ErrorFrom(env, *failure_).Value());
  } else {
    deferred_->Resolve(Result(env));
  }
}

void Operation::OnFinalize(napi_env, void* data, void*) {
  const std::unique_ptr<Operation> self(static_cast<Operation*>(data));
  *self->abort_ = true;
  if (self->thread_.joinable()) self->thread_.join();
}

}  // namespace xenops
