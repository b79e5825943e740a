#include "kernel_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace xenops {
namespace {

// What an entry begins with. The kernel follows.
struct alignas(16) Header {
  char magic[8];
  std::uint64_t size_bytes;
  std::uint64_t checksum;
  Digest packed;
};
constexpr char kMagic[sizeof(Header::magic)] = {'x', 'e', 'n', 'o', 'p', 's', 'K', '1'};

std::string NameOf(const Digest& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  for (const std::uint8_t byte : digest) {
    name += kDigits[byte >> 4];
    name += kDigits[byte & 0xf];
  }
  return name;
}

bool IsEntryName(const std::string& name) {
  return name.size() == 2 * sizeof(Digest) &&
         name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Descriptor OpenFolder(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash != std::string::npos && slash > 0) mkdir(path.substr(0, slash).c_str(), 0755);
  mkdir(path.c_str(), 0700);
  Descriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat about {};
  // Whoever can write there decides what guests boot.
  if (!folder.is_open() || fstat(folder.get(), &about) != 0 || about.st_uid != geteuid() ||
      (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Descriptor(-1);
  }
  return folder;
}

bool WriteAll(const Descriptor& file, const void* data, std::size_t size_bytes) {
  for (const char* at = static_cast<const char*>(data); size_bytes > 0;) {
    const ssize_t count = write(file.get(), at, size_bytes);
    if (count <= 0) return false;
    at += count;
    size_bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

const Header& HeaderOf(const Mapping& entry) {
  return *reinterpret_cast<const Header*>(entry.data());
}

bool IsHeaderOf(const Mapping& entry, const Digest& packed) {
  const Header& header = HeaderOf(entry);
  return std::equal(std::begin(kMagic), std::end(kMagic), header.magic) &&
         header.packed == packed && header.size_bytes == entry.size_bytes() - sizeof(Header);
}

bool IsUndamaged(const Mapping& entry) {
  const Header& header = HeaderOf(entry);
  return header.checksum == ChecksumOf(entry.data() + sizeof(Header), header.size_bytes);
}

// A file as it was when all of it was checked: whoever writes to it gives it another time.
struct CheckedFile {
  dev_t device;
  ino_t inode;
  off_t size_bytes;
  struct timespec written_at;

  bool IsStill(const struct stat& now) const {
    return device == now.st_dev && inode == now.st_ino && size_bytes == now.st_size &&
           written_at.tv_sec == now.st_mtim.tv_sec && written_at.tv_nsec == now.st_mtim.tv_nsec;
  }
};

// The entries that this process has found whole: checking one takes longer than all else that is done with it but copying it
// into a guest.
class CheckedFiles {
 public:
  bool Has(const struct stat& about) {
    const std::lock_guard<std::mutex> guard(mutex_);
    return std::any_of(files_.begin(), files_.end(),
                       [&](const CheckedFile& file) { return file.IsStill(about); });
  }
  void Add(const struct stat& about) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (files_.size() == kCountMax) files_.pop_front();
    files_.push_back({about.st_dev, about.st_ino, about.st_size, about.st_mtim});
  }

 private:
  // More kernels than any cache has room for; what is forgotten is checked again.
  static constexpr std::size_t kCountMax = 16;
  std::mutex mutex_;
  std::deque<CheckedFile> files_;
};

// Never destroyed: threads may be at work when the process ends.
CheckedFiles& CheckedByThisProcess() {
  static CheckedFiles* const files = new CheckedFiles;
  return *files;
}

struct Entry {
  std::string name;
  std::uint64_t size_bytes;
  struct timespec used_at;
};

bool IsUsedEarlier(const Entry& a, const Entry& b) {
  return a.used_at.tv_sec != b.used_at.tv_sec ? a.used_at.tv_sec < b.used_at.tv_sec
                                              : a.used_at.tv_nsec < b.used_at.tv_nsec;
}

std::vector<Entry> EntriesOf(const Descriptor& folder) {
  std::vector<Entry> entries;
  // The stream takes a descriptor of its own.
  const int fd = openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fd < 0 ? nullptr : fdopendir(fd), closedir);
  if (listing == nullptr) return entries;
  while (const dirent* const found = readdir(listing.get())) {
    struct stat about {};
    if (!IsEntryName(found->d_name) ||
        fstatat(folder.get(), found->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    entries.push_back({found->d_name, static_cast<std::uint64_t>(about.st_size), about.st_atim});
  }
  std::sort(entries.begin(), entries.end(), IsUsedEarlier);
  return entries;
}

}  // namespace

const void* CachedKernel::data() const { return entry_.data() + sizeof(Header); }
std::size_t CachedKernel::size_bytes() const { return entry_.size_bytes() - sizeof(Header); }

KernelCache::KernelCache(const std::string& folder, std::uint64_t bytes_max)
    : folder_(OpenFolder(folder)), bytes_max_(bytes_max) {}

std::optional<CachedKernel> KernelCache::Find(const Digest& packed, std::size_t bytes_max) {
  if (!folder_.is_open()) return std::nullopt;
  const std::string name = NameOf(packed);
  const Descriptor file(openat(folder_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat about {};
  if (!file.is_open() || fstat(file.get(), &about) != 0) return std::nullopt;
  const auto size_bytes = static_cast<std::size_t>(about.st_size);
  if (S_ISREG(about.st_mode) && size_bytes > sizeof(Header) &&
      size_bytes - sizeof(Header) <= bytes_max) {
    Mapping entry = Mapping::OfFile(file.get(), size_bytes);
    const bool is_known = CheckedByThisProcess().Has(about);
    if (IsHeaderOf(entry, packed) && (is_known || IsUndamaged(entry))) {
      if (!is_known) CheckedByThisProcess().Add(about);
      // The time of its last use; without it, it is only evicted too early.
      const struct timespec used_now[] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
      futimens(file.get(), used_now);
      return CachedKernel(std::move(entry));
    }
  }
  unlinkat(folder_.get(), name.c_str(), 0);
  return std::nullopt;
}

void KernelCache::Store(const Digest& packed, const void* data, std::size_t size_bytes) {
  if (!folder_.is_open()) return;
  const Descriptor file(
      openat(folder_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.is_open()) return;
  Header header{};
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  header.size_bytes = size_bytes;
  header.checksum = ChecksumOf(data, size_bytes);
  header.packed = packed;
  // Room comes first: the folder may lie in memory. Held until the end, so that two do not take the same room.
  if (flock(folder_.get(), LOCK_EX) != 0) return;
  if (MakeRoom(sizeof header + size_bytes) && WriteAll(file, &header, sizeof header) &&
      WriteAll(file, data, size_bytes)) {
    const std::string unnamed = "/proc/self/fd/" + std::to_string(file.get());
    // Fails when somebody was quicker, and has stored the same.
    linkat(AT_FDCWD, unnamed.c_str(), folder_.get(), NameOf(packed).c_str(), AT_SYMLINK_FOLLOW);
  }
  flock(folder_.get(), LOCK_UN);
}

bool KernelCache::MakeRoom(std::uint64_t bytes_needed) {
  if (bytes_needed > bytes_max_) return false;
  const std::vector<Entry> entries = EntriesOf(folder_);
  std::uint64_t bytes_used = 0;
  for (const Entry& entry : entries) bytes_used += entry.size_bytes;
  for (const Entry& entry : entries) {
    if (bytes_used + bytes_needed <= bytes_max_) break;
    if (unlinkat(folder_.get(), entry.name.c_str(), 0) == 0) bytes_used -= entry.size_bytes;
  }
  return bytes_used + bytes_needed <= bytes_max_;
}

}  // namespace xenops
