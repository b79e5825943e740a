// A file in memory, for the builder to read from.
#pragma once

#include <cstddef>
#include <string>

namespace xenops {

// Maps a whole regular file. All of it is read at once, so that a bad disk is an error here and not a SIGBUS in the middle
// of libxenguest. Throws Failure: `open`, `mmap` or `read` with errno; ENODATA for an empty file, EFBIG for one over the
// limit, EISDIR or EINVAL for what is no file.
class MappedFile {
 public:
  MappedFile(const std::string& path, std::size_t bytes_max);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const void* data() const { return data_; }
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t size_bytes_ = 0;
};

}  // namespace xenops
