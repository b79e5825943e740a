// Unpacked kernels, so that a bzImage is unpacked once and not at every start, which is most of the time of a build.
//
// An entry is a file of its own in a private folder, named by the digest of the packed file, so that processes that come
// and go share it. It appears whole or not at all (an unnamed file is filled and then linked), is never changed, and each
// process checks it from end to end before it uses it first, and again when it finds it written to since. Nothing here fails a
// build: what cannot be cached is unpacked again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "build_descriptor.h"
#include "build_memory.h"
#include "kernel_cache_digest.h"

namespace xenops {

// An entry in use. It stays whole also when it is evicted meanwhile.
class CachedKernel {
 public:
  explicit CachedKernel(Mapping entry) : entry_(std::move(entry)) {}

  const void* data() const;
  std::size_t size_bytes() const;

 private:
  Mapping entry_;
};

// Used by one thread; any number of them, in any number of processes, may share a folder.
class KernelCache {
 public:
  // The folder, and the one it lies in, are made when they are not there. A folder that others than its owner can look
  // into is not used.
  KernelCache(const std::string& folder, std::uint64_t bytes_max);

  // The kernel that was unpacked from a file of this digest. A damaged entry is removed.
  std::optional<CachedKernel> Find(const Digest& packed, std::size_t bytes_max);

  // Adds an entry and removes those used longest ago, until all together have at most the limit of bytes.
  void Store(const Digest& packed, const void* data, std::size_t size_bytes);

 private:
  bool MakeRoom(std::uint64_t bytes_needed);

  Descriptor folder_;
  std::uint64_t bytes_max_;
};

}  // namespace xenops
