// Network links by rtnetlink. Throw Failure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace xenops {

struct LinkChange {
  // The bridge to become a port of; empty to leave the one it is in.
  std::optional<std::string> bridge;
  std::optional<std::uint32_t> mtu;
  std::optional<bool> is_up;
  std::optional<std::string> name;
};

// Changes a link in one message: all of it, or an error. ENODEV when there is no such link or bridge.
void ChangeLink(const std::string& link, const LinkChange& change);

}  // namespace xenops
