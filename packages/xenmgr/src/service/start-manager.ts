/**
 * The manager from its parts to its bus name, and back. Up: database, monitors, life of VMs, objects, and only then the
 * name, so that whoever finds the service finds all of it. Down: in the opposite order; VMs and their monitors run on.
 */
import { CleanupStack } from '@xenops/core/lifetime';
import type { Logger } from '@xenops/core/daemon';
import type { Host } from '@xenops/core/host';
import type { Bus } from '@xenops/rpcgen/runtime';
import { createLife, type LifeService } from '../life/create-life.ts';
import type { MonitorUnit } from '../monitor/monitor-options.ts';
import { openMonitors } from '../monitor/open-monitors.ts';
import { Locks } from '../concurrency/locks.ts';
import { CallerAccess, type AccessRule } from '../db/access.ts';
import type { Database } from '../db/database.ts';
import { serveDatabase } from '../db/service.ts';
import { ArgoFirewall } from '../firewall/argo-firewall.ts';
import { diskInterface } from '../disks/disk-object.ts';
import { hostInterfaces } from '../host/host-object.ts';
import { HostPower, type PowerCommands } from '../host/power.ts';
import { BusAnnouncer } from '../manager/bus-announcer.ts';
import type { Manager, Surroundings } from '../manager/manager.ts';
import type { Places } from '../manager/places.ts';
import { runProgram, type RunProgram } from '../manager/programs.ts';
import { nicInterface } from '../nics/nic-object.ts';
import { Authority } from '../objects/authority.ts';
import { exportObject, ObjectSet, type Served } from '../objects/object-set.ts';
import { HOST_PATH, ROOT_PATH } from '../objects/paths.ts';
import { bindGreedily } from '../pci/greedy-binding.ts';
import { pciInterface } from '../pci/pci-object.ts';
import { busPeers } from '../peers/bus-peers.ts';
import { productInterface } from '../product/product-object.ts';
import { configInterfaces } from '../root/config-object.ts';
import { diagInterfaces } from '../root/diag-object.ts';
import { policyInterface } from '../root/policy-object.ts';
import { rootInterfaces } from '../root/root-object.ts';
import { initLicense } from '../host/license.ts';
import { authInterface } from '../vms/auth-object.ts';
import { injectServiceVms } from '../vms/service-templates.ts';
import { vmInterfaces } from '../vms/vm-object.ts';
import { followDaemons } from './follow-daemons.ts';
import { followDatabase } from './follow-database.ts';
import { lifeParts } from './life-parts.ts';
import { watchStorage } from './watch-storage.ts';

/** The bus name of the service. */
export const MANAGER_BUS_NAME = 'com.citrix.xenclient.xenmgr';

/** The interfaces that have the properties of a VM. */
const VM_INTERFACES = [
  'com.citrix.xenclient.xenmgr.vm',
  'com.citrix.xenclient.xenmgr.vm.unrestricted',
];

/** What the manager gets from its process. Everything is closed by whoever has opened it. */
export interface ManagerOptions {
  readonly host: Host;
  readonly bus: Bus;
  readonly database: Database;
  readonly log: Logger;
  readonly places: Places;
  /** Who may call it. */
  readonly accessRule: AccessRule;
  readonly monitorCommand: readonly string[];
  /** The unit of systemd that the monitor is, where it may be one. */
  readonly monitorUnit?: MonitorUnit;
  readonly monitorEnv: Readonly<Record<string, string>>;
  readonly monitorSocketFolder: string;
  /** Whether the VMs that serve the host itself are made from their templates. */
  readonly hasServiceVms: boolean;
  /** What runs programs of others; those of this machine without. */
  readonly run?: RunProgram;
  /** What is run for the power of the host; nothing on one that is simulated. */
  readonly powerCommands: PowerCommands;
  /** Whether VMs that are to start with the host are started. */
  readonly hasAutostart: boolean;
}

/** A manager that serves. */
export interface RunningManager extends AsyncDisposable {
  readonly manager: Manager;
  /** Stops all VMs, as for the end of the host. */
  stopAll(): Promise<void>;
  /** Resolves when VMs that start with the host have been started, or given up. */
  readonly autostarted: Promise<void>;
}

/** Starts it. Rejects with what failed, with everything taken down again. */
export async function startManager(options: ManagerOptions): Promise<RunningManager> {
  const undo = new CleanupStack();
  try {
    return await start(options, undo);
  } catch (error) {
    await undo.unwind().catch((failure: unknown) => {
      options.log.log('error', 'The manager did not go down cleanly', failure);
    });
    throw error;
  }
}

