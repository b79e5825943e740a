#include "build_kernel.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "build_file.h"

namespace xenops {
namespace {

bool IsElf(const BuildFile& file) {
  constexpr char kMagic[] = {0x7f, 'E', 'L', 'F'};
  char begin[sizeof kMagic];
  if (file.size_bytes() < sizeof begin) return false;
  file.Read(begin, sizeof begin, 0);
  return std::memcmp(begin, kMagic, sizeof begin) == 0;
}

// Read in pieces that stay in the processor's cache: pages for the whole file would cost more than its digest.
Digest DigestOf(const BuildFile& file) {
  constexpr std::size_t kPieceBytes = 1024 * Digester::kBlockBytes;
  std::vector<char> piece(std::min(kPieceBytes, file.size_bytes()));
  Digester digester;
  std::size_t at = 0;
  for (; file.size_bytes() - at > piece.size(); at += piece.size()) {
    file.Read(piece.data(), piece.size(), at);
    digester.Add(piece.data(), piece.size());
  }
  const std::size_t rest = file.size_bytes() - at;
  file.Read(piece.data(), rest, at);
  return digester.Finish(piece.data(), rest);
}

}  // namespace

BuildKernel::BuildKernel(const std::string& path, std::size_t bytes_max,
                         const std::optional<KernelCacheSpec>& cache) {
  const BuildFile file(path, bytes_max);
  is_packed_ = !IsElf(file);
  if (is_packed_ && cache) {
    digest_ = DigestOf(file);
    file.CheckUnchanged();
    cache_.emplace(cache->folder, cache->bytes_max);
    unpacked_ = cache_->Find(digest_, bytes_max);
  }
  if (unpacked_) {
    is_packed_ = false;
  } else {
    file_.emplace(ReadWhole(file));
    // Of the bytes that will be unpacked: who writes through a mapping can change a file between two readings unseen, and what
    // is remembered under a digest is started for everybody who has a kernel of that digest.
    if (cache_) digest_ = Digester().Finish(file_->data(), file_->size_bytes());
  }
}

void BuildKernel::Remember(const void* data, std::size_t size_bytes) {
  if (cache_) cache_->Store(digest_, data, size_bytes);
}

}  // namespace xenops
