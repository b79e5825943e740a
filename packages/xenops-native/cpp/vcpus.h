// Vcpus: what they do, where they may run, what cpu they see.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterVcpus(Napi::Object exports);

}  // namespace xenops
