/** The hypervisor of another process, over its socket: every verb of the table, and streams through descriptors of ours. */
import { createConnection } from 'node:net';
import { HypervisorError } from '@xenops/core/errors';
import type { Hypervisor, LongCallOptions } from '@xenops/core/hypervisor';
import { fdSink, fdSource } from '../hypervisor/save-restore-verbs.ts';
import {
  makeVerbs,
  VERBS,
  type AnyVerb,
  type HypervisorVerbs,
  type Verb,
} from '../hypervisor/verbs.ts';
import { remoteMachine, type MachineCalls } from './machine-verbs.ts';
import { RemoteCalls } from './remote-calls.ts';

/** The hypervisor, and what its Dom0 offers, over one connection; closing the first closes it. */
export interface RemoteHost {
  readonly hypervisor: Hypervisor;
  readonly machine: MachineCalls;
}

/** Connects. Rejects with the error of the socket when nobody listens there. */
export async function openRemoteHypervisor(socketPath: string): Promise<Hypervisor> {
  return (await openRemoteHost(socketPath)).hypervisor;
}

/** Connects. Rejects with the error of the socket when nobody listens there. */
export async function openRemoteHost(socketPath: string): Promise<RemoteHost> {
  const socket = createConnection({ path: socketPath });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.removeAllListeners('error');
  const calls = new RemoteCalls(socket);
  const remote: HypervisorVerbs = {
    ...makeVerbs((verb) => forwarder(calls, verb)),
    async openRings() {
      calls.checkOpen();
      throw new HypervisorError('HYPERVISOR_NOT_SUPPORTED', {
        message: 'Memory of a simulated host in another process cannot be mapped here',
        context: { call: 'xengnttab_open' },
      });
    },
    saveDomain: async (domid, { fd, ...spec }, options) =>
      remote.saveTo(domid, { ...spec, write: fdSink(fd) }, options),
    restoreDomain: async (domid, { fd, ...spec }, options) =>
      remote.restoreFrom(domid, { ...spec, read: fdSource(fd) }, options),
  };
  return {
    hypervisor: { ...remote, [Symbol.asyncDispose]: () => calls.close() },
    machine: remoteMachine((verb, args, options) => calls.call(verb, args, options)),
  };
}

/** Sends a verb over; the options of a long one stay here, being its last argument. */
function forwarder(calls: RemoteCalls, verb: Verb): AnyVerb {
  if (VERBS[verb] !== 'long') return (...args) => calls.call(verb, args);
  return (...args) => {
    const count = LONG_ARGUMENTS[verb] ?? 2;
    // Callers have the types of the interface.
    const options = args[count] as LongCallOptions | undefined;
    return calls.call(verb, args.slice(0, count), options);
  };
}

/** How many arguments stand before the options of a long verb, where it is not two. */
const LONG_ARGUMENTS: Readonly<Partial<Record<Verb, number>>> = { destroy: 1 };
