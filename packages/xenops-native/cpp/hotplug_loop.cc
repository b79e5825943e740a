#include "hotplug_loop.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "failure.h"

namespace xenops {
namespace {

// Others take free devices too; so many times in a row they are not faster by chance.
constexpr int kAttempts = 64;

UniqueFd Open(const char* path, int flags) {
  UniqueFd fd(open(path, flags | O_CLOEXEC));
  if (fd.get() < 0) throw Failure(std::string("open ") + path, errno);
  return fd;
}

}  // namespace

LoopDevice AttachLoop(const std::string& file_path, bool read_only) {
  const int mode = read_only ? O_RDONLY : O_RDWR;
  const UniqueFd file = Open(file_path.c_str(), mode);
  const UniqueFd control = Open("/dev/loop-control", O_RDWR);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) throw Failure("LOOP_CTL_GET_FREE", errno);
    LoopDevice device;
    device.path = "/dev/loop" + std::to_string(number);
    device.hold = Open(device.path.c_str(), mode);
    loop_config config = {};
    config.fd = static_cast<__u32>(file.get());
    // With the last descriptor closed it goes by itself, also when this process is killed.
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0);
    std::strncpy(reinterpret_cast<char*>(config.info.lo_file_name), file_path.c_str(),
                 LO_NAME_SIZE - 1);
    if (ioctl(device.hold.get(), LOOP_CONFIGURE, &config) == 0) {
      struct stat node = {};
      if (fstat(device.hold.get(), &node) != 0) throw Failure("fstat", errno);
      device.rdev = node.st_rdev;
      return device;
    }
    if (errno != EBUSY) throw Failure("LOOP_CONFIGURE", errno);
  }
  throw Failure("LOOP_CONFIGURE", EBUSY);
}

void KeepLoop(UniqueFd& hold) {
  loop_info64 info = {};
  if (ioctl(hold.get(), LOOP_GET_STATUS64, &info) != 0) throw Failure("LOOP_GET_STATUS64", errno);
  info.lo_flags &= ~static_cast<__u32>(LO_FLAGS_AUTOCLEAR);
  if (ioctl(hold.get(), LOOP_SET_STATUS64, &info) != 0) throw Failure("LOOP_SET_STATUS64", errno);
  hold.Close();
}

void DetachLoop(const std::string& device_path) {
  const UniqueFd device = Open(device_path.c_str(), O_RDONLY);
  // ENXIO: it has no file any more.
  if (ioctl(device.get(), LOOP_CLR_FD) != 0 && errno != ENXIO) throw Failure("LOOP_CLR_FD", errno);
}

}  // namespace xenops
