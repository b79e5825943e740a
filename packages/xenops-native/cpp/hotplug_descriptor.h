// Passing open files to other processes.
#pragma once

#include <string>

namespace xenops {

// Sends the text on a connected unix socket together with a descriptor (SCM_RIGHTS); never waits. Throws Failure.
void SendDescriptor(int socket, const std::string& text, int descriptor);

}  // namespace xenops