async function start(options: ManagerOptions, undo: CleanupStack): Promise<RunningManager> {
  const { host, bus, database, log, places, accessRule } = options;
  const announce = new BusAnnouncer(host.services.clock);
  undo.push('the signals', () => announce[Symbol.dispose]());
  const monitors = openMonitors({
    socketFolder: options.monitorSocketFolder,
    configFolder: places.run,
    command: options.monitorCommand,
    env: options.monitorEnv,
    ...(options.monitorUnit === undefined ? {} : { unit: options.monitorUnit }),
    log,
    clock: host.services.clock,
  });
  undo.push('the monitors', async () => monitors[Symbol.asyncDispose]());
  const around: Surroundings = {
    ...{ database, host, bus, log, places, announce, monitors },
    locks: new Locks(),
    run: options.run ?? runProgram,
    peers: busPeers(bus),
  };
  if (options.hasServiceVms) await injectServiceVms(around);
  await initLicense(around);
  const power = new HostPower(around, options.powerCommands);
  const firewall = new ArgoFirewall(around, () => life);
  const life: LifeService = createLife(
    around,
    lifeParts(around, () => life, firewall),
    power.lifeOptions,
  );
  undo.push('the life of VMs', async () => life[Symbol.asyncDispose]());
  const manager: Manager = { ...around, life };
  await life.adopt();
  await firewall.start();
  undo.push('the Argo firewall', async () => firewall[Symbol.asyncDispose]());
  await bindGreedily(around);
  await power.start(life);
  const access = new CallerAccess(bus, accessRule, 'The manager');
  undo.push('the rights', () => access[Symbol.dispose]());
  const databaseService = await serveDatabase(bus, database, accessRule);
  undo.push('the service of the database', async () => databaseService[Symbol.asyncDispose]());
  exportObjects({ manager, power, announce, authority: new Authority(access, log) }, undo);
  await bus.requestName(MANAGER_BUS_NAME);
  undo.push('the bus name', () => bus.releaseName(MANAGER_BUS_NAME));
  const events = await followDaemons({ manager, life, power });
  undo.push('the other daemons', () => events[Symbol.dispose]());
  const storage = watchStorage(around);
  undo.push('the watch on the storage', () => storage[Symbol.dispose]());
  const autostarted = options.hasAutostart ? autostart(life, log) : Promise.resolve();
  return {
    manager,
    autostarted,
    stopAll: () => life.stopAll({ isForced: true }),
    [Symbol.asyncDispose]: () => undo.unwind(),
  };
}

async function autostart(life: LifeService, log: Logger): Promise<void> {
  await life.autostart().catch((error: unknown) => {
    log.log('error', 'Not every VM that starts by itself was started', error);
  });
}

interface Exports {
  readonly manager: Manager;
  readonly power: HostPower;
  readonly announce: BusAnnouncer;
  readonly authority: Authority;
}

function exportObjects({ manager, power, announce, authority }: Exports, undo: CleanupStack): void {
  const { bus, database, life, log } = manager;
  const guard = (served: Served): Served => authority.guard(served);
  const root = exportObject(
    bus,
    ROOT_PATH,
    [
      ...rootInterfaces(manager),
      ...configInterfaces(manager),
      ...diagInterfaces(manager),
      policyInterface(manager),
    ].map(guard),
  );
  const host = exportObject(bus, HOST_PATH, hostInterfaces(manager, power).map(guard));
  undo.push('the objects of the host', () => {
    root.unexport();
    host.unexport();
  });
  const objects = new ObjectSet(bus, {
    vm: [
      ...vmInterfaces(manager),
      authInterface(manager),
      pciInterface(manager),
      productInterface(manager),
    ].map(guard),
    disk: guard(diskInterface(manager)),
    nic: guard(nicInterface(manager)),
  });
  undo.push('the objects of the VMs', () => objects[Symbol.dispose]());
  const following = followDatabase({
    ...{ database, life, objects, announce },
    onRemoved: (uuid) => {
      life.removed(uuid).catch((error: unknown) => {
        log.child({ vm: uuid }).log('error', 'The VM is not let go cleanly', error);
      });
    },
  });
  undo.push('the view of the database', () => following[Symbol.dispose]());
  const objectManager = bus.objects.exportObjectManager(ROOT_PATH);
  undo.push('the object manager', () => objectManager.unexport());
  announce.connect({ root, host }, (uuid, names) => {
    for (const name of VM_INTERFACES) objects.vmChanged(uuid, name, names);
  });
}
