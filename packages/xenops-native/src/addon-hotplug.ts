/** The addon's calls that connect disks and networks (cpp/hotplug.cc). They need no hypervisor. */
import type { AddonOperation } from './addon-types.ts';

declare const holdBrand: unique symbol;

/** Keeps a loop device alive until it is kept or collected. */
export interface LoopHold {
  readonly [holdBrand]: true;
}

export interface AddonLoop {
  /** `/dev/loopN`. */
  readonly devicePath: string;
  readonly major: number;
  readonly minor: number;
  readonly hold: LoopHold;
}

/** What to change about a network link; what is undefined stays. */
export interface AddonLinkChange {
  /** The bridge to join; empty leaves the one it is in. */
  readonly bridge?: string | undefined;
  readonly mtu?: number | undefined;
  readonly isUp?: boolean | undefined;
  /** Its new name; only a link that is down can be renamed. */
  readonly name?: string | undefined;
}

export interface AddonHotplug {
  /** LOOP_CTL_GET_FREE and LOOP_CONFIGURE, with LO_FLAGS_AUTOCLEAR. */
  startAttachLoop(filePath: string, readOnly: boolean): AddonOperation<AddonLoop>;
  /** LOOP_SET_STATUS64 without LO_FLAGS_AUTOCLEAR, then closes the hold. */
  keepLoop(hold: LoopHold): void;
  /** LOOP_CLR_FD. */
  startDetachLoop(devicePath: string): AddonOperation<void>;
  /** RTM_NEWLINK. */
  startChangeLink(link: string, change: AddonLinkChange): AddonOperation<void>;
  /** `sendmsg` with SCM_RIGHTS, without waiting: EAGAIN when the socket is full. */
  sendOpenFile(socketFd: number, text: string, fileFd: number): void;
}

export const HOTPLUG_ARITY: Readonly<Record<keyof AddonHotplug, number>> = {
  startAttachLoop: 2,
  keepLoop: 1,
  startDetachLoop: 1,
  startChangeLink: 2,
  sendOpenFile: 3,
};
