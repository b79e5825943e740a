// From C++ failures to JavaScript errors: no C++ exception crosses Node-API.
#pragma once

#include <napi.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <string>

#include "failure.h"

namespace xenops {

// An Error with `call`, `errno`, `libraryCode`, `log` and `stage`, which TypeScript makes a HypervisorError of.
inline Napi::Error ErrorFrom(Napi::Env env, const Failure& failure) {
  char reason[128];
  const char* why = failure.error_number == 0
                        ? "failed"
                        : strerror_r(failure.error_number, reason, sizeof reason);
  Napi::Error error = Napi::Error::New(env, failure.call + ": " + why);
  Napi::Object fields = error.Value();
  fields.Set("call", failure.call);
  fields.Set("errno", failure.error_number);
  fields.Set("libraryCode", failure.library_code);
  fields.Set("log", failure.log);
  fields.Set("stage", failure.stage);
  return error;
}

// Hands an error of a listener to JavaScript. An environment that is ending runs no more of it and refuses: then nobody
// is left to tell.
inline void ThrowUnlessEnding(const Napi::Error& error) {
  try {
    error.ThrowAsJavaScriptException();
  } catch (const Napi::Error&) {
  }
}

using Export = Napi::Value (*)(const Napi::CallbackInfo&);

// The function that JavaScript calls for `function`, which takes exactly `argument_count` arguments.
template <Export function, std::size_t argument_count>
Napi::Value Guarded(const Napi::CallbackInfo& info) {
  try {
    if (info.Length() != argument_count) {
      throw Napi::TypeError::New(
          info.Env(), "takes " + std::to_string(argument_count) + " arguments, not " +
                          std::to_string(info.Length()));
    }
    return function(info);
  } catch (const Failure& failure) {
    throw ErrorFrom(info.Env(), failure);
  } catch (const std::bad_alloc&) {
    throw ErrorFrom(info.Env(), Failure("malloc", ENOMEM));
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ErrorFrom(info.Env(), Failure(error.what(), EIO));
  }
}

}  // namespace xenops
