// Pages that go back to the system as soon as they are not needed: kernels and ramdisks are large, and malloc would keep
// some of them.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "failure.h"

namespace xenops {

// Owns a mapping. Empty after a move.
class Mapping {
 public:
  // Pages of our own, zero at first. Throws Failure.
  static Mapping OfPrivateMemory(std::size_t size_bytes) {
    return Mapping(size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  }
  // Pages of an open file, which may be closed afterwards. Throws Failure.
  static Mapping OfFile(int fd, std::size_t size_bytes) {
    return Mapping(size_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd);
  }
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, size_bytes_);
  }
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_bytes_(other.size_bytes_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_bytes_, other.size_bytes_);
    return *this;
  }

  char* data() const { return static_cast<char*>(data_); }
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  Mapping(std::size_t size_bytes, int protection, int flags, int fd) : size_bytes_(size_bytes) {
    void* data = mmap(nullptr, size_bytes, protection, flags, fd, 0);
    if (data == MAP_FAILED) throw Failure("mmap", errno);
    data_ = data;
  }

  void* data_ = nullptr;
  std::size_t size_bytes_;
};

}  // namespace xenops
