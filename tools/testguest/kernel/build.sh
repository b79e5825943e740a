#!/bin/sh
# Builds the guest: build.sh OUTPUT. Needs gcc and libxen-dev; CC and XEN_INCLUDE choose others.
set -eu
output=$1
cd "$(dirname "$0")"
exec ${CC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -Wmissing-prototypes \
  -ffreestanding -nostdlib -static -no-pie -fno-pic -fno-stack-protector -fcf-protection=none \
  -fno-asynchronous-unwind-tables -fno-strict-aliasing -mno-red-zone -mgeneral-regs-only \
  ${XEN_INCLUDE:+-isystem "$XEN_INCLUDE"} -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ \
  -Wl,-T,testguest.ld -Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,-z,noexecstack \
  -o "$output" ./*.S ./*.c
