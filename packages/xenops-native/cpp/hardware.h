// Giving a domain hardware: ports, memory, interrupts, PCI devices.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterHardware(Napi::Object exports);

}  // namespace xenops
