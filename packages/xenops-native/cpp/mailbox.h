// The way from the threads of long calls to the JavaScript of their environment.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <vector>

namespace xenops {

class Operation;

// One for each environment, made with its first long call. It keeps the environment alive while calls are under way, and owns
// them. Node runs its finalizer in every case, also when the environment ends with threads still at work: they are told to
// stop, waited for, and freed. For the JavaScript thread, all but Post.
class Mailbox {
 public:
  // Runs on the JavaScript thread; its Napi::Error is thrown there.
  using Message = std::function<void(Napi::Env env)>;

  static Mailbox& Of(Napi::Env env);
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  Operation& Add(Napi::Env env, std::unique_ptr<Operation> operation);
  // Gives back one that was added.
  std::unique_ptr<Operation> Remove(Napi::Env env, const Operation& operation);

  // Leaves a message, from the thread of an operation. False when the environment is ending and nobody will read it.
  bool Post(std::unique_ptr<Message> message);

 private:
  explicit Mailbox(Napi::Env env);
  static void OnMessage(napi_env env, napi_value unused, void* context, void* data);
  static void OnFinalize(napi_env env, void* data, void* context);

  napi_threadsafe_function messages_ = nullptr;
  std::vector<std::unique_ptr<Operation>> operations_;
};

}  // namespace xenops
