// Entering a function among the exports.
#pragma once

#include <napi.h>

#include "throw.h"

namespace xenops {

// Exports `function` under a name, with the number of arguments it takes as its length.
template <Export function, std::size_t argument_count>
void Register(Napi::Object exports, const char* name) {
  const Napi::Env env = exports.Env();
  Napi::Function exported = Napi::Function::New<&Guarded<function, argument_count>>(env, name);
  const auto length = Napi::Number::New(env, static_cast<double>(argument_count));
  exported.DefineProperty(Napi::PropertyDescriptor::Value("length", length));
  exports.Set(name, exported);
}

}  // namespace xenops
