// What JavaScript holds of an open connection: an opaque value that nothing else can be mistaken for.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "handle.h"

namespace xenops {

// State of one connection as JavaScript sees it. There is no other state in the addon, so that any number of
// environments can load it.
struct Interface {
  // Empty once closed.
  std::unique_ptr<XcHandle> xc;
  // Room for a list of domains, kept from one to the next: to allocate it costs more than to fill it.
  std::vector<xc_domaininfo_t> domains;
};

// The connection an argument stands for. TypeError when it is none, Failure with EBADF when it is closed. To be read after
// all other arguments: reading an object can run JavaScript, and that could close it.
Interface& ReadInterface(const Napi::Value& value);

Napi::Value OpenInterface(const Napi::CallbackInfo& info);
Napi::Value CloseInterface(const Napi::CallbackInfo& info);

}  // namespace xenops
