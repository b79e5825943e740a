// Filling a domain from a stream.
#pragma once

#include <napi.h>

namespace xenops {

Napi::Value Restore(const Napi::CallbackInfo& info);

}  // namespace xenops
