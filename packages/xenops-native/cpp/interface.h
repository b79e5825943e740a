// What JavaScript holds of an open connection: an opaque value that nothing else can be mistaken for.
#pragma once

#include <napi.h>

#include <memory>

#include "handle.h"
#include "handle_pool.h"

namespace xenops {

struct InterfaceList;

// State of one connection as JavaScript sees it.
struct Interface {
  // Enters it in the list, which it leaves when it goes.
  explicit Interface(std::shared_ptr<InterfaceList> list);
  ~Interface();
  Interface(const Interface&) = delete;
  Interface& operator=(const Interface&) = delete;

  // Empty once closed.
  std::unique_ptr<XcHandle> xc;
  // For the threads of what is started on this connection. Empty once closed.
  std::shared_ptr<HandlePool> pool = std::make_shared<HandlePool>();

 private:
  // Shared: the environment may let go of it first.
  const std::shared_ptr<InterfaceList> list_;
};

// To be called once in each environment, before all else.
void PrepareEnvironment(Napi::Env env);

// The connection an argument stands for. TypeError when it is none, Failure with EBADF when it is closed. To be read after
// all other arguments: reading an object can run JavaScript, and that could close it.
Interface& ReadInterface(const Napi::Value& value);

Napi::Value OpenInterface(const Napi::CallbackInfo& info);
Napi::Value CloseInterface(const Napi::CallbackInfo& info);

}  // namespace xenops
