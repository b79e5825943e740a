// Event channels of the calling domain.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterEventChannels(Napi::Object exports);

}  // namespace xenops
