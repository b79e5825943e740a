// Reading the files of a build.
#pragma once

#include <cstddef>
#include <string>

#include "build_memory.h"

namespace xenops {

// The bytes of a whole regular file. They are read and not mapped: a file that somebody cuts short while libxenguest reads
// it would end the process with SIGBUS. Throws Failure: `open` or `read` with errno; ENODATA for an empty file, EFBIG for
// one over the limit, EISDIR or EINVAL for what is no file, ESTALE for one that changed while it was read.
Mapping ReadBuildFile(const std::string& path, std::size_t bytes_max);

}  // namespace xenops
