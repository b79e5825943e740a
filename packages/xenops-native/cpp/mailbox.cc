#include "mailbox.h"

#include <algorithm>
#include <utility>

#include "environment.h"
#include "throw.h"
#include "worker.h"

namespace xenops {
namespace {

void CheckStatus(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

}  // namespace

Mailbox& Mailbox::Of(Napi::Env env) {
  Mailbox*& mailbox = Environment::Of(env).mailbox;
  if (mailbox == nullptr) mailbox = std::unique_ptr<Mailbox>(new Mailbox(env)).release();
  return *mailbox;
}

Mailbox::Mailbox(Napi::Env env) {
  CheckStatus(env, napi_create_threadsafe_function(
                       env, nullptr, nullptr, Napi::String::New(env, "xenops"), 0, 1, this,
                       &Mailbox::OnFinalize, this, &Mailbox::OnMessage, &messages_));
}

Operation& Mailbox::Add(Napi::Env env, std::unique_ptr<Operation> operation) {
  operations_.push_back(std::move(operation));
  if (operations_.size() == 1) CheckStatus(env, napi_ref_threadsafe_function(env, messages_));
  return *operations_.back();
}

std::unique_ptr<Operation> Mailbox::Remove(Napi::Env env, const Operation& operation) {
  const auto found = std::find_if(operations_.begin(), operations_.end(),
                                  [&](const auto& each) { return each.get() == &operation; });
  std::unique_ptr<Operation> removed = std::move(*found);
  operations_.erase(found);
  if (operations_.empty()) CheckStatus(env, napi_unref_threadsafe_function(env, messages_));
  return removed;
}

bool Mailbox::Post(std::unique_ptr<Message> message) {
  // Refused only while the environment ends; the finalizer has then told everybody to stop.
  if (napi_call_threadsafe_function(messages_, message.get(), napi_tsfn_nonblocking) != napi_ok) {
    return false;
  }
  message.release();
  return true;
}

void Mailbox::OnMessage(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Message> message(static_cast<Message*>(data));
  // The environment is ending: nobody is left to tell.
  if (env == nullptr) return;
  try {
    (*message)(Napi::Env(env));
  } catch (const Napi::Error& error) {
    ThrowUnlessEnding(error);
  }
}

void Mailbox::OnFinalize(napi_env, void* data, void*) {
  const std::unique_ptr<Mailbox> self(static_cast<Mailbox*>(data));
  for (const auto& operation : self->operations_) operation->Stop();
  for (const auto& operation : self->operations_) operation->Wait();
  // Node keeps it for those who may still use it; refused when a message has been, which counts for the same.
  napi_release_threadsafe_function(self->messages_, napi_tsfn_release);
}

}  // namespace xenops
