// What JavaScript holds of a connection to xenstored: messages go in, and come back by a call-back, while a thread waits in
// libxenstore.
//
// The thread and JavaScript own the session together. It cannot be joined: a call of libxenstore cannot be called off, and
// waits for ever on a daemon that hangs. A session that is closed, or whose environment ends, meanwhile is left to its
// thread, which frees it when the call comes back. So the addon must stay loaded to the end of the process (-z nodelete).
#pragma once

#include <napi.h>

namespace xenops {

Napi::Value OpenStore(const Napi::CallbackInfo& info);
Napi::Value SendToStore(const Napi::CallbackInfo& info);
Napi::Value KeepAliveForStore(const Napi::CallbackInfo& info);
Napi::Value CloseStore(const Napi::CallbackInfo& info);

}  // namespace xenops
