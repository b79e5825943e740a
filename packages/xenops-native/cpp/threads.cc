#include "threads.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "signals_blocked.h"

namespace xenops {
namespace {

using Task = std::packaged_task<void()>;

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

void WorkUntilEnoughAreIdle(Task first) {
  first();
  // What it holds goes now, not with the next.
  first = Task();
  Threads& threads = TheThreads();
  std::unique_lock<std::mutex> lock(threads.mutex);
  while (threads.idle_count < kIdleMax) {
    ++threads.idle_count;
    threads.work_came.wait(lock, [&threads] { return !threads.work.empty(); });
    --threads.idle_count;
    Task next = std::move(threads.work.front());
    threads.work.pop_front();
    lock.unlock();
    next();
    next = Task();
    lock.lock();
  }
}

}  // namespace

std::future<void> RunOnThread(std::function<void()> work) {
  Task task(std::move(work));
  std::future<void> done = task.get_future();
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
