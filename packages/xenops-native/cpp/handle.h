// A connection to the hypervisor and the one way to make a call on it.
#pragma once

#include <cerrno>
#include <utility>

#include "call_log.h"
#include "failure.h"
#include "libxen.h"

namespace xenops {

// Owns an xc_interface and the log of the call under way. Used by one thread at a time: an operation that runs on a thread
// of its own takes one from a pool (handle_pool.h).
class XcHandle {
 public:
  XcHandle() : xc_(xc_interface_open(log_.logger(), log_.logger(), XC_OPENFLAG_NON_REENTRANT)) {
    if (xc_ == nullptr) throw Failure("xc_interface_open", errno, 0, log_.text());
  }
  ~XcHandle() { xc_interface_close(xc_); }
  XcHandle(const XcHandle&) = delete;
  XcHandle& operator=(const XcHandle&) = delete;

  xc_interface* get() const { return xc_; }

  // Hears how far the calls on this connection are; on their thread.
  void ListenToProgress(CallLog::ProgressListener listener) {
    log_.ListenToProgress(std::move(listener));
  }

  // Before a call whose outcome is judged by the caller.
  void Begin() {
    log_.Clear();
    xc_clear_last_error(xc_);
    errno = 0;
  }

  // The failure of the call just made.
  Failure Failed(const char* name) const {
    const int error = errno;
    return Failure(name, error, xc_get_last_error(xc_)->code, log_.text());
  }

  // Makes the call with this connection in front of the arguments; a negative result is thrown as a Failure.
  template <typename Function, typename... Arguments>
  auto Call(const char* name, Function function, Arguments... arguments) {
    Begin();
    const auto result = function(xc_, arguments...);
    if (result < 0) throw Failed(name);
    return result;
  }

 private:
  CallLog log_;
  xc_interface* xc_;
};

}  // namespace xenops
