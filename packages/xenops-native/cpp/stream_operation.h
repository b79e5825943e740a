// What saving and restoring have in common: a stream that can be taken away, and progress.
#pragma once

#include <memory>
#include <utility>

#include "stream_descriptor.h"
#include "xen_operation.h"

namespace xenops {

class StreamOperation : public XenOperation {
 protected:
  StreamOperation(std::shared_ptr<HandlePool> pool, int fd)
      : XenOperation(std::move(pool)), stream_(fd) {}

  void Interrupt(bool) noexcept override { stream_.Interrupt(); }

  int stream_fd() const { return stream_.get(); }

  // Runs `call`, which reads or writes the stream. What fails after an abort is the abort.
  template <typename Call>
  void Transfer(XcHandle& xc, Call call) {
    xc.ListenToProgress([this](unsigned long done, unsigned long total) { Progress(done, total); });
    const StreamDescriptor::User user(stream_);
    try {
      call();
    } catch (const Failure&) {
      if (IsAborted()) throw Failure("abort", ECANCELED);
      throw;
    }
  }

 private:
  StreamDescriptor stream_;
};

}  // namespace xenops
