// Building guests of every type with libxenguest.
#pragma once

#include <napi.h>

namespace xenops {

Napi::Value Build(const Napi::CallbackInfo& info);

}  // namespace xenops
