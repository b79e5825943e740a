// What the addon keeps for each environment that has loaded it. There is no other state for JavaScript, so that any number of
// them can.
#pragma once

#include <napi.h>

#include <memory>

namespace xenops {

class Mailbox;
struct InterfaceList;

struct Environment {
  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // Shared with the connections, which may outlive this when the environment ends.
  std::shared_ptr<InterfaceList> interfaces;
  // Null until the first long call. Owned by its own finalizer.
  Mailbox* mailbox = nullptr;
};

}  // namespace xenops
