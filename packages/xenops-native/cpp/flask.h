// The security policy of Xen (FLASK); every call fails with ENOSYS where there is none.
#pragma once

#include <napi.h>

namespace xenops {

void RegisterFlask(Napi::Object exports);

}  // namespace xenops
