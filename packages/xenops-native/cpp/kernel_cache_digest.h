// What a kernel file is known by, and what tells a damaged copy from a whole one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace xenops {

using Digest = std::array<std::uint8_t, 64>;

// BLAKE2b with 64 bytes of output and no key (RFC 7693): of the digests that nobody can forge the one that costs least
// without instructions made for it.
Digest DigestOf(const void* data, std::size_t size_bytes);

// Against damage, not against malice: every change of one 64-bit word changes it.
std::uint64_t ChecksumOf(const void* data, std::size_t size_bytes);

}  // namespace xenops
