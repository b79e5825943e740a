#include "worker.h"

#include <cerrno>
#include <new>
#include <utility>

#include "threads.h"
#include "throw.h"

namespace xenops {

Napi::Object Operation::Start(Napi::Env env, std::unique_ptr<Operation> operation,
                              Napi::Function on_stage) {
  Napi::Object handles = Napi::Object::New(env);
  operation->deferred_.emplace(env);
  if (!on_stage.IsEmpty()) operation->on_stage_ = Napi::Persistent(on_stage);
  handles.Set("done", operation->deferred_->Promise());
  handles.Set("abort", Napi::Function::New(env, [abort = operation->abort_](
                                                     const Napi::CallbackInfo&) { RequestAbort(*abort, false); },
                                           "abort"));

  Mailbox& mailbox = Mailbox::Of(env);
  Operation& self = mailbox.Add(env, std::move(operation));
  try {
    self.mailbox_ = &mailbox;
    self.settle_ = std::make_unique<Mailbox::Message>([&self](Napi::Env ours) { Settle(ours, self); });
    self.done_ = RunOnThread([&self] { self.RunOnItsThread(); });
  } catch (...) {
    mailbox.Remove(env, self);
    throw;
  }
  self.abort_->operation = &self;
  return handles;
}

void Operation::RequestAbort(Abort& abort, bool is_ending) noexcept {
  abort.flag = true;
  if (abort.operation != nullptr) abort.operation->Interrupt(is_ending);
}

void Operation::Stage(const char* name) {
  stage_ = name;
  if (IsAborted()) throw Failure("abort", ECANCELED);
  if (on_stage_.IsEmpty()) return;
  Post([name](Napi::Env env, const Napi::Function& on_stage) {
    on_stage.Call({Napi::String::New(env, name)});
  });
}

void Operation::Progress(std::uint64_t done, std::uint64_t total) {
  if (on_stage_.IsEmpty()) return;
  Post([name = stage_, done, total](Napi::Env env, const Napi::Function& on_stage) {
    on_stage.Call({Napi::String::New(env, name), Napi::Number::New(env, static_cast<double>(done)),
                   Napi::Number::New(env, static_cast<double>(total))});
  });
}

bool Operation::Post(Message message) {
  // Read before the last message is, after which this is no more.
  return mailbox_->Post(std::make_unique<Mailbox::Message>([this, message = std::move(message)](Napi::Env env) {
    message(env, on_stage_.IsEmpty() ? Napi::Function() : on_stage_.Value());
  }));
}

void Operation::RunOnItsThread() noexcept {
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
  mailbox_->Post(std::move(settle_));
}

void Operation::Settle(Napi::Env env, Operation& operation) {
  // Its message was its last act: whoever is told that the work is done finds nothing of it under way.
  operation.Wait();
  const std::unique_ptr<Operation> ended = operation.mailbox_->Remove(env, operation);
  if (ended->failure_) {
    ended->deferred_->Reject(ErrorFrom(env, *ended->failure_).Value());
  } else {
    ended->deferred_->Resolve(ended->Result(env));
  }
}

}  // namespace xenops
