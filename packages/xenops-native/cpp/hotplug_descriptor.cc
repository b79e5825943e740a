#include "hotplug_descriptor.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "failure.h"

namespace xenops {

void SendDescriptor(int socket, const std::string& text, int descriptor) {
  iovec part = {const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) throw Failure("sendmsg", errno);
  // The descriptor went with the part that was sent.
  if (static_cast<std::size_t>(sent) != text.size()) throw Failure("sendmsg", EMSGSIZE);
}

}  // namespace xenops
