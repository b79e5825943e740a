// Verbs that change how an existing domain runs, and its memory beyond the limit.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterDomainControl(Napi::Object exports);

}  // namespace xenops
