/**
 * The nodes of a domain in xenstore, as guests, xenconsoled and xl expect them (observed with xl on Xen 4.17;
 * docs/misc/xenstore-paths.pandoc). Pure: data in, changes of the tree out. What a guest may write is a closed list of
 * leaves; their parents belong to Dom0, so that a guest can invent nothing beside them.
 */
import { DOM0, type Domid, type Evtchn, type VmUuid } from '../ids.ts';
import type { MemoryBreakdown } from '../memory/breakdown.ts';
import type { BuildConfig } from './build-config.ts';
import { configRecord } from './config-record.ts';
import type { BuildResult, DomainCreateSpec, GuestType } from '../hypervisor/hypervisor.ts';
import type { NodeWrite, TreeChange } from '../xenstore/nodes.ts';
import * as paths from '../xenstore/path.ts';
import { ownedBy } from '../xenstore/permissions.ts';

/** What Xen fixes at creation, for those few domains that want something else than libxl gives them. */
export type DomainLimits = Pick<
  DomainCreateSpec,
  'hap' | 'nestedVirt' | 'vpmu' | 'maxGrantFrames' | 'maxMaptrackFrames' | 'maxGrantVersion'
>;

/** Identity of a domain, and how it starts. */
export interface DomainIdentity {
  readonly uuid: VmUuid;
  readonly name: string;
  readonly guestType: GuestType;
  readonly maxVcpus: number;
  readonly ssidref: number;
  /** It may be given PCI devices. */
  readonly passthrough?: boolean | undefined;
  readonly limits?: DomainLimits | undefined;
}

/** Nodes below the domain's root that the guest owns; all start empty. */
const GUEST_OWNED = [
  'device/suspend/event-channel',
  'control/shutdown',
  'control/feature-poweroff',
  'control/feature-reboot',
  'control/feature-suspend',
  'control/sysrq',
  'data',
  'drivers',
  'feature',
  'attr',
  'error',
] as const;

/** The same for a guest with firmware, which can sleep; and what its firmware reads. */
const HVM_GUEST_OWNED = ['control/feature-s3', 'control/feature-s4'] as const;
const HVMLOADER = 'hvmloader';

/** What the toolstack offers the guest. */
const PLATFORM_FEATURES = [
  'control/platform-feature-multiprocessor-suspend',
  'control/platform-feature-xs_reset_watches',
] as const;

/** The tree of a domain that has been created and not built. */
export function madeTree(domid: Domid, identity: DomainIdentity): TreeChange {
  const { uuid, name, guestType, maxVcpus, ssidref, passthrough = false, limits = {} } = identity;
  const roots = [paths.domainPath(domid), paths.vmPath(uuid), paths.recordPath(domid)] as const;
  const readable = ownedBy(DOM0, domid);
  const isHvm = guestType === 'hvm';
  const owned = isHvm ? [...GUEST_OWNED, ...HVM_GUEST_OWNED] : GUEST_OWNED;
  const own: NodeWrite[] = owned.map((node) => ({
    path: paths.domainPath(domid, node),
    value: '',
    permissions: ownedBy(domid),
  }));
  return {
    rm: roots,
    write: [
      { path: roots[0], permissions: readable },
      { path: roots[1], permissions: readable },
      { path: roots[2], permissions: ownedBy(DOM0) },
      { path: paths.domainPath(domid, 'vm'), value: paths.vmPath(uuid) },
      { path: paths.domainPath(domid, 'name'), value: name },
      { path: paths.vmPath(uuid, 'uuid'), value: uuid },
      { path: paths.vmPath(uuid, 'name'), value: name },
      ...own,
      ...(isHvm ? [{ path: paths.domainPath(domid, HVMLOADER) }] : []),
      ...PLATFORM_FEATURES.map((node) => ({ path: paths.domainPath(domid, node), value: '1' })),
      { path: paths.recordPath(domid, 'device') },
      { path: paths.recordPath(domid, 'type'), value: guestType },
      { path: paths.recordPath(domid, 'dm-version'), value: 'qemu_xen' },
      { path: paths.ownRecordPath(domid, 'uuid'), value: uuid },
      { path: paths.ownRecordPath(domid, 'max-vcpus'), value: String(maxVcpus) },
      { path: paths.ownRecordPath(domid, 'ssidref'), value: String(ssidref) },
      ...(passthrough ? [{ path: paths.ownRecordPath(domid, 'passthrough'), value: '1' }] : []),
      ...(Object.keys(limits).length > 0
        ? [{ path: paths.ownRecordPath(domid, 'limits'), value: JSON.stringify(limits) }]
        : []),
      { path: paths.ownRecordPath(domid, 'state'), value: 'made' },
    ],
  };
}

/** What a build has decided and found out. */
export interface BuiltDomain extends BuildResult {
  readonly uuid: VmUuid;
  readonly config: BuildConfig;
  readonly memory: MemoryBreakdown;
  readonly storeEvtchn: Evtchn;
  readonly consoleEvtchn: Evtchn;
  readonly startTimeMs: number;
}

