// What a failed call is known by, from the thread it ran on to the JavaScript error.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace xenops {

// A call of a Xen library, or one of our own steps, that failed. Plain data, so that it can cross threads.
struct Failure : std::exception {
  Failure(std::string call_name, int error, int library_error = 0, std::string messages = {})
      : call(std::move(call_name)),
        error_number(error),
        library_code(library_error),
        log(std::move(messages)) {}
  const char* what() const noexcept override { return call.c_str(); }

  std::string call;
  // errno; 0 where the library set none.
  int error_number;
  // xc_error_code; 0 where the library reported none.
  int library_code;
  // What the library logged during the call, one message on each line.
  std::string log;
  // Stage of the long operation that failed, a literal; empty for a call of its own.
  const char* stage = "";
};

}  // namespace xenops
