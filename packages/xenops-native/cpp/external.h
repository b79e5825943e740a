// Objects of ours in the hands of JavaScript: opaque values that nothing else can be mistaken for.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

namespace xenops {

// Each kind of object has a tag of its own, so that one of another kind or addon is refused and not misread.
template <typename T>
struct External {
  // Hands a share of the object to JavaScript, which gives it back when the value is collected.
  static Napi::Value Wrap(Napi::Env env, std::shared_ptr<T> object) {
    auto share = std::make_unique<std::shared_ptr<T>>(std::move(object));
    const auto external = Napi::External<std::shared_ptr<T>>::New(
        env, share.get(), [](Napi::Env, std::shared_ptr<T>* last) { delete last; });
    share.release();
    external.TypeTag(&T::kTag);
    return external;
  }

  // The object a value stands for; TypeError when it is none.
  static const std::shared_ptr<T>& Read(const Napi::Value& value) {
    if (value.IsExternal()) {
      const auto external = value.As<Napi::External<std::shared_ptr<T>>>();
      if (external.CheckTypeTag(&T::kTag)) return *external.Data();
    }
    throw Napi::TypeError::New(value.Env(),
                               std::string("the first argument must come from ") + T::kOpenedBy);
  }
};

}  // namespace xenops
