// An image under construction in libxenguest.
#pragma once

#include <cerrno>

#include "handle.h"

namespace xenops {

// Owns an xc_dom_image. Must go before the connection it was made on and after the files it refers to.
class DomImage {
 public:
  // Null for a guest that takes no command line from the builder.
  DomImage(XcHandle& xc, const char* cmdline) : xc_(xc) {
    xc_.Begin();
    image_ = xc_dom_allocate(xc_.get(), cmdline, nullptr);
    if (image_ == nullptr) throw xc_.Failed("xc_dom_allocate");
  }
  ~DomImage() { xc_dom_release(image_); }
  DomImage(const DomImage&) = delete;
  DomImage& operator=(const DomImage&) = delete;

  xc_dom_image* operator->() const { return image_; }
  XcHandle& connection() const { return xc_; }

  // Makes the call with the image in front of the arguments; any result but 0 is thrown as a Failure.
  template <typename Function, typename... Arguments>
  void Call(const char* name, Function function, Arguments... arguments) {
    xc_.Begin();
    if (function(image_, arguments...) != 0) throw xc_.Failed(name);
  }

  // The frame a guest's page lies in: a machine frame for PV, the same number for the others.
  std::uint64_t FrameOf(xen_pfn_t pfn) const {
    const xen_pfn_t frame = xc_dom_p2m(image_, pfn);
    if (frame == INVALID_MFN) throw Failure("xc_dom_p2m", EINVAL);
    return frame;
  }

 private:
  XcHandle& xc_;
  xc_dom_image* image_ = nullptr;
};

}  // namespace xenops
