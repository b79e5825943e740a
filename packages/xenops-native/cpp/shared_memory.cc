#include "shared_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "args.h"
#include "external.h"
#include "library_handle.h"
#include "register.h"

namespace xenops {
namespace {

// What is mapped in one call on the JavaScript thread, well below a millisecond; no ring has so many pages.
constexpr std::uint32_t kPageCountMax = 1024;
constexpr std::size_t kPageBytes = 4096;

struct Grants {
  static constexpr napi_type_tag kTag = {0x2b1f0c7d94e35a68, 0x8d30a5c4e7f1962b};
  static constexpr const char* kOpenedBy = "openGrants";
  std::shared_ptr<GrantHandle> handle;
};

struct Foreign {
  static constexpr napi_type_tag kTag = {0xc05e82f1736ad94b, 0x17b9e4260fd5a38c};
  static constexpr const char* kOpenedBy = "openForeignMemory";
  std::shared_ptr<ForeignHandle> handle;
};

// Mapped pages. They are shared by the external value that can release them and by the ArrayBuffer over them, and stay until
// they are released or both are gone: no bytes that JavaScript can still reach are ever unmapped.
class Mapping {
 public:
  static constexpr napi_type_tag kTag = {0x9a4cd1e80b7f2536, 0xe26f50b13d8c7a94};
  static constexpr const char* kOpenedBy = "mapGrants or mapFrames";

  explicit Mapping(std::function<void()> unmap) : unmap_(std::move(unmap)) {}
  ~Mapping() { Unmap(); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  void Watch(const Napi::ArrayBuffer& bytes) { bytes_ = Napi::Weak(bytes); }

  void Release() {
    // Of bytes that somebody has transferred away, or that are being collected, the last holder unmaps.
    if (bytes_.IsEmpty()) return;
    Napi::ArrayBuffer bytes = bytes_.Value();
    if (bytes.IsEmpty() || bytes.IsDetached()) return;
    bytes.Detach();
    Unmap();
  }

 private:
  void Unmap() {
    // The function holds the library open.
    if (const auto unmap = std::exchange(unmap_, nullptr)) unmap();
  }

  std::function<void()> unmap_;
  Napi::Reference<Napi::ArrayBuffer> bytes_;
};

Napi::Value Wrap(Napi::Env env, void* address, std::size_t page_count,
                 std::function<void()> unmap) {
  const auto mapping = std::make_shared<Mapping>(std::move(unmap));
  auto share = std::make_unique<std::shared_ptr<Mapping>>(mapping);
  const auto bytes = Napi::ArrayBuffer::New(
      env, address, page_count * kPageBytes,
      [](Napi::Env, void*, std::shared_ptr<Mapping>* last) { delete last; }, share.get());
  share.release();
  mapping->Watch(bytes);
  Napi::Object result = Napi::Object::New(env);
  result.Set("mapping", External<Mapping>::Wrap(env, mapping));
  result.Set("bytes", bytes);
  return result;
}

int Protection(const Napi::Value& writable) {
  return ReadBool(writable, "writable") ? PROT_READ | PROT_WRITE : PROT_READ;
}

template <typename T>
auto& HandleOf(const Napi::Value& value, const char* name) {
  auto& handle = External<T>::Read(value)->handle;
  if (!handle) throw Failure(name, EBADF);
  return handle;
}

Napi::Value OpenGrants(const Napi::CallbackInfo& info) {
  auto grants = std::make_shared<Grants>();
  grants->handle = std::make_shared<GrantHandle>("xengnttab_open");
  return External<Grants>::Wrap(info.Env(), std::move(grants));
}

// Closes once nothing is mapped any more.
Napi::Value CloseGrants(const Napi::CallbackInfo& info) {
  External<Grants>::Read(info[0])->handle.reset();
  return info.Env().Undefined();
}

Napi::Value MapGrants(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  std::vector<std::uint32_t> refs = ReadList(
      info[2], "refs", kPageCountMax,
      [](const Napi::Value& value, const char* name) { return ReadU32(value, name); });
  const int protection = Protection(info[3]);
  const std::shared_ptr<GrantHandle> handle = HandleOf<Grants>(info[0], "xengnttab_open");
  const auto count = static_cast<std::uint32_t>(refs.size());
  void* address = handle->Call("xengnttab_map_domain_grant_refs", xengnttab_map_domain_grant_refs,
                               count, domid, refs.data(), protection);
  return Wrap(info.Env(), address, count, [handle, address, count] {
    xengnttab_unmap(handle->get(), address, count);
  });
}

Napi::Value OpenForeignMemory(const Napi::CallbackInfo& info) {
  auto foreign = std::make_shared<Foreign>();
  foreign->handle = std::make_shared<ForeignHandle>("xenforeignmemory_open");
  return External<Foreign>::Wrap(info.Env(), std::move(foreign));
}

// Closes once nothing is mapped any more.
Napi::Value CloseForeignMemory(const Napi::CallbackInfo& info) {
  External<Foreign>::Read(info[0])->handle.reset();
  return info.Env().Undefined();
}

Napi::Value MapFrames(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadDomid(info[1]);
  const std::vector<xen_pfn_t> frames =
      ReadList(info[2], "frames", kPageCountMax,
               [](const Napi::Value& value, const char* name) -> xen_pfn_t {
                 return ReadU64(value, name);
               });
  const int protection = Protection(info[3]);
  const std::shared_ptr<ForeignHandle> handle =
      HandleOf<Foreign>(info[0], "xenforeignmemory_open");
  const std::size_t count = frames.size();
  // Without a list for the errors of each frame, it maps all or none.
  void* address = handle->Call("xenforeignmemory_map", xenforeignmemory_map, domid, protection,
                               count, frames.data(), nullptr);
  return Wrap(info.Env(), address, count, [handle, address, count] {
    xenforeignmemory_unmap(handle->get(), address, count);
  });
}

Napi::Value ReleaseMapping(const Napi::CallbackInfo& info) {
  External<Mapping>::Read(info[0])->Release();
  return info.Env().Undefined();
}

}  // namespace

void RegisterSharedMemory(Napi::Object exports) {
  Register<OpenGrants, 0>(exports, "openGrants");
  Register<CloseGrants, 1>(exports, "closeGrants");
  Register<MapGrants, 4>(exports, "mapGrants");
  Register<OpenForeignMemory, 0>(exports, "openForeignMemory");
  Register<CloseForeignMemory, 1>(exports, "closeForeignMemory");
  Register<MapFrames, 4>(exports, "mapFrames");
  Register<ReleaseMapping, 1>(exports, "releaseMapping");
}

}  // namespace xenops
