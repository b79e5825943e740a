/** What the life of VMs has around it, where a test does not care: nobody is there, and everything told is kept. */
import { createLogger, type Logger } from '@xenops/core/daemon';
import type { Announcer } from '../manager/announcer.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { Peers } from '../peers/peers.ts';

/** A log that keeps its lines. */
export function keptLog(lines: string[]): Logger {
  const write = (line: string): void => void lines.push(line.trimEnd());
  return createLogger({ level: 'debug', hasPriority: false, write }, 'test');
}

/** An announcer that passes on the changes of state, as `UUID STATE ACPI`. */
export function stateAnnouncer(tell: (line: string) => void): Announcer {
  const nothing = (): void => undefined;
  return {
    vmCreated: nothing,
    vmDeleted: nothing,
    vmNameChanged: nothing,
    vmStateChanged: (uuid, state, acpi) => tell(`${uuid} ${state} ${acpi}`),
    vmConfigChanged: nothing,
    vmTransferChanged: nothing,
    configChanged: nothing,
    languageChanged: nothing,
    cdAssignmentChanged: nothing,
    storageSpaceLow: nothing,
    hostStateChanged: nothing,
    licenseChanged: nothing,
    displayHandlerGpuChanged: nothing,
    gatherRequest: nothing,
    requestedAttention: nothing,
    vmPropertiesChanged: nothing,
    hostPropertiesChanged: nothing,
  };
}

const absent = async (): Promise<never> => {
  throw new ManagerError('PEER_ABSENT', { message: 'Nobody is there (test)' });
};

/** No daemon of the system runs. */
export const NO_PEERS: Peers = {
  input: {
    switchFocus: absent,
    setSlot: absent,
    updateSeamlessMouseSettings: absent,
    isAuthOnBoot: absent,
    beginAuth: absent,
    setAuthContext: absent,
    lock: absent,
    focusDomid: absent,
  },
  network: {
    isPresent: async () => false,
    isInitialized: absent,
    network: absent,
    networkBackend: absent,
    moveToNetwork: absent,
    ndvmStatus: absent,
  },
  display: { visibleDomids: absent, beforeS3: absent, afterS3: absent },
  usb: { vmStarted: absent, vmStopped: absent },
  agent: { isPresent: async () => false, request: absent },
  isOwned: async () => false,
};

/** A bus on which nobody answers. */
export const NO_BUS: { readonly call: () => Promise<never> } = { call: absent };
