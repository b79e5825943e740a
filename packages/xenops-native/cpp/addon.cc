// Registration of the exports; src/addon.ts has the same names and argument counts with types.
#include <napi.h>

#include "build.h"
#include "cpupools.h"
#include "domain_control.h"
#include "domctl.h"
#include "dump_core.h"
#include "event_channels.h"
#include "flask.h"
#include "hardware.h"
#include "host_control.h"
#include "hotplug.h"
#include "interface.h"
#include "physinfo.h"
#include "register.h"
#include "restore.h"
#include "save.h"
#include "shared_memory.h"
#include "vcpus.h"
#include "xenstore_session.h"

namespace xenops {
namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  PrepareEnvironment(env);
  Register<OpenInterface, 0>(exports, "openInterface");
  Register<CloseInterface, 1>(exports, "closeInterface");

  Register<Version, 1>(exports, "version");
  Register<PhysInfo, 1>(exports, "physInfo");
  Register<PcpuIdleNs, 1>(exports, "pcpuIdleNs");
  Register<ConsoleRing, 1>(exports, "consoleRing");

  Register<DomainLayout, 0>(exports, "domainLayout");
  Register<ListDomains, 2>(exports, "listDomains");
  Register<FindDomain, 3>(exports, "findDomain");
  Register<SetHandle, 3>(exports, "setHandle");
  Register<SetMaxMemory, 3>(exports, "setMaxMemory");
  Register<AllocUnboundEvtchn, 3>(exports, "allocUnboundEvtchn");
  Register<PauseDomain, 2>(exports, "pauseDomain");
  Register<UnpauseDomain, 2>(exports, "unpauseDomain");
  Register<ShutdownDomain, 3>(exports, "shutdownDomain");

  Register<CreateDomain, 2>(exports, "createDomain");
  Register<StartCreateDomain, 2>(exports, "startCreateDomain");
  Register<DestroyDomain, 2>(exports, "startDestroyDomain");
  Register<Build, 4>(exports, "startBuild");
  Register<Save, 5>(exports, "startSave");
  Register<Restore, 4>(exports, "startRestore");

  RegisterDomainControl(exports);
  RegisterDumpCore(exports);
  RegisterVcpus(exports);
  RegisterHardware(exports);
  RegisterHostControl(exports);
  RegisterHotplug(exports);
  RegisterCpupools(exports);
  RegisterFlask(exports);
  RegisterEventChannels(exports);
  RegisterSharedMemory(exports);

  Register<OpenStore, 1>(exports, "openStore");
  Register<SendToStore, 2>(exports, "sendToStore");
  Register<KeepAliveForStore, 2>(exports, "keepAliveForStore");
  Register<CloseStore, 1>(exports, "closeStore");
  return exports;
}

}  // namespace
}  // namespace xenops

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  return xenops::Init(env, exports);
}

NODE_API_MODULE(xenops, InitAddon)
