// The descriptor that libxenguest writes a stream to or reads one from, and a way to take it away in the middle.
#pragma once

#include <pthread.h>

#include <mutex>
#include <optional>

#include "build_descriptor.h"

namespace xenops {

// libxenguest blocks in read and write for as long as the other end likes, and goes on after an interruption. So it is given
// a duplicate of the caller's descriptor, which Interrupt() replaces by one on which every read ends and every write fails,
// before a signal ends the call under way.
class StreamDescriptor {
 public:
  // Duplicates `fd`, which stays the caller's. One that does not block does for as long as this lives, because libxenguest
  // takes EAGAIN for the end; the flag belongs to the open file, which all duplicates share. Throws Failure.
  explicit StreamDescriptor(int fd);
  ~StreamDescriptor();
  StreamDescriptor(const StreamDescriptor&) = delete;
  StreamDescriptor& operator=(const StreamDescriptor&) = delete;

  int get() const { return stream_.get(); }

  // On any thread, also when nothing is read or written.
  void Interrupt() noexcept;

  // While this lives, its thread is the one that reads or writes.
  class User {
   public:
    explicit User(StreamDescriptor& stream);
    ~User();
    User(const User&) = delete;
    User& operator=(const User&) = delete;

   private:
    StreamDescriptor& stream_;
  };

 private:
  Descriptor stream_;
  // The same file: what restores the flag when the stream has been taken away.
  Descriptor original_;
  Descriptor dead_end_;
  int flags_;
  std::mutex mutex_;
  std::optional<pthread_t> thread_;
};

}  // namespace xenops
