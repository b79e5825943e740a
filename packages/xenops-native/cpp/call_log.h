// Collects what the Xen libraries log while one call runs, so that its error can say why.
#pragma once

#include <cstdarg>
#include <functional>
#include <string>
#include <utility>

#include "libxen.h"

namespace xenops {

class CallLog {
 public:
  CallLog() {
    hook_.vtable = {&CallLog::OnMessage, &CallLog::OnProgress, &CallLog::OnDestroy};
    hook_.owner = this;
  }
  CallLog(const CallLog&) = delete;
  CallLog& operator=(const CallLog&) = delete;

  // For xc_interface_open; owned by this object and never destroyed by the library.
  xentoollog_logger* logger() { return &hook_.vtable; }
  const std::string& text() const { return text_; }
  // Hears how far a call is, on the thread that makes it.
  using ProgressListener = std::function<void(unsigned long done, unsigned long total)>;
  void ListenToProgress(ProgressListener listener) { on_progress_ = std::move(listener); }
  void Clear() {
    text_.clear();
    line_count_ = 0;
  }

 private:
  // The library hands the table back to the callbacks; `owner` lies behind it.
  struct Hook {
    xentoollog_logger vtable;
    CallLog* owner;
  };
  // A library that fails in a loop must not fill an error message. The first lines are kept: they name the cause.
  static constexpr int kLineCountMax = 16;
  static constexpr std::size_t kLineBytesMax = 256;

  __attribute__((format(printf, 5, 0))) static void OnMessage(xentoollog_logger* logger,
                                                              xentoollog_level level, int errnoval,
                                                              const char* context,
                                                              const char* format,
                                                              std::va_list arguments);
  static void OnProgress(xentoollog_logger* logger, const char* context, const char* what,
                         int percent, unsigned long done, unsigned long total);
  static void OnDestroy(xentoollog_logger*) {}
  void Add(const char* line);

  Hook hook_{};
  ProgressListener on_progress_;
  std::string text_;
  int line_count_ = 0;
};

}  // namespace xenops
