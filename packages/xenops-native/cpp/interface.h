// What JavaScript holds of an open connection: an opaque value that nothing else can be mistaken for.
#pragma once

#include <napi.h>

#include <memory>

#include "handle.h"
#include "handle_pool.h"

namespace xenops {

// State of one connection as JavaScript sees it. There is no other state in the addon, so that any number of
// environments can load it.
struct Interface {
  // Empty once closed.
  std::unique_ptr<XcHandle> xc;
  // For the threads of what is started on this connection. Empty once closed.
  std::shared_ptr<HandlePool> pool = std::make_shared<HandlePool>();
};

// The connection an argument stands for. TypeError when it is none, Failure with EBADF when it is closed. To be read after
// all other arguments: reading an object can run JavaScript, and that could close it.
Interface& ReadInterface(const Napi::Value& value);

Napi::Value OpenInterface(const Napi::CallbackInfo& info);
Napi::Value CloseInterface(const Napi::CallbackInfo& info);

}  // namespace xenops
