#include "build_kernel.h"

#include <cstring>

#include "build_file.h"

namespace xenops {
namespace {

constexpr char kElfMagic[] = {0x7f, 'E', 'L', 'F'};

bool IsElf(const Mapping& file) {
  return file.size_bytes() >= sizeof kElfMagic &&
         std::memcmp(file.data(), kElfMagic, sizeof kElfMagic) == 0;
}

}  // namespace

BuildKernel::BuildKernel(const std::string& path, std::size_t bytes_max,
                         const std::optional<KernelCacheSpec>& cache)
    : file_(ReadBuildFile(path, bytes_max)), is_packed_(!IsElf(file_)) {
  if (!is_packed_ || !cache) return;
  digest_ = DigestOf(file_.data(), file_.size_bytes());
  cache_.emplace(cache->folder, cache->bytes_max);
  unpacked_ = cache_->Find(digest_, bytes_max);
  if (unpacked_) is_packed_ = false;
}

void BuildKernel::Remember(const void* data, std::size_t size_bytes) {
  if (cache_) cache_->Store(digest_, data, size_bytes);
}

}  // namespace xenops
