// A connection to one of the small Xen libraries, which are all opened, called and closed alike.
#pragma once

#include <cerrno>

#include "call_log.h"
#include "failure.h"
#include "libxen.h"

namespace xenops {

// Owns the handle and the log of the call under way. For the JavaScript thread only.
template <typename Handle, Handle* (*open)(xentoollog_logger*, unsigned), int (*close)(Handle*)>
class LibraryHandle {
 public:
  explicit LibraryHandle(const char* open_name) : handle_(open(log_.logger(), 0)) {
    if (handle_ == nullptr) throw Failure(open_name, errno, 0, log_.text());
  }
  ~LibraryHandle() { close(handle_); }
  LibraryHandle(const LibraryHandle&) = delete;
  LibraryHandle& operator=(const LibraryHandle&) = delete;

  Handle* get() const { return handle_; }

  // Makes the call with this handle in front of the arguments; a negative number or a null pointer is thrown as a Failure.
  template <typename Function, typename... Arguments>
  auto Call(const char* name, Function function, Arguments... arguments) {
    log_.Clear();
    errno = 0;
    const auto result = function(handle_, arguments...);
    if (IsFailure(result)) throw Failure(name, errno, 0, log_.text());
    return result;
  }

 private:
  static bool IsFailure(int result) { return result < 0; }
  static bool IsFailure(const void* result) { return result == nullptr; }

  CallLog log_;
  Handle* handle_;
};

using EvtchnHandle = LibraryHandle<xenevtchn_handle, xenevtchn_open, xenevtchn_close>;
using GrantHandle = LibraryHandle<xengnttab_handle, xengnttab_open, xengnttab_close>;
using ForeignHandle =
    LibraryHandle<xenforeignmemory_handle, xenforeignmemory_open, xenforeignmemory_close>;

}  // namespace xenops
