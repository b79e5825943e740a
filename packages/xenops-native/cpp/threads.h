// Threads for long calls: libxenguest blocks for seconds, and on libuv's pool four builds would hold up every file access of
// the process.
#pragma once

#include <functional>
#include <future>

namespace xenops {

// Runs `work`, which throws nothing, on a thread of its own, with all signals blocked. The future is ready when the work has
// returned. Throws std::system_error when no thread can be started. A few threads that are done wait for more work: starting
// one takes longer than most calls that are made on it.
std::future<void> RunOnThread(std::function<void()> work);

}  // namespace xenops
