// The one way to read arguments. A value of the wrong type is a TypeError, a number out of range a RangeError; nothing
// wraps or is rounded: Node-API's own 32-bit readers turn 4294967301 into 5, which may be somebody else's domain.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "libxen.h"

namespace xenops {

// Largest integer a JavaScript number holds exactly.
inline constexpr double kSafeIntegerMax = 9007199254740991.0;

inline double ReadInteger(const Napi::Value& value, const char* name, double min, double max) {
  double number = 0;
  // Refuses what is no number.
  if (napi_get_value_double(value.Env(), value, &number) != napi_ok) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a number");
  }
  // Also refuses NaN. Within the limits it fits, and is cheaper to round by than by a call.
  if (!(number >= min && number <= max) ||
      static_cast<double>(static_cast<std::int64_t>(number)) != number) {
    throw Napi::RangeError::New(value.Env(), std::string(name) + " must be a whole number from " +
                                                 std::to_string(static_cast<std::int64_t>(min)) +
                                                 " to " +
                                                 std::to_string(static_cast<std::int64_t>(max)));
  }
  return number;
}

inline std::uint32_t ReadU32(const Napi::Value& value, const char* name,
                             std::uint32_t max = std::numeric_limits<std::uint32_t>::max()) {
  return static_cast<std::uint32_t>(ReadInteger(value, name, 0, max));
}

inline std::int32_t ReadI32(const Napi::Value& value, const char* name, std::int32_t min) {
  return static_cast<std::int32_t>(
      ReadInteger(value, name, min, std::numeric_limits<std::int32_t>::max()));
}

inline std::uint64_t ReadU53(const Napi::Value& value, const char* name) {
  return static_cast<std::uint64_t>(ReadInteger(value, name, 0, kSafeIntegerMax));
}

// A domain that exists or may exist, Dom0 included.
inline std::uint32_t ReadDomid(const Napi::Value& value, const char* name = "domid") {
  return ReadU32(value, name, kFirstReservedDomid - 1);
}

// A domain other than Dom0, for calls that would take down the host.
inline std::uint32_t ReadGuestDomid(const Napi::Value& value, const char* name = "domid") {
  return static_cast<std::uint32_t>(ReadInteger(value, name, 1, kFirstReservedDomid - 1));
}

inline std::uint64_t ReadU64(const Napi::Value& value, const char* name) {
  if (!value.IsBigInt()) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a bigint");
  }
  bool is_exact = false;
  const std::uint64_t number = value.As<Napi::BigInt>().Uint64Value(&is_exact);
  if (!is_exact) {
    throw Napi::RangeError::New(value.Env(),
                                std::string(name) + " must be from 0 to 2^64 - 1");
  }
  return number;
}

// An array of 1 to `count_max` elements, each read by `read_one`.
template <typename ReadOne>
auto ReadList(const Napi::Value& value, const char* name, std::uint32_t count_max,
              ReadOne read_one) {
  if (!value.IsArray()) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be an array");
  }
  const auto array = value.As<Napi::Array>();
  const std::uint32_t count = array.Length();
  if (count == 0 || count > count_max) {
    throw Napi::RangeError::New(value.Env(), std::string(name) + " must have 1 to " +
                                                 std::to_string(count_max) + " elements");
  }
  std::vector<decltype(read_one(value, name))> list;
  list.reserve(count);
  for (std::uint32_t index = 0; index < count; ++index) {
    list.push_back(read_one(array.Get(index), name));
  }
  return list;
}

inline bool ReadBool(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a boolean");
  }
  return value.As<Napi::Boolean>().Value();
}

inline std::string ReadString(const Napi::Value& value, const char* name) {
  if (!value.IsString()) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a string");
  }
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) {
    throw Napi::RangeError::New(value.Env(), std::string(name) + " must not contain NUL");
  }
  return text;
}

inline Napi::Object ReadObject(const Napi::Value& value, const char* name) {
  if (!value.IsObject() || value.IsFunction()) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be an object");
  }
  return value.As<Napi::Object>();
}

// A function or undefined; an empty one stands for undefined.
inline Napi::Function ReadOptionalFunction(const Napi::Value& value, const char* name) {
  if (value.IsUndefined()) return {};
  if (!value.IsFunction()) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a function or undefined");
  }
  return value.As<Napi::Function>();
}

inline void ReadUuid(const Napi::Value& value, const char* name, xen_domain_handle_t& uuid) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a Uint8Array");
  }
  const auto bytes = value.As<Napi::Uint8Array>();
  if (bytes.ElementLength() != sizeof uuid) {
    throw Napi::RangeError::New(value.Env(), std::string(name) + " must have 16 bytes");
  }
  std::copy_n(bytes.Data(), sizeof uuid, uuid);
}

}  // namespace xenops
