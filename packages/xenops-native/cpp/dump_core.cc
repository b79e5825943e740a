#include "dump_core.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "args.h"
#include "find_domain.h"
#include "interface.h"
#include "register.h"
#include "xen_operation.h"

namespace xenops {
namespace {

// A file that is new, readable by its owner only, and gone again unless it is kept: a core holds the guest's secrets.
class NewFile {
 public:
  explicit NewFile(std::string path)
      : path_(std::move(path)),
        fd_(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (fd_ < 0) throw Failure("open", errno);
  }
  ~NewFile() {
    if (fd_ >= 0) {
      close(fd_);
      unlink(path_.c_str());
    }
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  // Writes all of it; false with errno.
  bool Write(const char* bytes, std::size_t length) {
    while (length > 0) {
      const ssize_t written = write(fd_, bytes, length);
      if (written < 0) {
        if (errno == EINTR) continue;
        return false;
      }
      bytes += written;
      length -= static_cast<std::size_t>(written);
    }
    return true;
  }

  void Keep() {
    // Some file systems say only now that there was no room.
    if (close(std::exchange(fd_, -1)) == 0) return;
    const int error = errno;
    unlink(path_.c_str());
    throw Failure("close", error);
  }

 private:
  const std::string path_;
  int fd_;
};

class DumpCoreOperation : public XenOperation {
 public:
  DumpCoreOperation(std::shared_ptr<HandlePool> pool, std::uint32_t domid, std::string path)
      : XenOperation(std::move(pool)), domid_(domid), path_(std::move(path)) {}

 private:
  void Run(XcHandle& xc) override {
    // The library answers for a domain that is not there as for any other failure.
    DomainOrThrow(xc, domid_);
    NewFile file(path_);
    file_ = &file;
    xc.Begin();
    const int result = xc_domain_dumpcore_via_callback(xc.get(), domid_, this, &OnBytes);
    if (IsAborted()) throw Failure("abort", ECANCELED);
    if (write_error_ != 0) throw Failure("write", write_error_);
    if (result != 0) throw xc.Failed("xc_domain_dumpcore_via_callback");
    file.Keep();
  }

  // Called from C, with each piece in turn: no exception may leave.
  static int OnBytes(xc_interface*, void* context, char* bytes, unsigned length) {
    auto& self = *static_cast<DumpCoreOperation*>(context);
    if (self.IsAborted()) return -1;
    if (self.file_->Write(bytes, length)) return 0;
    self.write_error_ = errno;
    return -1;
  }

  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

  const std::uint32_t domid_;
  const std::string path_;
  NewFile* file_ = nullptr;
  int write_error_ = 0;
};

Napi::Value DumpCore(const Napi::CallbackInfo& info) {
  const std::uint32_t domid = ReadGuestDomid(info[1]);
  std::string path = ReadString(info[2], "filePath");
  const std::shared_ptr<HandlePool> pool = ReadInterface(info[0]).pool;
  return Operation::Start(
      info.Env(), std::make_unique<DumpCoreOperation>(pool, domid, std::move(path)), {});
}

}  // namespace

void RegisterDumpCore(Napi::Object exports) { Register<DumpCore, 3>(exports, "startDumpCore"); }

}  // namespace xenops
