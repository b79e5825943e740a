// The memory and registers of a domain in a file.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterDumpCore(Napi::Object exports);

}  // namespace xenops
