#include "threads.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "signals_blocked.h"

namespace xenops {
namespace {

struct Task {
  std::function<void()> work;
  std::promise<void> done;
};

// More long calls than this at a time are rare, and each thread holds a stack.
constexpr std::size_t kIdleMax = 4;

// Shared by all environments of the process, as its memory is.
struct Threads {
  std::mutex mutex;
  std::condition_variable work_came;
  // Never more than there are idle threads.
  std::deque<Task> work;
  std::size_t idle_count = 0;
};

// Never destroyed: idle threads wait on it until the process ends.
Threads& TheThreads() {
  static Threads* const threads = new Threads;
  return *threads;
}

void WorkUntilEnoughAreIdle(Task task) {
  Threads& threads = TheThreads();
  for (;;) {
    task.work();
    task.work = nullptr;
    std::unique_lock<std::mutex> lock(threads.mutex);
    const bool is_spare = threads.idle_count == kIdleMax;
    if (!is_spare) ++threads.idle_count;
    lock.unlock();
    // Only now: whoever hears of it finds this thread free for the next call.
    task.done.set_value();
    if (is_spare) return;
    lock.lock();
    threads.work_came.wait(lock, [&threads] { return !threads.work.empty(); });
    --threads.idle_count;
    task = std::move(threads.work.front());
    threads.work.pop_front();
  }
}

}  // namespace

std::future<void> RunOnThread(std::function<void()> work) {
  Task task{std::move(work), {}};
  std::future<void> done = task.done.get_future();
  Threads& threads = TheThreads();
  std::unique_lock<std::mutex> lock(threads.mutex);
  if (threads.idle_count > threads.work.size()) {
    threads.work.push_back(std::move(task));
    lock.unlock();
    threads.work_came.notify_one();
    return done;
  }
  lock.unlock();
  const SignalsBlocked blocked;
  std::thread(WorkUntilEnoughAreIdle, std::move(task)).detach();
  return done;
}

}  // namespace xenops
