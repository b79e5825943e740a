// Writing a domain to a stream.
#pragma once

#include <napi.h>

namespace xenops {

Napi::Value Save(const Napi::CallbackInfo& info);

}  // namespace xenops
