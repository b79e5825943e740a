/** What a device model is started with. */
import type { GuestType } from '../hypervisor/hypervisor.ts';
import type { Domid } from '../ids.ts';
import type { DiskFormat } from '../devices/classes/vbd.ts';
import type { VncConfig } from '../devices/classes/framebuffer.ts';
import type { EmulatedCard } from '../devices/classes/vif.ts';

/** A disk that the guest sees on an emulated controller too. */
export interface EmulatedDisk {
  readonly vdev: string;
  /** Empty: a CD drive without a medium. */
  readonly path: string;
  readonly format: DiskFormat;
  readonly readOnly: boolean;
  readonly isCdrom: boolean;
}

/** A network interface that the guest sees as an emulated card too. */
export interface EmulatedNic {
  readonly devid: number;
  readonly mac: string;
  readonly model: EmulatedCard;
  readonly bridge: string;
}

/** Emulated sound cards. */
export const SOUND_CARDS = ['ac97', 'es1370', 'hda', 'sb16'] as const;
export type SoundCard = (typeof SOUND_CARDS)[number];

export interface DeviceModelConfig {
  readonly domid: Domid;
  readonly name: string;
  readonly guestType: GuestType;
  /** What the guest can balloon up to, less video memory. */
  readonly memoryKib: number;
  readonly vcpus: number;
  readonly onlineVcpus: number;
  readonly vnc?: VncConfig | undefined;
  readonly keymap?: string | undefined;
  readonly card?: 'cirrus' | 'std' | 'none' | undefined;
  readonly videoMemoryKib: number;
  /** `c` disk, `d` CD, `n` network, in order. */
  readonly bootOrder?: string | undefined;
  /** A kernel that qemu gives to the firmware in place of a boot disk. */
  readonly directKernel?:
    | {
        readonly kernelPath: string;
        readonly ramdiskPath?: string | undefined;
        readonly cmdline: string;
      }
    | undefined;
  /** Serial ports; `pty`, or another of qemu's character devices. */
  readonly serials?: readonly string[] | undefined;
  readonly usbTablet?: boolean | undefined;
  /** What it plays goes where qemu sends sound of its own accord. */
  readonly sound?: SoundCard | undefined;
  readonly acpi?: boolean | undefined;
  readonly disks: readonly EmulatedDisk[];
  readonly nics: readonly EmulatedNic[];
  /** State saved by `saveState`, to go on from. */
  readonly statePath?: string | undefined;
  readonly extraArgs?: readonly string[] | undefined;
  /** It can touch nothing but this domain (libxl's `dm_restrict`); HVM guests only. */
  readonly isConfined?: boolean | undefined;
  /** Where qemu is; Debian's unless said. */
  readonly qemuPath?: string | undefined;
}
