#include "xenstore_handle.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "failure.h"

namespace xenops {
namespace {

// A call that failed, by errno; becomes an error reply.
struct Refused {
  int error_number;
};

template <typename T>
using Allocated = std::unique_ptr<T, decltype(&std::free)>;

// Takes over what a call has allocated; a null pointer is its way to fail.
template <typename T>
Allocated<T> Take(T* allocated) {
  if (allocated == nullptr) throw Refused{errno};
  return Allocated<T>(allocated, &std::free);
}

std::string Done(bool succeeded) {
  if (!succeeded) throw Refused{errno};
  return std::string("OK\0", 3);
}

// With its NUL.
std::string Text(const char* text) { return std::string(text, std::strlen(text) + 1); }

std::string ErrorName(int error_number) {
  for (const auto& error : xsd_errors) {
    if (error.errnum == error_number) return Text(error.errstring);
  }
  return Text("EIO");
}

void Append(std::string& messages, const xsd_sockmsg& header, const std::string& payload) {
  messages.append(reinterpret_cast<const char*>(&header), sizeof header);
  messages.append(payload);
}

unsigned long ParseNumber(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const unsigned long number = std::strtoul(text.c_str(), &end, 10);
  if (text.empty() || text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
    throw Refused{EINVAL};
  }
  return number;
}

unsigned int ParseU32(const std::string& text) {
  const unsigned long number = ParseNumber(text);
  if (number > 0xffffffffUL) throw Refused{EINVAL};
  return static_cast<unsigned int>(number);
}

// The letter of a permission at the place of its bits XS_PERM_READ and XS_PERM_WRITE.
constexpr char kPermissionLetters[] = "nrwb";

xs_permissions ParsePermission(const std::string& text) {
  const char* letter = text.empty() ? nullptr : std::strchr(kPermissionLetters, text[0]);
  if (letter == nullptr) throw Refused{EINVAL};
  return {ParseU32(text.substr(1)), static_cast<unsigned int>(letter - kPermissionLetters)};
}

}  // namespace

struct StoreHandle::Request {
  xsd_sockmsg header;
  std::string payload;
  // The payload's texts, each of which ends with a NUL; what follows the last NUL is not among them.
  std::vector<std::string> texts;

  explicit Request(const std::string& message) {
    std::memcpy(&header, message.data(), sizeof header);
    payload = message.substr(sizeof header);
    for (std::size_t start = 0, end; (end = payload.find('\0', start)) != std::string::npos;
         start = end + 1) {
      texts.push_back(payload.substr(start, end - start));
    }
  }

