// What a kernel file is known by, and what tells a damaged copy from a whole one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace xenops {

using Digest = std::array<std::uint8_t, 64>;

// BLAKE2b with 64 bytes of output and no key (RFC 7693): of the digests that nobody can forge the one that costs least
// without instructions made for it. Data comes in pieces.
class Digester {
 public:
  // All pieces but the last have a multiple of so many bytes.
  static constexpr std::size_t kBlockBytes = 128;

  Digester();
  void Add(const void* data, std::size_t size_bytes);
  // With the last piece, which may be empty only when it is the first.
  Digest Finish(const void* data, std::size_t size_bytes);

 private:
  std::array<std::uint64_t, 8> state_;
  std::uint64_t byte_count_ = 0;
};

// Against damage, not against malice: every change of one 64-bit word changes it.
std::uint64_t ChecksumOf(const void* data, std::size_t size_bytes);

}  // namespace xenops
