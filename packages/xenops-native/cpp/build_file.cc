#include "build_file.h"

#include <fcntl.h>

#include <cerrno>

namespace xenops {
namespace {

struct stat StatusOf(const Descriptor& file) {
  struct stat about {};
  if (fstat(file.get(), &about) != 0) throw Failure("fstat", errno);
  return about;
}

// O_NONBLOCK: a FIFO must not hold us up until somebody writes.
Descriptor Open(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.is_open()) throw Failure("open", errno);
  return file;
}

bool IsSame(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

BuildFile::BuildFile(const std::string& path, std::size_t bytes_max)
    : file_(Open(path)), about_(StatusOf(file_)) {
  if (S_ISDIR(about_.st_mode)) throw Failure("open", EISDIR);
  if (!S_ISREG(about_.st_mode)) throw Failure("open", EINVAL);
  if (size_bytes() == 0) throw Failure("read", ENODATA);
  if (size_bytes() > bytes_max) throw Failure("read", EFBIG);
}

void BuildFile::Read(void* data, std::size_t size_bytes, std::size_t offset) const {
  for (std::size_t at = 0; at < size_bytes;) {
    const ssize_t count = pread(file_.get(), static_cast<char*>(data) + at, size_bytes - at,
                                static_cast<off_t>(offset + at));
    if (count < 0) throw Failure("read", errno);
    if (count == 0) throw Failure("read", ESTALE);
    at += static_cast<std::size_t>(count);
  }
}

void BuildFile::CheckUnchanged() const {
  const struct stat now = StatusOf(file_);
  if (now.st_size != about_.st_size || !IsSame(now.st_mtim, about_.st_mtim) ||
      !IsSame(now.st_ctim, about_.st_ctim)) {
    throw Failure("read", ESTALE);
  }
}

Mapping ReadWhole(const BuildFile& file) {
  Mapping memory = Mapping::OfPrivateMemory(file.size_bytes());
  file.Read(memory.data(), memory.size_bytes(), 0);
  file.CheckUnchanged();
  return memory;
}

Mapping ReadBuildFile(const std::string& path, std::size_t bytes_max) {
  return ReadWhole(BuildFile(path, bytes_max));
}

}  // namespace xenops
