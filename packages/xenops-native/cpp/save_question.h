// A question of the thread that saves to JavaScript, which may take its time to answer.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

namespace xenops {

// Shared between the thread, which waits, and the function by which JavaScript answers, which may be called at any time
// later or never.
class SaveQuestion {
 public:
  // The function that answers; a second answer has no effect.
  static Napi::Function MakeReply(Napi::Env env, const std::shared_ptr<SaveQuestion>& question) {
    return Napi::Function::New(
        env,
        [question](const Napi::CallbackInfo& info) {
          question->Answer(info[0].As<Napi::Number>().Int32Value());
        },
        "reply");
  }

  void Answer(int answer) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (!answer_) answer_ = answer;
    answered_.notify_all();
  }

  int Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    answered_.wait(lock, [this] { return answer_.has_value(); });
    return *answer_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<int> answer_;
};

}  // namespace xenops
