/**
 * A host that refuses everything a test did not bring, and streams that keep what is written. It lies at the root of the
 * sources because both `run` and the commands are tested with it; nothing exports it.
 */
import { HypervisorError, XenStoreError } from '@xenops/core/errors';
import { nodeHostServices, systemClock, type Host, type HostServices } from '@xenops/core/host';
import type { Hypervisor } from '@xenops/core/hypervisor';
import type { XenStore } from '@xenops/core/xenstore';
import type { Streams } from './output/command-output.ts';

const noCall = (): Promise<never> =>
  Promise.reject(new HypervisorError('HYPERVISOR_CALL_FAILED', { message: 'Not in this test' }));
const noNode = (): Promise<never> =>
  Promise.reject(new XenStoreError('XENSTORE_NO_ENTRY', { message: 'Not in this test' }));
const nothing = (): Promise<void> => Promise.resolve();

/** A hypervisor with these verbs; every other one fails. */
function fakeHypervisor(verbs: Partial<Hypervisor>): Hypervisor {
  const base: Partial<Hypervisor> = { ...verbs, [Symbol.asyncDispose]: nothing };
  // Whatever is not there is a verb that fails, so the whole is a Hypervisor.
  return new Proxy(base, {
    get: (target, name): unknown => Reflect.get(target, name) ?? noCall,
  }) as Hypervisor;
}

/** A store without any nodes. */
const STORE: XenStore = {
  read: noNode,
  readBytes: noNode,
  find: () => Promise.resolve(undefined),
  directory: noNode,
  write: noNode,
  mkdir: noNode,
  rm: noNode,
  getPermissions: noNode,
  setPermissions: noNode,
  transaction: noNode,
  watch: noNode,
  introduce: noNode,
  release: noNode,
  resume: noNode,
  isIntroduced: noNode,
  setTarget: noNode,
  getDomainPath: noNode,
  resetWatches: noNode,
  control: noNode,
  [Symbol.asyncDispose]: nothing,
};

const SERVICES: HostServices = {
  ...nodeHostServices,
  clock: systemClock,
  ownProcess: () => Promise.resolve({ pid: 1, startTicks: '1' }),
  isAlive: () => Promise.resolve(true),
  listFolder: () => Promise.resolve([]),
  removeFile: nothing,
};

/** What a test brings of a host. */
export interface HostParts {
  readonly hypervisor?: Partial<Hypervisor>;
  readonly store?: Partial<XenStore>;
  readonly dispose?: () => Promise<void>;
}

/** A host made of these parts. */
export function fakeHost({ hypervisor, store, dispose = nothing }: HostParts = {}): Host {
  return {
    uri: 'sim:',
    hypervisor: fakeHypervisor({ ...hypervisor }),
    store: { ...STORE, ...store },
    services: SERVICES,
    [Symbol.asyncDispose]: dispose,
  };
}

/** Streams, and what was written to them. */
export class KeptStreams implements Streams {
  outText = '';
  errText = '';
  readonly out: Streams['out'] = { write: (text) => void (this.outText += text) };
  readonly err: Streams['err'] = { write: (text) => void (this.errText += text) };
}
