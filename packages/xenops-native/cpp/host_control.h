// The host as a whole: topology, console, watchdog.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterHostControl(Napi::Object exports);

}  // namespace xenops
