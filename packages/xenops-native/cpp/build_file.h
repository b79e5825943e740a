// Reading the files of a build.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <string>

#include "build_descriptor.h"
#include "build_memory.h"

namespace xenops {

// An open regular file, which must stay as it is for as long as it is read: half of one kernel and half of another must not be
// started, and not be remembered under the digest of neither. It is read and not mapped: a file that somebody cuts short while
// libxenguest reads it would end the process with SIGBUS.
class BuildFile {
 public:
  // Throws Failure: `open` with errno, EISDIR or EINVAL for what is no file; `read` with ENODATA for an empty one, EFBIG for
  // one over the limit.
  BuildFile(const std::string& path, std::size_t bytes_max);

  std::size_t size_bytes() const { return static_cast<std::size_t>(about_.st_size); }
  // Fills the memory with what lies at `offset`. Throws Failure: `read` with errno, ESTALE when the file ends before.
  void Read(void* data, std::size_t size_bytes, std::size_t offset) const;
  // To be called when all has been read. Throws Failure with ESTALE when the file has changed since it was opened.
  void CheckUnchanged() const;

 private:
  Descriptor file_;
  struct stat about_;
};

// All of a file; throws as the above.
Mapping ReadWhole(const BuildFile& file);
Mapping ReadBuildFile(const std::string& path, std::size_t bytes_max);

}  // namespace xenops
