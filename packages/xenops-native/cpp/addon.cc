// Registration of the exports; src/addon.ts has the same names and argument counts with types.
#include <napi.h>

#include "build_pv.h"
#include "domctl.h"
#include "interface.h"
#include "physinfo.h"
#include "throw.h"

namespace xenops {
namespace {

template <Export function, std::size_t argument_count>
void Register(Napi::Object exports, const char* name) {
  const Napi::Env env = exports.Env();
  Napi::Function exported = Napi::Function::New<&Guarded<function, argument_count>>(env, name);
  const auto length = Napi::Number::New(env, static_cast<double>(argument_count));
  exported.DefineProperty(Napi::PropertyDescriptor::Value("length", length));
  exports.Set(name, exported);
}

Napi::Object Init(Napi::Env, Napi::Object exports) {
  Register<OpenInterface, 0>(exports, "openInterface");
  Register<CloseInterface, 1>(exports, "closeInterface");

  Register<Version, 1>(exports, "version");
  Register<PhysInfo, 1>(exports, "physInfo");
  Register<PcpuIdleNs, 1>(exports, "pcpuIdleNs");
  Register<ConsoleRing, 1>(exports, "consoleRing");

  Register<ListDomains, 1>(exports, "listDomains");
  Register<FindDomain, 2>(exports, "findDomain");
  Register<SetHandle, 3>(exports, "setHandle");
  Register<SetMaxMemory, 3>(exports, "setMaxMemory");
  Register<AllocUnboundEvtchn, 3>(exports, "allocUnboundEvtchn");
  Register<PauseDomain, 2>(exports, "pauseDomain");
  Register<UnpauseDomain, 2>(exports, "unpauseDomain");
  Register<ShutdownDomain, 3>(exports, "shutdownDomain");

  Register<CreateDomain, 2>(exports, "startCreateDomain");
  Register<DestroyDomain, 2>(exports, "startDestroyDomain");
  Register<BuildPv, 4>(exports, "startBuildPv");
  return exports;
}

}  // namespace
}  // namespace xenops

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  return xenops::Init(env, exports);
}

NODE_API_MODULE(xenops, InitAddon)
