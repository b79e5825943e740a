#include "build_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "build_descriptor.h"

namespace xenops {
namespace {

struct stat StatusOf(const Descriptor& file) {
  struct stat about {};
  if (fstat(file.get(), &about) != 0) throw Failure("fstat", errno);
  return about;
}

std::size_t SizeOf(const struct stat& about, std::size_t bytes_max) {
  if (S_ISDIR(about.st_mode)) throw Failure("open", EISDIR);
  if (!S_ISREG(about.st_mode)) throw Failure("open", EINVAL);
  const auto size_bytes = static_cast<std::size_t>(about.st_size);
  if (size_bytes == 0) throw Failure("read", ENODATA);
  if (size_bytes > bytes_max) throw Failure("read", EFBIG);
  return size_bytes;
}

void ReadAll(const Descriptor& file, const Mapping& memory) {
  for (std::size_t at = 0; at < memory.size_bytes();) {
    const ssize_t count = read(file.get(), memory.data() + at, memory.size_bytes() - at);
    if (count < 0) throw Failure("read", errno);
    if (count == 0) throw Failure("read", ESTALE);
    at += static_cast<std::size_t>(count);
  }
}

bool IsSame(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

Mapping ReadBuildFile(const std::string& path, std::size_t bytes_max) {
  // O_NONBLOCK: a FIFO must not hold us up until somebody writes.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.is_open()) throw Failure("open", errno);
  const struct stat before = StatusOf(file);
  Mapping memory = Mapping::OfPrivateMemory(SizeOf(before, bytes_max));
  ReadAll(file, memory);
  const struct stat after = StatusOf(file);
  // Half of one kernel and half of another must not be started, and not be remembered under the digest of neither.
  if (after.st_size != before.st_size || !IsSame(after.st_mtim, before.st_mtim) ||
      !IsSame(after.st_ctim, before.st_ctim)) {
    throw Failure("read", ESTALE);
  }
  return memory;
}

}  // namespace xenops
