/** What the parts of the manager share. */
import type { Logger } from '@xenops/core/daemon';
import type { Host } from '@xenops/core/host';
import type { Bus } from '@xenops/rpcgen/runtime';
import type { Locks } from '../concurrency/locks.ts';
import type { Database } from '../db/database.ts';
import type { VmLife } from '../life/life.ts';
import type { Monitors } from '../monitor/monitors.ts';
import type { Announcer } from './announcer.ts';
import type { Peers } from '../peers/peers.ts';
import type { Places } from './places.ts';
import type { RunProgram } from './programs.ts';

/** The surroundings of every part: nothing in it changes while the manager runs. */
export interface Surroundings {
  readonly database: Database;
  /** Hypervisor, xenstore, clock, PCI devices. */
  readonly host: Host;
  readonly bus: Bus;
  readonly log: Logger;
  readonly places: Places;
  readonly locks: Locks;
  readonly run: RunProgram;
  readonly peers: Peers;
  readonly announce: Announcer;
  readonly monitors: Monitors;
}

/** The whole manager. */
export interface Manager extends Surroundings {
  readonly life: VmLife;
}
