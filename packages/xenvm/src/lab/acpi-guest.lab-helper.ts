/** The disk of an HVM guest that has no Xen drivers and follows its buttons (acpi-guest.S): it boots, sleeps and wakes in a second. */
import { execFile } from 'node:child_process';
import { mkdtemp, truncate } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const SOURCE = path.join(import.meta.dirname, 'acpi-guest.S');
const DISK_BYTES = 1 << 20;
/** Where the BIOS puts a boot sector. */
const LINK = '-Wl,--oformat=binary,-Ttext=0x7c00,-melf_i386,--build-id=none';

/** What it writes to its serial port. */
export const ACPI_GUEST_SAYS = {
  up: 'ACPI-GUEST-UP',
  sleeps: 'ACPI-GUEST-SLEEPS',
  woke: 'ACPI-GUEST-WOKE',
  off: 'ACPI-GUEST-OFF',
} as const;

/** Where its disk holds the reason for which it ends at an NMI, a 16-bit number; 3, a crash, unless changed. */
export const ACPI_GUEST_REASON_OFFSET = 508;
/** Reasons that it may be (xen/include/public/sched.h). */
export const ACPI_GUEST_REASONS = { poweroff: 0, reboot: 1, crash: 3 } as const;

/** Makes the disk in a folder of its own. Needs gcc. */
export async function buildAcpiGuest(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'acpi-guest-'));
  const disk = path.join(folder, 'acpi-guest.img');
  await promisify(execFile)('gcc', [
    ...['-m32', '-nostdlib', '-static', '-no-pie', LINK],
    ...['-o', disk, SOURCE],
  ]);
  await truncate(disk, DISK_BYTES);
  return disk;
}
