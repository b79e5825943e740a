// What the host is and has: exports that read and change nothing.
#pragma once

#include <napi.h>

namespace xenops {

Napi::Value Version(const Napi::CallbackInfo& info);
Napi::Value PhysInfo(const Napi::CallbackInfo& info);
Napi::Value PcpuIdleNs(const Napi::CallbackInfo& info);
Napi::Value ConsoleRing(const Napi::CallbackInfo& info);

}  // namespace xenops
