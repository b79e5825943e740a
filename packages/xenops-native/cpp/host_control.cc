#include "host_control.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "args.h"
#include "call_operation.h"
#include "interface.h"
#include "register.h"

namespace xenops {
namespace {

Napi::Value CpuTopology(const Napi::CallbackInfo& info) {
  XcHandle& xc = *ReadInterface(info[0]).xc;
  auto count = static_cast<unsigned>(xc.Call("xc_get_max_cpus", xc_get_max_cpus));
  std::vector<xc_cputopo_t> cpus(count);
  xc.Call("xc_cputopoinfo", xc_cputopoinfo, &count, cpus.data());
  count = std::min(count, static_cast<unsigned>(cpus.size()));

  Napi::Array result = Napi::Array::New(info.Env());
  std::uint32_t length = 0;
  for (unsigned cpu = 0; cpu < count; ++cpu) {
    const xc_cputopo_t& place = cpus[cpu];
    if (place.core == XEN_INVALID_CORE_ID || place.socket == XEN_INVALID_SOCKET_ID) continue;
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("cpu", cpu);
    entry.Set("core", place.core);
    entry.Set("socket", place.socket);
    // A host without NUMA is one node.
    entry.Set("node", place.node == XEN_INVALID_NODE_ID ? 0 : place.node);
    result.Set(length++, entry);
  }
  return result;
}

Napi::Value NumaNodes(const Napi::CallbackInfo& info) {
  XcHandle& xc = *ReadInterface(info[0]).xc;
  auto count = static_cast<unsigned>(xc.Call("xc_get_max_nodes", xc_get_max_nodes));
  const std::size_t room = count;
  std::vector<xc_meminfo_t> memory(room);
  std::vector<std::uint32_t> distances(room * room);
  xc.Call("xc_numainfo", xc_numainfo, &count, memory.data(), distances.data());
  // Xen tells how many nodes there are, and lays the distances out by that number.
  const std::size_t nodes = std::min<std::size_t>(count, room);

  Napi::Array result = Napi::Array::New(info.Env());
  std::uint32_t length = 0;
  for (std::size_t node = 0; node < nodes; ++node) {
    if (memory[node].memsize == XEN_INVALID_MEM_SZ) continue;
    Napi::Array row = Napi::Array::New(info.Env(), nodes);
    for (std::size_t to = 0; to < nodes; ++to) {
      row.Set(static_cast<std::uint32_t>(to), distances[node * nodes + to]);
    }
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("node", static_cast<double>(node));
    entry.Set("totalBytes", static_cast<double>(memory[node].memsize));
    entry.Set("freeBytes", static_cast<double>(memory[node].memfree));
    entry.Set("distances", row);
    result.Set(length++, entry);
  }
  return result;
}

Napi::Value ClearConsoleRing(const Napi::CallbackInfo& info) {
  XcHandle& xc = *ReadInterface(info[0]).xc;
  constexpr std::size_t kPieceBytes = 32 * 1024;
  // A host whose console never falls silent is read no further than this.
  constexpr std::size_t kBytesMax = 16 * 1024 * 1024;
  std::vector<char> piece(kPieceBytes);
  std::string text;
  auto length = static_cast<unsigned>(piece.size());
  // Xen clears what it has handed over, and keeps the rest.
  while (length == piece.size() && text.size() < kBytesMax) {
    std::uint32_t index = 0;
    xc.Call("xc_readconsolering", xc_readconsolering, piece.data(), &length, 1, 0, &index);
    text.append(piece.data(), std::min<std::size_t>(length, piece.size()));
  }
  return Napi::Buffer<char>::Copy(info.Env(), text.data(), text.size());
}

Napi::Value SendDebugKeys(const Napi::CallbackInfo& info) {
  std::string keys = ReadString(info[1], "keys");
  // Some keys write pages of text to a serial line before Xen comes back.
  return StartCall(info, [keys = std::move(keys)](XcHandle& xc) {
    xc.Call("xc_send_debug_keys", xc_send_debug_keys, keys.c_str());
  });
}

Napi::Value Watchdog(const Napi::CallbackInfo& info) {
  const std::uint32_t id = ReadU32(info[1], "id");
  const std::uint32_t timeout_seconds = ReadU32(info[2], "timeoutSeconds");
  const int answer = ReadInterface(info[0]).xc->Call("xc_watchdog", xc_watchdog, id, timeout_seconds);
  return Napi::Number::New(info.Env(), answer);
}

}  // namespace

void RegisterHostControl(Napi::Object exports) {
  Register<CpuTopology, 1>(exports, "cpuTopology");
  Register<NumaNodes, 1>(exports, "numaNodes");
  Register<ClearConsoleRing, 1>(exports, "clearConsoleRing");
  Register<SendDebugKeys, 2>(exports, "startSendDebugKeys");
  Register<Watchdog, 3>(exports, "watchdog");
}

}  // namespace xenops
