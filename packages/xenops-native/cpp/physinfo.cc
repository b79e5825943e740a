#include "physinfo.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "interface.h"

namespace xenops {
namespace {

// Xen fills fixed arrays; whether the last byte is NUL is not ours to trust.
template <std::size_t size>
std::string Text(const char (&bytes)[size]) {
  return std::string(bytes, strnlen(bytes, size));
}

}  // namespace

Napi::Value Version(const Napi::CallbackInfo& info) {
  XcHandle& xc = *ReadInterface(info[0]).xc;
  xen_extraversion_t extra{};
  xen_compile_info_t compile{};
  xen_capabilities_info_t capabilities{};
  xen_changeset_info_t changeset{};
  xen_commandline_t command_line{};
  const auto ask = [&xc](int what, void* answer) {
    return xc.Call("xc_version", xc_version, what, answer);
  };
  const int version = ask(XENVER_version, nullptr);
  const int page_size = ask(XENVER_pagesize, nullptr);
  ask(XENVER_extraversion, &extra);
  ask(XENVER_compile_info, &compile);
  ask(XENVER_capabilities, &capabilities);
  ask(XENVER_changeset, &changeset);
  ask(XENVER_commandline, &command_line);

  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("major", version >> 16);
  result.Set("minor", version & 0xffff);
  result.Set("extra", Text(extra));
  result.Set("changeset", Text(changeset));
  result.Set("compileDate", Text(compile.compile_date));
  result.Set("compiler", Text(compile.compiler));
  result.Set("capabilities", Text(capabilities));
  result.Set("commandLine", Text(command_line));
  result.Set("pageSizeBytes", page_size);
  return result;
}

Napi::Value PhysInfo(const Napi::CallbackInfo& info) {
  XcHandle& xc = *ReadInterface(info[0]).xc;
  xc_physinfo_t host{};
  xc.Call("xc_physinfo", xc_physinfo, &host);

  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("cpuCount", host.nr_cpus);
  result.Set("threadsPerCore", host.threads_per_core);
  result.Set("coresPerSocket", host.cores_per_socket);
  result.Set("nodeCount", host.nr_nodes);
  result.Set("maxCpuId", host.max_cpu_id);
  result.Set("maxNodeId", host.max_node_id);
  result.Set("cpuKhz", host.cpu_khz);
  result.Set("capabilities", host.capabilities);
  result.Set("totalPages", static_cast<double>(host.total_pages));
  result.Set("freePages", static_cast<double>(host.free_pages));
  result.Set("scrubPages", static_cast<double>(host.scrub_pages));
  result.Set("outstandingPages", static_cast<double>(host.outstanding_pages));
  return result;
}

Napi::Value PcpuIdleNs(const Napi::CallbackInfo& info) {
  XcHandle& xc = *ReadInterface(info[0]).xc;
  xc_physinfo_t host{};
  xc.Call("xc_physinfo", xc_physinfo, &host);
  std::vector<xc_cpuinfo_t> cpus(host.max_cpu_id + 1);
  int count = 0;
  xc.Call("xc_getcpuinfo", xc_getcpuinfo, static_cast<int>(cpus.size()), cpus.data(), &count);

  const auto length = std::min(static_cast<std::size_t>(count), cpus.size());
  Napi::BigUint64Array result = Napi::BigUint64Array::New(info.Env(), length);
  std::transform(cpus.begin(), cpus.begin() + static_cast<std::ptrdiff_t>(length), result.Data(),
                 [](const xc_cpuinfo_t& cpu) { return cpu.idletime; });
  return result;
}

Napi::Value ConsoleRing(const Napi::CallbackInfo& info) {
  XcHandle& xc = *ReadInterface(info[0]).xc;
  constexpr std::size_t kFirstGuessBytes = 32 * 1024;
  std::vector<char> text(kFirstGuessBytes);
  for (;;) {
    auto length = static_cast<unsigned>(text.size());
    std::uint32_t index = 0;
    xc.Call("xc_readconsolering", xc_readconsolering, text.data(), &length, 0, 0, &index);
    if (length < text.size()) {
      return Napi::Buffer<char>::Copy(info.Env(), text.data(), length);
    }
    // The ring has a fixed size, set when Xen boots: this ends.
    text.resize(text.size() * 2);
  }
}

}  // namespace xenops
