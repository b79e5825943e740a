#include "worker.h"

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "signals_blocked.h"
#include "throw.h"

namespace xenops {
namespace {

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
  handles.Set("abort", Napi::Function::New(env, [abort = operation->abort_](
                                                     const Napi::CallbackInfo&) { RequestAbort(*abort, false); },
                                           "abort"));

  Operation* self = operation.get();
  CheckStatus(env, napi_create_threadsafe_function(
                       env, on_stage, nullptr, Napi::String::New(env, "xenops"), 0, 1, self,
                       &Operation::OnFinalize, self, &Operation::OnMessage, &self->messages_));
  operation.release();
  self->abort_->operation = self;
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

void Operation::RequestAbort(Abort& abort, bool is_ending) noexcept {
  abort.flag = true;
  if (abort.operation != nullptr) abort.operation->Interrupt(is_ending);
}

void Operation::Stage(const char* name) {
  stage_ = name;
  if (IsAborted()) throw Failure("abort", ECANCELED);
  if (!has_listener_) return;
  Post([name](Napi::Env env, const Napi::Function& on_stage) {
    on_stage.Call({Napi::String::New(env, name)});
  });
}

void Operation::Progress(std::uint64_t done, std::uint64_t total) {
  if (!has_listener_) return;
  Post([name = stage_, done, total](Napi::Env env, const Napi::Function& on_stage) {
    on_stage.Call({Napi::String::New(env, name), Napi::Number::New(env, static_cast<double>(done)),
                   Napi::Number::New(env, static_cast<double>(total))});
  });
}

bool Operation::Post(Message message) {
  auto owned = std::make_unique<Message>(std::move(message));
  // Refused only while the environment ends; the finalizer has then raised the flag.
  if (napi_call_threadsafe_function(messages_, owned.get(), napi_tsfn_nonblocking) != napi_ok) {
    return false;
  }
  owned.release();
  return true;
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
  const std::unique_ptr<Message> message(static_cast<Message*>(data));
  // The environment is ending: nobody is left to tell.
  if (raw_env == nullptr) return;
  const Napi::Env env(raw_env);
  try {
    if (message == nullptr) {
      static_cast<Operation*>(context)->Settle(env);
    } else {
      (*message)(env, Napi::Function(env, on_stage));
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
  RequestAbort(*self->abort_, true);
  self->abort_->operation = nullptr;
  if (self->thread_.joinable()) self->thread_.join();
}

}  // namespace xenops
