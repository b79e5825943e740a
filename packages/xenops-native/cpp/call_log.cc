#include "call_log.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace xenops {

void CallLog::OnMessage(xentoollog_logger* logger, xentoollog_level level, int errnoval, const char*,
                        const char* format, std::va_list arguments) {
  if (level < XTL_WARN) return;
  const int caller_errno = errno;
  char line[kLineBytesMax];
  int length = std::vsnprintf(line, sizeof line, format, arguments);
  if (length >= 0 && errnoval > 0 && static_cast<std::size_t>(length) < sizeof line) {
    char reason[128];
    std::snprintf(line + length, sizeof line - static_cast<std::size_t>(length), " (%s)",
                  strerror_r(errnoval, reason, sizeof reason));
  }
  if (length >= 0) {
    // Called from C: no exception may leave. Without memory the line is lost, the error itself is not.
    try {
      reinterpret_cast<Hook*>(logger)->owner->Add(line);
    } catch (...) {
    }
  }
  errno = caller_errno;
}

void CallLog::OnProgress(xentoollog_logger* logger, const char*, const char*, int,
                         unsigned long done, unsigned long total) {
  const int caller_errno = errno;
  try {
    const CallLog& log = *reinterpret_cast<Hook*>(logger)->owner;
    if (log.on_progress_) log.on_progress_(done, total);
  } catch (...) {
    // As above: a message less.
  }
  errno = caller_errno;
}

void CallLog::Add(const char* line) {
  if (line_count_ >= kLineCountMax) return;
  ++line_count_;
  if (!text_.empty()) text_ += '\n';
  for (const char* at = line; *at != '\0'; ++at) {
    const auto byte = static_cast<unsigned char>(*at);
    // Names from a kernel image may be in it: no control characters reach a terminal.
    text_ += byte < 0x20 || byte == 0x7f ? ' ' : *at;
  }
}

}  // namespace xenops
