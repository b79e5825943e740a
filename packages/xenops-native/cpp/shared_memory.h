// Pages of other domains in our memory, by grant and by frame.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterSharedMemory(Napi::Object exports);

}  // namespace xenops
