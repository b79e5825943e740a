// Sets of cpus and nodes: lists of numbers in JavaScript, bitmaps in libxc.
#pragma once

#include <napi.h>

#include <cstdint>
#include <vector>

#include "args.h"
#include "handle.h"

namespace xenops {

// A bitmap of the size that libxc passes to Xen, which is by the highest number and not by how many there are.
class Bitmap {
 public:
  static Bitmap OfCpus(XcHandle& xc) {
    return Bitmap(xc.Call("xc_get_max_cpus", xc_get_max_cpus));
  }
  static Bitmap OfNodes(XcHandle& xc) {
    return Bitmap(xc.Call("xc_get_max_nodes", xc_get_max_nodes));
  }

  // For libxc, which takes no pointer to const.
  std::uint8_t* data() { return bytes_.data(); }

  // Makes it the set of these numbers; RangeError for one that the host does not have.
  void Set(Napi::Env env, const std::vector<std::uint32_t>& numbers, const char* name) {
    std::fill(bytes_.begin(), bytes_.end(), 0);
    for (const std::uint32_t number : numbers) {
      if (number >= size_) {
        throw Napi::RangeError::New(env, std::string(name) + " must have numbers from 0 to " +
                                             std::to_string(size_ - 1));
      }
      bytes_[number / 8] |= static_cast<std::uint8_t>(1U << (number % 8));
    }
  }

  static Napi::Array List(Napi::Env env, const std::uint8_t* bytes, std::uint32_t size) {
    Napi::Array list = Napi::Array::New(env);
    std::uint32_t count = 0;
    for (std::uint32_t number = 0; number < size; ++number) {
      if ((bytes[number / 8] >> (number % 8) & 1) != 0) list.Set(count++, number);
    }
    return list;
  }
  Napi::Array List(Napi::Env env) const { return List(env, bytes_.data(), size_); }

  std::uint32_t size() const { return size_; }

 private:
  explicit Bitmap(int size) : size_(static_cast<std::uint32_t>(size)), bytes_((size_ + 7) / 8) {}

  std::uint32_t size_;
  std::vector<std::uint8_t> bytes_;
};

// Numbers of a set, unordered and with repeats as the caller likes.
inline std::vector<std::uint32_t> ReadNumbers(const Napi::Value& value, const char* name) {
  // Xen has no more cpus or nodes than this.
  constexpr std::uint32_t kCountMax = 16384;
  return ReadList(value, name, kCountMax, [](const Napi::Value& number, const char* list_name) {
    return ReadU32(number, list_name);
  });
}

}  // namespace xenops
