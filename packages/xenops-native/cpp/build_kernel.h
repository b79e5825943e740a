// The kernel of a build, unpacked where the cache has it.
#pragma once

#include <optional>
#include <string>

#include "build_memory.h"
#include "build_spec.h"
#include "kernel_cache.h"

namespace xenops {

class BuildKernel {
 public:
  // Reads the file, every time: whether it is the kernel that was unpacked before is known by its digest.
  BuildKernel(const std::string& path, std::size_t bytes_max,
              const std::optional<KernelCacheSpec>& cache);

  const void* data() const { return unpacked_ ? unpacked_->data() : file_->data(); }
  std::size_t size_bytes() const {
    return unpacked_ ? unpacked_->size_bytes() : file_->size_bytes();
  }
  // Whether libxenguest has to unpack it.
  bool is_packed() const { return is_packed_; }

  // Keeps what libxenguest has made of it for the next build. Failing to is no failure.
  void Remember(const void* data, std::size_t size_bytes);

 private:
  bool is_packed_ = false;
  std::optional<KernelCache> cache_;
  Digest digest_{};
  // One of the two.
  std::optional<CachedKernel> unpacked_;
  std::optional<Mapping> file_;
};

}  // namespace xenops
