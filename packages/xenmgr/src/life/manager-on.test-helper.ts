/** A manager, as far as the life of VMs goes, on an embedded host whose sockets and files lie in one folder. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock, type Host } from '@xenops/core/host';
import { Locks } from '../concurrency/locks.ts';
import type { Database } from '../db/database.ts';
import { placesBelow } from '../manager/places.ts';
import { runProgram } from '../manager/programs.ts';
import type { Monitors } from '../monitor/monitors.ts';
import { openMonitors } from '../monitor/open-monitors.ts';
import type { Peers } from '../peers/peers.ts';
import type { LifeOptions } from './context.ts';
import { createLife, type LifeService } from './create-life.ts';
import type { LifePart } from './life.ts';
import { keptLog, NO_BUS, NO_PEERS, stateAnnouncer } from './life-fakes.test-helper.ts';

/** The folder of all packages, from `src` and from `dist`. */
export const PACKAGES: string = fileURLToPath(new URL('../../..', import.meta.url));
const MONITOR = path.join(PACKAGES, 'xenvm', 'bin', 'xenvm.js');

/** Where, and who hears of it. */
export interface ManagerSite {
  readonly folder: string;
  readonly host: Host;
  readonly database: Database;
  readonly log: string[];
  readonly tell: (line: string) => void;
}

/** Opens it; nothing is adopted yet. The process that serves all VMs writes its pid to `monitor.pid`. */
export function openManagerOn(
  { folder, host, database, log: lines, tell }: ManagerSite,
  parts: readonly LifePart[] = [],
  options: Partial<LifeOptions> = {},
  peers: Partial<Peers> = {},
): { readonly life: LifeService; readonly monitors: Monitors } {
  const log = keptLog(lines);
  const words = [
    'serve',
    '--monitor-dbus',
    'false',
    '--pid-file',
    path.join(folder, 'monitor.pid'),
  ];
  const monitors = openMonitors({
    socketFolder: path.join(folder, 'sockets'),
    configFolder: path.join(folder, 'config'),
    command: [process.execPath, MONITOR, ...words],
    env: { XENOPS_CONNECT: `sim:${path.join(folder, 'sim')}` },
    log,
    clock: systemClock,
  });
  const announce = stateAnnouncer(tell);
  const places = placesBelow(path.join(folder, 'host'), path.join(folder, 'templates'));
  const life = createLife(
    {
      ...{ database, host, log, places, announce, monitors },
      ...{ bus: NO_BUS, locks: new Locks(), run: runProgram, peers: { ...NO_PEERS, ...peers } },
    },
    parts,
    { isHostIdle: () => true, ...options },
  );
  return { life, monitors };
}