/** What is added to the tree by a build, before the domain is introduced. */
export function builtTree(domid: Domid, built: BuiltDomain): TreeChange {
  const { config, memory, uuid } = built;
  const at = (node: string): string => paths.domainPath(domid, node);
  const onlineVcpus = config.onlineVcpus ?? config.vcpus;
  const vcpus = Array.from({ length: config.vcpus }, (_, vcpu): NodeWrite => {
    const value = vcpu < onlineVcpus ? 'online' : 'offline';
    return { path: at(`cpu/${vcpu}/availability`), value };
  });
  const readable = { permissions: ownedBy(DOM0, domid) };
  return {
    rm: [],
    write: [
      { path: at('memory/static-max'), value: String(memory.staticMaxKib) },
      { path: at('memory/target'), value: String(memory.guestTargetKib) },
      { path: at('memory/videoram'), value: String(memory.videoKib) },
      { path: at('domid'), value: String(domid) },
      { path: at('store/port'), value: String(built.storeEvtchn) },
      { path: at('store/ring-ref'), value: String(built.storeFrame) },
      ...vcpus,
      ...consoleNodes(domid, built),
      ...values(at('platform'), { ...platformOf(config), ...config.platform }),
      ...(config.kind === 'hvm'
        ? values(at('hvmloader'), { bios: 'seabios', 'allow-memory-relocate': '0' })
        : []),
      ...Object.entries(config.xenstoreData ?? {}).map(([node, value]) => ({
        path: at(node),
        value,
        ...readable,
      })),
      ...imageNodes(uuid, config),
      ...configRecord(domid, config),
      {
        path: paths.vmPath(uuid, 'start_time'),
        value: (built.startTimeMs / 1000).toFixed(2),
      },
    ],
  };
}

/** What hvmloader reads about the firmware's tables. */
function platformOf(config: BuildConfig): Readonly<Record<string, string>> {
  if (config.kind !== 'hvm') return {};
  return {
    acpi: '1',
    acpi_s3: '1',
    acpi_s4: '1',
    acpi_laptop_slate: '0',
    'device-model': 'qemu_xen',
  };
}

/** What the guest was started from, for people; xl shows it for PV guests and nobody reads it. */
function imageNodes(uuid: VmUuid, config: BuildConfig): readonly NodeWrite[] {
  const image = paths.vmPath(uuid, 'image');
  if (config.kind === 'hvm') return values(image, { ostype: 'hvm' });
  if (config.kind === 'pvh') return [];
  const { kernelPath, ramdiskPath, cmdline } = config;
  return values(image, {
    ostype: 'linux',
    kernel: kernelPath,
    ...(ramdiskPath === undefined ? {} : { ramdisk: ramdiskPath }),
    cmdline,
  });
}

function values(root: string, nodes: Readonly<Record<string, string>>): readonly NodeWrite[] {
  return Object.entries(nodes).map(([key, value]) => ({ path: `${root}/${key}`, value }));
}

/** Bytes that xenconsoled keeps of a console nobody reads. */
const CONSOLE_LIMIT_BYTES = 1_048_576;

/**
 * The primary console. Its front-end nodes are read-only for the guest: they steer xenconsoled (XSA-57). Only
 * `backend-id` is the guest's, as xl has it; nobody may believe it.
 */
function consoleNodes(domid: Domid, built: BuiltDomain): readonly NodeWrite[] {
  const front = paths.domainPath(domid, 'console');
  const device = { backend: DOM0, kind: 'console', frontend: domid };
  const back = paths.backendPath(device, 0);
  const backendKeys = {
    frontend: front,
    'frontend-id': String(domid),
    online: '1',
    state: '1',
    protocol: 'vt100',
  };
  const record = { ...backendKeys, backend: back };
  return [
    { path: front, permissions: ownedBy(DOM0, domid) },
    { path: `${front}/backend`, value: back },
    { path: `${front}/backend-id`, value: '0', permissions: ownedBy(domid, DOM0) },
    { path: `${front}/limit`, value: String(CONSOLE_LIMIT_BYTES) },
    { path: `${front}/type`, value: 'xenconsoled' },
    { path: `${front}/output`, value: 'pty' },
    { path: `${front}/tty`, value: '' },
    { path: `${front}/port`, value: String(built.consoleEvtchn) },
    { path: `${front}/ring-ref`, value: String(built.consoleFrame) },
    { path: paths.backendPath(device), permissions: ownedBy(DOM0) },
    { path: back, permissions: ownedBy(DOM0, domid) },
    ...Object.entries(backendKeys).map(([key, value]) => ({ path: `${back}/${key}`, value })),
    ...Object.entries(record).map(([key, value]) => ({
      path: paths.recordPath(domid, 'device/console/0', key),
      value,
    })),
  ];
}
