// What connects disks and networks of guests to this host: loop devices and bridge ports.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterHotplug(Napi::Object exports);

}  // namespace xenops
