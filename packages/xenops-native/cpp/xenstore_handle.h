// A connection to xenstored through libxenstore, which speaks in calls; the rest of the toolstack speaks in messages of the
// wire (xen/io/xs_wire.h). Here a message becomes a call, and what the call gives the message that xenstored would send.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "libxen.h"

namespace xenops {

// Owns an xs_handle. Used by one thread, which every call blocks until xenstored answers.
class StoreHandle {
 public:
  // Connects to what libxenstore chooses: XENSTORED_PATH, the daemon's socket, the kernel's device. Throws Failure.
  StoreHandle();
  ~StoreHandle() { xs_close(xs_); }
  StoreHandle(const StoreHandle&) = delete;
  StoreHandle& operator=(const StoreHandle&) = delete;

  // Readable when events are waiting.
  int events_fd() const { return events_fd_; }
  bool has_watches() const { return !watches_.empty(); }

  // Makes the call that a message asks for and gives the reply as a message. Never throws for what the message says:
  // a malformed one is answered EINVAL, as xenstored does. The message has a whole header.
  std::string Perform(const std::string& message);

  // Adds the events that have come, as messages. False when the connection is gone, which libxenstore tells nobody who
  // does not ask.
  bool TakeEvents(std::string& messages);

 private:
  struct Request;
  std::string Reply(const Request& request);
  std::string OnPath(const Request& request, const char* path);
  std::string OnDomain(const Request& request, unsigned int domid);
  std::string Watch(const Request& request);
  std::string Control(const Request& request);
  std::string SetPermissions(const Request& request);
  std::string ResetWatches();

  xs_handle* xs_;
  int events_fd_;
  // Path and token; libxenstore has no call that ends them all.
  std::vector<std::pair<std::string, std::string>> watches_;
};

}  // namespace xenops
