#include "hotplug_link.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "failure.h"
#include "unique_fd.h"

namespace xenops {
namespace {

constexpr std::size_t kMessageBytes = 512;

// One RTM_NEWLINK request, its attributes appended one after another.
class LinkRequest {
 public:
  explicit LinkRequest(unsigned index) {
    message_.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
    message_.header.nlmsg_type = RTM_NEWLINK;
    message_.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    message_.header.nlmsg_seq = 1;
    message_.info.ifi_family = AF_UNSPEC;
    message_.info.ifi_index = static_cast<int>(index);
  }

  void SetUp(bool is_up) {
    message_.info.ifi_change |= IFF_UP;
    message_.info.ifi_flags = is_up ? IFF_UP : 0;
  }

  void Add(unsigned short type, const void* data, std::size_t length) {
    const std::size_t at = NLMSG_ALIGN(message_.header.nlmsg_len);
    if (at + RTA_SPACE(length) > sizeof message_) throw Failure("RTM_NEWLINK", EMSGSIZE);
    auto* attribute = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(&message_) + at);
    attribute->rta_type = type;
    attribute->rta_len = static_cast<unsigned short>(RTA_LENGTH(length));
    std::memcpy(RTA_DATA(attribute), data, length);
    message_.header.nlmsg_len = static_cast<__u32>(at + RTA_LENGTH(length));
  }

  // Sends it and waits for the kernel's word.
  void Send() const {
    const UniqueFd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (netlink.get() < 0) throw Failure("socket", errno);
    sockaddr_nl kernel = {};
    kernel.nl_family = AF_NETLINK;
    if (sendto(netlink.get(), &message_, message_.header.nlmsg_len, 0,
               reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
      throw Failure("sendto", errno);
    }
    alignas(nlmsghdr) char answer[4096];
    const ssize_t received = recv(netlink.get(), answer, sizeof answer, 0);
    if (received < 0) throw Failure("recv", errno);
    const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
    if (!NLMSG_OK(header, static_cast<std::size_t>(received)) ||
        header->nlmsg_type != NLMSG_ERROR) {
      throw Failure("RTM_NEWLINK", EPROTO);
    }
    const int error = static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
    if (error != 0) throw Failure("RTM_NEWLINK", -error);
  }

 private:
  struct {
    nlmsghdr header;
    ifinfomsg info;
    char attributes[kMessageBytes];
  } message_ = {};
};

unsigned IndexOf(const std::string& link) {
  const unsigned index = if_nametoindex(link.c_str());
  if (index == 0) throw Failure("if_nametoindex " + link, errno);
  return index;
}

}  // namespace

void ChangeLink(const std::string& link, const LinkChange& change) {
  LinkRequest request(IndexOf(link));
  if (change.bridge.has_value()) {
    const __u32 bridge = change.bridge->empty() ? 0 : IndexOf(*change.bridge);
    request.Add(IFLA_MASTER, &bridge, sizeof bridge);
  }
  if (change.mtu.has_value()) {
    const __u32 mtu = *change.mtu;
    request.Add(IFLA_MTU, &mtu, sizeof mtu);
  }
  if (change.name.has_value()) {
    request.Add(IFLA_IFNAME, change.name->c_str(), change.name->size() + 1);
  }
  if (change.is_up.has_value()) request.SetUp(*change.is_up);
  request.Send();
}

}  // namespace xenops
