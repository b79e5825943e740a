#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "failure.h"

namespace xenops {
namespace {

class Descriptor {
 public:
  // O_NONBLOCK: a FIFO must not hold us up until somebody writes.
  explicit Descriptor(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
    if (fd_ < 0) throw Failure("open", errno);
  }
  ~Descriptor() { close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::size_t SizeOf(const Descriptor& file, std::size_t bytes_max) {
  struct stat about {};
  if (fstat(file.get(), &about) != 0) throw Failure("fstat", errno);
  if (S_ISDIR(about.st_mode)) throw Failure("open", EISDIR);
  if (!S_ISREG(about.st_mode)) throw Failure("open", EINVAL);
  const auto size_bytes = static_cast<std::size_t>(about.st_size);
  if (size_bytes == 0) throw Failure("read", ENODATA);
  if (size_bytes > bytes_max) throw Failure("read", EFBIG);
  return size_bytes;
}

}  // namespace

MappedFile::MappedFile(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(path);
  const std::size_t size_bytes = SizeOf(file, bytes_max);
  void* data = mmap(nullptr, size_bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) throw Failure("mmap", errno);
  // EINVAL: a kernel before Linux 5.14, which reads on first touch instead.
  if (madvise(data, size_bytes, MADV_POPULATE_READ) != 0 && errno != EINVAL) {
    const int error = errno == EFAULT ? EIO : errno;
    munmap(data, size_bytes);
    throw Failure("read", error);
  }
  data_ = data;
  size_bytes_ = size_bytes;
}

MappedFile::~MappedFile() { munmap(data_, size_bytes_); }

}  // namespace xenops
