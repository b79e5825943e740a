// Building paravirtualised guests.
#pragma once

#include <napi.h>

namespace xenops {

Napi::Value BuildPv(const Napi::CallbackInfo& info);

}  // namespace xenops
