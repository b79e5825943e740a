// Long calls that need a connection to the hypervisor.
#pragma once

#include <memory>
#include <utility>

#include "handle_pool.h"
#include "worker.h"

namespace xenops {

class XenOperation : public Operation {
 protected:
  explicit XenOperation(std::shared_ptr<HandlePool> pool) : pool_(std::move(pool)) {}

  // The work, with a connection that nobody else uses meanwhile. Throws Failure.
  virtual void Run(XcHandle& xc) = 0;

  HandlePool& pool() const { return *pool_; }

 private:
  void Run() final {
    const PooledHandle handle(*pool_);
    Run(handle.get());
  }

  // Shared: the connection of JavaScript may be closed before the operation has ended.
  const std::shared_ptr<HandlePool> pool_;
};

}  // namespace xenops
