/** The host as a whole beyond what it has: topology, console, watchdog, security policy. */
import { HypervisorError } from '@xenops/core/errors';
import type { HostControl } from '@xenops/core/hypervisor';
import { kibFromBytesDown } from '@xenops/core/units';
import { onHost, type Connection, type Verbs } from './connection.ts';

type HostControlVerb =
  | 'cpuTopology'
  | 'numaNodes'
  | 'clearConsoleRing'
  | 'sendDebugKeys'
  | 'watchdog'
  | 'flaskEnforcing'
  | 'setFlaskEnforcing'
  | 'flaskSid'
  | 'flaskLabel';

export type HostControlVerbs = Verbs<Pick<HostControl, HostControlVerb>, 'sendDebugKeys'>;

/** The verbs of `HostControl` but those about schedulers. */
export function hostControlVerbs(connection: Connection): HostControlVerbs {
  return {
    cpuTopology: () =>
      connection.call(onHost('read where the cpus are'), (xc, addon) => addon.cpuTopology(xc)),
    numaNodes: () =>
      connection.call(onHost('read the NUMA nodes'), (xc, addon) =>
        addon.numaNodes(xc).map(({ totalBytes, freeBytes, ...rest }) => ({
          ...rest,
          totalMemoryKib: kibFromBytesDown(totalBytes),
          freeMemoryKib: kibFromBytesDown(freeBytes),
        })),
      ),
    clearConsoleRing: () =>
      connection.call(onHost("clear Xen's console"), (xc, addon) =>
        new TextDecoder().decode(addon.clearConsoleRing(xc)),
      ),
    async sendDebugKeys(keys) {
      await connection.run(onHost('send debug keys', { keys }), (xc, _, addon) =>
        addon.startSendDebugKeys(xc, keys),
      );
    },
    watchdog(id, timeoutSeconds) {
      const deed = onHost('set a watchdog', { id, timeoutSeconds });
      // Xen would make one that has run out already, and take the host down.
      if (id === 0 && timeoutSeconds === 0) {
        throw new HypervisorError('HYPERVISOR_BAD_ARGUMENT', {
          message: 'Cannot set a watchdog: a new one needs a time to run',
          context: deed.context,
        });
      }
      const answer = connection.call(deed, (xc, addon) => addon.watchdog(xc, id, timeoutSeconds));
      return id === 0 ? answer : id;
    },
    ...flaskVerbs(connection),
  };
}

type FlaskVerb = 'flaskEnforcing' | 'setFlaskEnforcing' | 'flaskSid' | 'flaskLabel';

function flaskVerbs(connection: Connection): Verbs<Pick<HostControl, FlaskVerb>> {
  return {
    flaskEnforcing: () =>
      connection.call(onHost('read whether FLASK enforces'), (xc, addon) =>
        addon.flaskEnforcing(xc),
      ),
    setFlaskEnforcing(enforcing) {
      connection.call(onHost('set whether FLASK enforces', { enforcing }), (xc, addon) => {
        addon.setFlaskEnforcing(xc, enforcing);
      });
    },
    flaskSid: (label) =>
      connection.call(onHost(`look up the FLASK label ${label}`, { label }), (xc, addon) =>
        addon.flaskSid(xc, label),
      ),
    flaskLabel: (sid) =>
      connection.call(onHost(`look up FLASK identifier ${sid}`, { sid }), (xc, addon) =>
        addon.flaskLabel(xc, sid),
      ),
  };
}