  // Throws where there is none.
  const std::string& At(std::size_t index) const {
    if (index >= texts.size()) throw Refused{EINVAL};
    return texts[index];
  }
  xs_transaction_t transaction() const { return header.tx_id; }
};

StoreHandle::StoreHandle() : xs_(xs_open(0)) {
  if (xs_ == nullptr) throw Failure("xs_open", errno);
  events_fd_ = xs_fileno(xs_);
  if (events_fd_ >= 0) return;
  const int error = errno;
  xs_close(xs_);
  throw Failure("xs_fileno", error);
}

std::string StoreHandle::Perform(const std::string& message) {
  const Request request(message);
  xsd_sockmsg header = request.header;
  std::string payload;
  try {
    payload = Reply(request);
  } catch (const Refused& refused) {
    header.type = XS_ERROR;
    payload = ErrorName(refused.error_number);
  }
  header.len = static_cast<std::uint32_t>(payload.size());
  std::string reply;
  Append(reply, header, payload);
  return reply;
}

bool StoreHandle::TakeEvents(std::string& messages) {
  while (char** event = xs_check_watch(xs_)) {
    const Allocated<char*> owner = Take(event);
    const std::string payload = Text(event[XS_WATCH_PATH]) + Text(event[XS_WATCH_TOKEN]);
    Append(messages, {XS_WATCH_EVENT, 0, 0, static_cast<std::uint32_t>(payload.size())}, payload);
  }
  // Any other errno says that there is nothing to wait for any more.
  return errno == EAGAIN;
}

std::string StoreHandle::Reply(const Request& request) {
  switch (request.header.type) {
    case XS_DIRECTORY:
    case XS_READ:
    case XS_GET_PERMS:
    case XS_MKDIR:
    case XS_RM:
      // The library takes no more than a path; a daemon refuses more.
      if (request.texts.size() > 1) throw Refused{EINVAL};
      return OnPath(request, request.At(0).c_str());
    case XS_WRITE:
      return OnPath(request, request.At(0).c_str());
    case XS_SET_PERMS:
      return SetPermissions(request);
    case XS_WATCH:
    case XS_UNWATCH:
      return Watch(request);
    case XS_RESET_WATCHES:
      return ResetWatches();
    case XS_TRANSACTION_START: {
      const xs_transaction_t id = xs_transaction_start(xs_);
      if (id == XBT_NULL) throw Refused{errno};
      return Text(std::to_string(id).c_str());
    }
    case XS_TRANSACTION_END:
      if (request.At(0) != "T" && request.At(0) != "F") throw Refused{EINVAL};
      return Done(xs_transaction_end(xs_, request.transaction(), request.At(0) == "F"));
    case XS_INTRODUCE:
      return Done(xs_introduce_domain(xs_, ParseU32(request.At(0)), ParseNumber(request.At(1)),
                                      ParseU32(request.At(2))));
    case XS_SET_TARGET:
      return Done(xs_set_target(xs_, ParseU32(request.At(0)), ParseU32(request.At(1))));
    case XS_RELEASE:
    case XS_RESUME:
    case XS_GET_DOMAIN_PATH:
    case XS_IS_DOMAIN_INTRODUCED:
      return OnDomain(request, ParseU32(request.At(0)));
    case XS_CONTROL:
      return Control(request);
    default:
      // XS_DIRECTORY_PART is the library's own affair: its xs_directory gives long lists whole.
      throw Refused{ENOSYS};
  }
}

std::string StoreHandle::OnPath(const Request& request, const char* path) {
  const xs_transaction_t transaction = request.transaction();
  unsigned int count = 0;
  std::string payload;
  switch (request.header.type) {
    case XS_READ: {
      const auto value = Take(xs_read(xs_, transaction, path, &count));
      return std::string(static_cast<const char*>(value.get()), count);
    }
    case XS_WRITE: {
      const std::size_t start = std::strlen(path) + 1;
      return Done(xs_write(xs_, transaction, path, request.payload.data() + start,
                           static_cast<unsigned int>(request.payload.size() - start)));
    }
    case XS_MKDIR:
      return Done(xs_mkdir(xs_, transaction, path));
    case XS_RM:
      return Done(xs_rm(xs_, transaction, path));
    case XS_DIRECTORY: {
      const auto names = Take(xs_directory(xs_, transaction, path, &count));
      for (unsigned int i = 0; i < count; i++) payload += Text(names.get()[i]);
      return payload;
    }
    default: {
      const auto list = Take(xs_get_permissions(xs_, transaction, path, &count));
      for (unsigned int i = 0; i < count; i++) {
        const xs_permissions& entry = list.get()[i];
        const char letter = kPermissionLetters[entry.perms & (XS_PERM_READ | XS_PERM_WRITE)];
        payload += Text((letter + std::to_string(entry.id)).c_str());
      }
      return payload;
    }
  }
}

std::string StoreHandle::OnDomain(const Request& request, unsigned int domid) {
  switch (request.header.type) {
    case XS_RELEASE:
      return Done(xs_release_domain(xs_, domid));
    case XS_RESUME:
      return Done(xs_resume_domain(xs_, domid));
    case XS_GET_DOMAIN_PATH:
      return Text(Take(xs_get_domain_path(xs_, domid)).get());
    default: {
      // The call has no other way to tell a failure from a no.
      errno = 0;
      const bool introduced = xs_is_domain_introduced(xs_, domid);
      if (!introduced && errno != 0) throw Refused{errno};
      return Text(introduced ? "T" : "F");
    }
  }
}

std::string StoreHandle::Watch(const Request& request) {
  std::pair<std::string, std::string> watch(request.At(0), request.At(1));
  const char* path = watch.first.c_str();
  const char* token = watch.second.c_str();
  if (request.header.type == XS_WATCH) {
    std::string done = Done(xs_watch(xs_, path, token));
    watches_.push_back(std::move(watch));
    return done;
  }
  std::string done = Done(xs_unwatch(xs_, path, token));
  const auto known = std::find(watches_.begin(), watches_.end(), watch);
  if (known != watches_.end()) watches_.erase(known);
  return done;
}

std::string StoreHandle::ResetWatches() {
  while (!watches_.empty()) {
    const auto [path, token] = std::move(watches_.back());
    watches_.pop_back();
    // A watch that the daemon does not know any more is what was asked for.
    if (!xs_unwatch(xs_, path.c_str(), token.c_str()) && errno != ENOENT) throw Refused{errno};
  }
  return Done(true);
}

std::string StoreHandle::SetPermissions(const Request& request) {
  std::vector<xs_permissions> list;
  for (std::size_t i = 1; i < request.texts.size(); i++) {
    list.push_back(ParsePermission(request.texts[i]));
  }
  return Done(xs_set_permissions(xs_, request.transaction(), request.At(0).c_str(), list.data(),
                                 static_cast<unsigned int>(list.size())));
}

std::string StoreHandle::Control(const Request& request) {
  const std::string& command = request.At(0);
  std::string words = request.payload.substr(command.size() + 1);
  return Text(Take(xs_control_command(xs_, command.c_str(), words.data(),
                                      static_cast<unsigned int>(words.size())))
                  .get());
}

}  // namespace xenops
