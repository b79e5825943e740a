#include "stream_descriptor.h"

#include <fcntl.h>

#include <cerrno>
#include <csignal>

#include "failure.h"

namespace xenops {
namespace {

// Does nothing but end a system call. A real-time signal: none of the others is free in every process.
int WakeSignal() { return SIGRTMIN + 7; }

void OnWake(int) {}

// The disposition belongs to the process; every environment sets the same. Without SA_RESTART, so that the call ends.
void CatchWakeSignal() {
  struct sigaction action {};
  action.sa_handler = OnWake;
  if (sigaction(WakeSignal(), &action, nullptr) != 0) throw Failure("sigaction", errno);
}

void MaskWakeSignal(int how) {
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, WakeSignal());
  pthread_sigmask(how, &wake, nullptr);
}

Descriptor Duplicate(int fd) {
  Descriptor duplicate(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!duplicate.is_open()) throw Failure("dup", errno);
  return duplicate;
}

}  // namespace

StreamDescriptor::StreamDescriptor(int fd)
    : stream_(Duplicate(fd)),
      original_(Duplicate(fd)),
      dead_end_(open("/dev/null", O_RDONLY | O_CLOEXEC)),
      flags_(fcntl(fd, F_GETFL)) {
  if (!dead_end_.is_open()) throw Failure("open", errno);
  CatchWakeSignal();
  if ((flags_ & O_NONBLOCK) != 0) fcntl(fd, F_SETFL, flags_ & ~O_NONBLOCK);
}

StreamDescriptor::~StreamDescriptor() {
  if ((flags_ & O_NONBLOCK) != 0) fcntl(original_.get(), F_SETFL, flags_);
}

void StreamDescriptor::Interrupt() noexcept {
  const std::lock_guard<std::mutex> guard(mutex_);
  // In this order: the next call finds the dead end, and one that found the stream before is ended by the signal.
  dup3(dead_end_.get(), stream_.get(), O_CLOEXEC);
  if (thread_) pthread_kill(*thread_, WakeSignal());
}

StreamDescriptor::User::User(StreamDescriptor& stream) : stream_(stream) {
  MaskWakeSignal(SIG_UNBLOCK);
  const std::lock_guard<std::mutex> guard(stream_.mutex_);
  stream_.thread_ = pthread_self();
}

StreamDescriptor::User::~User() {
  MaskWakeSignal(SIG_BLOCK);
  const std::lock_guard<std::mutex> guard(stream_.mutex_);
  stream_.thread_.reset();
}

}  // namespace xenops
