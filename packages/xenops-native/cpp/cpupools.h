// Schedulers, what share of them domains have, and the pools of cpus that they run.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterCpupools(Napi::Object exports);

}  // namespace xenops
