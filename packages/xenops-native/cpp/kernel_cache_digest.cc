#include "kernel_cache_digest.h"

#include <algorithm>
#include <cstring>

namespace xenops {
namespace {

constexpr std::size_t kBlockBytes = Digester::kBlockBytes;
constexpr int kRounds = 12;

// The fractional parts of the square roots of the first eight primes; SHA-512 has the same.
constexpr std::array<std::uint64_t, 8> kInitial = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

// Rounds 10 and 11 use the first two rows again.
constexpr std::uint8_t kOrder[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

constexpr std::uint64_t RotateRight(std::uint64_t word, int count) {
  return word >> count | word << (64 - count);
}

inline void Mix(std::uint64_t& a, std::uint64_t& b, std::uint64_t& c, std::uint64_t& d,
                std::uint64_t x, std::uint64_t y) {
  a += b + x;
  d = RotateRight(d ^ a, 32);
  c += d;
  b = RotateRight(b ^ c, 24);
  a += b + y;
  d = RotateRight(d ^ a, 16);
  c += d;
  b = RotateRight(b ^ c, 63);
}

void Compress(std::array<std::uint64_t, 8>& state, const std::uint8_t* block,
              std::uint64_t bytes_so_far, bool is_last) {
  std::uint64_t m[16];
  std::memcpy(m, block, sizeof m);
  std::uint64_t v[16];
  std::copy(state.begin(), state.end(), v);
  std::copy(kInitial.begin(), kInitial.end(), v + 8);
  v[12] ^= bytes_so_far;
  if (is_last) v[14] = ~v[14];
#pragma GCC unroll 12
  for (int round = 0; round < kRounds; ++round) {
    const std::uint8_t* const s = kOrder[round % 10];
    Mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
    Mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
    Mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
    Mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
    Mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
    Mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
    Mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
    Mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
  }
  for (std::size_t i = 0; i < state.size(); ++i) state[i] ^= v[i] ^ v[i + 8];
}

}  // namespace

Digester::Digester() : state_(kInitial) { state_[0] ^= 0x01010000 ^ sizeof(Digest); }

void Digester::Add(const void* data, std::size_t size_bytes) {
  const auto* const bytes = static_cast<const std::uint8_t*>(data);
  for (std::size_t at = 0; at < size_bytes; at += kBlockBytes) {
    byte_count_ += kBlockBytes;
    Compress(state_, bytes + at, byte_count_, false);
  }
}

Digest Digester::Finish(const void* data, std::size_t size_bytes) {
  // The last block, whole or not, is marked as such.
  const std::size_t before_last = size_bytes == 0 ? 0 : (size_bytes - 1) / kBlockBytes * kBlockBytes;
  Add(data, before_last);
  const auto* const bytes = static_cast<const std::uint8_t*>(data);
  std::uint8_t last[kBlockBytes] = {};
  std::copy(bytes + before_last, bytes + size_bytes, last);
  Compress(state_, last, byte_count_ + (size_bytes - before_last), true);
  Digest digest;
  static_assert(sizeof digest == sizeof state_);
  std::memcpy(digest.data(), state_.data(), sizeof state_);
  return digest;
}

std::uint64_t ChecksumOf(const void* data, std::size_t size_bytes) {
  // Odd, so that each step can be undone and nothing is lost; four lanes keep the multiplier busy.
  constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  std::uint64_t lanes[4] = {1, 2, 3, 4};
  const auto add = [&](const std::uint8_t* block) {
    std::uint64_t words[4];
    std::memcpy(words, block, sizeof words);
    for (int i = 0; i < 4; ++i) lanes[i] = RotateRight((lanes[i] ^ words[i]) * kMultiplier, 29);
  };
  const auto* const bytes = static_cast<const std::uint8_t*>(data);
  std::size_t at = 0;
  for (; size_bytes - at >= sizeof lanes; at += sizeof lanes) add(bytes + at);
  std::uint8_t last[sizeof lanes] = {};
  std::copy(bytes + at, bytes + size_bytes, last);
  add(last);
  std::uint64_t sum = size_bytes;
  for (const std::uint64_t lane : lanes) sum = RotateRight((sum ^ lane) * kMultiplier, 29);
  return sum;
}

}  // namespace xenops
