#include "hardware.h"

#include <cerrno>
#include <cstdint>
#include <limits>
#include <vector>

#include "args.h"
#include "call_operation.h"
#include "find_domain.h"
#include "interface.h"
#include "register.h"

namespace xenops {
namespace {

constexpr std::uint32_t kPortCount = 0x10000;
constexpr std::uint32_t kIntMax = std::numeric_limits<std::int32_t>::max();

struct Ports {
  std::uint32_t first;
  std::uint32_t count;
};

Ports ReadPorts(const Napi::Value& first_value, const Napi::Value& count_value) {
  const std::uint32_t first = ReadU32(first_value, "firstPort", kPortCount - 1);
  const double count = ReadInteger(count_value, "count", 1, kPortCount - first);
  return {first, static_cast<std::uint32_t>(count)};
}

unsigned long ReadFrameCount(const Napi::Value& value) {
  return static_cast<unsigned long>(ReadInteger(value, "count", 1, kSafeIntegerMax));
}

// A guest, or one of Xen's own that keeps devices which nobody may use (xen/include/public/xen.h).
std::uint32_t ReadPciOwner(const Napi::Value& value) {
  const std::uint32_t domid = ReadU32(value, "domid", DOMID_IO);
  return domid == DOMID_IO ? domid : ReadGuestDomid(value);
}

Napi::Value SetIoportPermission(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const Ports ports = ReadPorts(info[2], info[3]);
  const bool allow = ReadBool(info[4], "allow");
  ReadInterface(info[0]).xc->Call("xc_domain_ioport_permission", xc_domain_ioport_permission,
                                  domid, ports.first, ports.count,
                                  static_cast<std::uint32_t>(allow));
  return info.Env().Undefined();
}

Napi::Value SetIoportMapping(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const Ports guest = ReadPorts(info[2], info[4]);
  const Ports machine = ReadPorts(info[3], info[4]);
  const bool add = ReadBool(info[5], "add");
  ReadInterface(info[0]).xc->Call("xc_domain_ioport_mapping", xc_domain_ioport_mapping, domid,
                                  guest.first, machine.first, machine.count,
                                  static_cast<std::uint32_t>(add));
  return info.Env().Undefined();
}

Napi::Value SetIomemPermission(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const auto first = static_cast<unsigned long>(ReadU64(info[2], "firstFrame"));
  const unsigned long count = ReadFrameCount(info[3]);
  const bool allow = ReadBool(info[4], "allow");
  ReadInterface(info[0]).xc->Call("xc_domain_iomem_permission", xc_domain_iomem_permission, domid,
                                  first, count, static_cast<std::uint8_t>(allow));
  return info.Env().Undefined();
}

Napi::Value SetIomemMapping(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  const auto guest_frame = static_cast<unsigned long>(ReadU64(info[2], "guestFrame"));
  const auto machine_frame = static_cast<unsigned long>(ReadU64(info[3], "machineFrame"));
  const unsigned long count = ReadFrameCount(info[4]);
  const bool add = ReadBool(info[5], "add");
  return StartCall(info, [=](XcHandle& xc) {
    // libxc does nothing for a PV domain, and says that all went well.
    const bool is_container = (DomainOrThrow(xc, domid).flags & XEN_DOMINF_hvm_guest) != 0;
    if (!is_container) throw Failure("xc_domain_memory_mapping", EINVAL);
    xc.Call("xc_domain_memory_mapping", xc_domain_memory_mapping, domid, guest_frame,
            machine_frame, count, static_cast<std::uint32_t>(add));
  });
}

Napi::Value MapPirq(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const auto irq = static_cast<int>(ReadU32(info[2], "irq", kIntMax));
  // libxl asks for the same number, too: left to choose, Xen may give another one.
  int pirq = irq;
  ReadInterface(info[0]).xc->Call("xc_physdev_map_pirq", xc_physdev_map_pirq, domid, irq, &pirq);
  return Napi::Number::New(info.Env(), pirq);
}

Napi::Value UnmapPirq(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const auto pirq = static_cast<int>(ReadU32(info[2], "pirq", kIntMax));
  ReadInterface(info[0]).xc->Call("xc_physdev_unmap_pirq", xc_physdev_unmap_pirq, domid, pirq);
  return info.Env().Undefined();
}

Napi::Value SetIrqPermission(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const std::uint32_t pirq = ReadU32(info[2], "pirq");
  const bool allow = ReadBool(info[3], "allow");
  ReadInterface(info[0]).xc->Call("xc_domain_irq_permission", xc_domain_irq_permission, domid,
                                  pirq, allow);
  return info.Env().Undefined();
}

Napi::Value TestAssignPci(const Napi::CallbackInfo& info) {
  const std::uint32_t sbdf = ReadU32(info[1], "sbdf");
  ReadInterface(info[0]).xc->Call("xc_test_assign_device", xc_test_assign_device,
                                  std::uint32_t{DOMID_INVALID}, sbdf);
  return info.Env().Undefined();
}

Napi::Value AssignPci(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadPciOwner(info[1]);
  const std::uint32_t sbdf = ReadU32(info[2], "sbdf");
  const std::uint32_t flags = ReadBool(info[3], "rdmRelaxed") ? XEN_DOMCTL_DEV_RDM_RELAXED : 0;
  return StartCall(info, [=](XcHandle& xc) {
    xc.Call("xc_assign_device", xc_assign_device, domid, sbdf, flags);
  });
}

Napi::Value DeassignPci(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadPciOwner(info[1]);
  const std::uint32_t sbdf = ReadU32(info[2], "sbdf");
  return StartCall(info, [=](XcHandle& xc) {
    xc.Call("xc_deassign_device", xc_deassign_device, domid, sbdf);
  });
}

Napi::Value PciGroup(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const std::uint32_t sbdf = ReadU32(info[2], "sbdf");
  XcHandle& xc = *ReadInterface(info[0]).xc;
  // All functions of all devices of a bus; a group is never larger in practice.
  constexpr std::uint32_t kFirstGuess = 256;
  std::vector<std::uint32_t> devices(kFirstGuess);
  for (;;) {
    std::uint32_t count = 0;
    const auto room = static_cast<std::uint32_t>(devices.size());
    xc.Call("xc_get_device_group", xc_get_device_group, domid, sbdf, room, &count, devices.data());
    if (count < room) {
      devices.resize(count);
      break;
    }
    devices.resize(devices.size() * 2);
  }
  Napi::Uint32Array result = Napi::Uint32Array::New(info.Env(), devices.size());
  std::copy(devices.begin(), devices.end(), result.Data());
  return result;
}

}  // namespace

void RegisterHardware(Napi::Object exports) {
  Register<SetIoportPermission, 5>(exports, "setIoportPermission");
  Register<SetIoportMapping, 6>(exports, "setIoportMapping");
  Register<SetIomemPermission, 5>(exports, "setIomemPermission");
  Register<SetIomemMapping, 6>(exports, "startSetIomemMapping");
  Register<MapPirq, 3>(exports, "mapPirq");
  Register<UnmapPirq, 3>(exports, "unmapPirq");
  Register<SetIrqPermission, 4>(exports, "setIrqPermission");
  Register<TestAssignPci, 2>(exports, "testAssignPci");
  Register<AssignPci, 4>(exports, "startAssignPci");
  Register<DeassignPci, 3>(exports, "startDeassignPci");
  Register<PciGroup, 3>(exports, "pciGroup");
}

}  // namespace xenops
