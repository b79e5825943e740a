// Connections to the hypervisor for the threads of long calls: opening one takes longer than most calls on it.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "handle.h"

namespace xenops {

// Connections that no thread uses at the moment. Any thread may take one.
class HandlePool {
 public:
  HandlePool() { idle_.reserve(kIdleMax); }
  HandlePool(const HandlePool&) = delete;
  HandlePool& operator=(const HandlePool&) = delete;

  // One that was given back, else a new one. Throws Failure.
  std::unique_ptr<XcHandle> Take() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<XcHandle> handle = std::move(idle_.back());
        idle_.pop_back();
        return handle;
      }
    }
    return std::make_unique<XcHandle>();
  }

  void GiveBack(std::unique_ptr<XcHandle> handle) noexcept {
    handle->ListenToProgress({});
    const std::lock_guard<std::mutex> guard(mutex_);
    if (idle_.size() < kIdleMax) idle_.push_back(std::move(handle));
  }

 private:
  // More long calls than this at a time are rare, and each connection holds descriptors.
  static constexpr std::size_t kIdleMax = 4;

  std::mutex mutex_;
  std::vector<std::unique_ptr<XcHandle>> idle_;
};

// A connection for as long as this lives.
class PooledHandle {
 public:
  explicit PooledHandle(HandlePool& pool) : pool_(pool), handle_(pool.Take()) {}
  ~PooledHandle() { pool_.GiveBack(std::move(handle_)); }
  PooledHandle(const PooledHandle&) = delete;
  PooledHandle& operator=(const PooledHandle&) = delete;

  XcHandle& get() const { return *handle_; }

 private:
  HandlePool& pool_;
  std::unique_ptr<XcHandle> handle_;
};

}  // namespace xenops
