// Loop devices (linux/loop.h). Throw Failure.
#pragma once

#include <sys/types.h>

#include <string>

#include "unique_fd.h"

namespace xenops {

struct LoopDevice {
  std::string path;
  dev_t rdev = 0;
  // Until it is kept, the device lives as long as this.
  UniqueFd hold;
};

// Puts a file behind a free device.
LoopDevice AttachLoop(const std::string& file_path, bool read_only);
// Lets it outlive the hold, and closes that.
void KeepLoop(UniqueFd& hold);
// Takes the file away; when somebody uses the device, as soon as he closes it.
void DetachLoop(const std::string& device_path);

}  // namespace xenops
