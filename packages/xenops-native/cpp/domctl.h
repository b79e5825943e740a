// Domains as the hypervisor sees them: list, create, change, destroy.
#pragma once

#include <napi.h>

namespace xenops {

Napi::Value DomainLayout(const Napi::CallbackInfo& info);
Napi::Value ListDomains(const Napi::CallbackInfo& info);
Napi::Value FindDomain(const Napi::CallbackInfo& info);
Napi::Value CreateDomain(const Napi::CallbackInfo& info);
Napi::Value StartCreateDomain(const Napi::CallbackInfo& info);
Napi::Value DestroyDomain(const Napi::CallbackInfo& info);
Napi::Value SetHandle(const Napi::CallbackInfo& info);
Napi::Value SetMaxMemory(const Napi::CallbackInfo& info);
Napi::Value AllocUnboundEvtchn(const Napi::CallbackInfo& info);
Napi::Value PauseDomain(const Napi::CallbackInfo& info);
Napi::Value UnpauseDomain(const Napi::CallbackInfo& info);
Napi::Value ShutdownDomain(const Napi::CallbackInfo& info);

}  // namespace xenops
