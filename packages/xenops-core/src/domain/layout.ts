/**
 * The nodes of a domain in xenstore, as guests, xenconsoled and xl expect them (observed with xl on Xen 4.17;
 * docs/misc/xenstore-paths.pandoc). Pure: data in, changes of the tree out. What a guest may write is a closed list of
 * leaves; their parents belong to Dom0, so that a guest can invent nothing beside them.
 */
import { DOM0, type Domid, type Evtchn, type VmUuid } from '../ids.ts';
import type { MemoryBreakdown } from '../memory/breakdown.ts';
import type { BuildConfig } from './build-config.ts';
import { configRecord } from './config-record.ts';
import { domainRecord } from './domain-record.ts';
import type {
  BuildResult,
  DomainCreateSpec,
  GuestBytes,
  GuestType,
} from '../hypervisor/hypervisor.ts';
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

/** Nodes that the guest owns, directly below the domain's root and below `control`; all start empty. */
const GUEST_OWNED = [
  ...['data', 'drivers', 'feature', 'attr', 'error', 'control/shutdown', 'control/sysrq'],
  ...['control/feature-poweroff', 'control/feature-reboot', 'control/feature-suspend'],
] as const;
/** The same for a guest with firmware, which can sleep. */
const HVM_GUEST_OWNED = ['control/feature-s3', 'control/feature-s4'] as const;
/** One more that the guest owns, in folders that hold nothing else of its own. */
const SUSPEND_PORT = 'device/suspend/event-channel';

/** What the toolstack offers the guest. */
const PLATFORM_FEATURES = [
  'control/platform-feature-multiprocessor-suspend',
  'control/platform-feature-xs_reset_watches',
] as const;

/**
 * The tree of a domain that has been created and not built. A new node has the permissions of its parent, so nodes of one
 * owner are made together, while their folder has those permissions. The domain cannot run yet, nor has it a connection
 * to xenstore. Our own record comes last: with it the domain is whole.
 */
export function madeTree(domid: Domid, identity: DomainIdentity): TreeChange {
  const { uuid, name, guestType } = identity;
  const root = paths.domainPath(domid);
  const [vm, record] = [paths.vmPath(uuid), paths.recordPath(domid)];
  const at = (node: string): string => paths.domainPath(domid, node);
  const readable = ownedBy(DOM0, domid);
  const isHvm = guestType === 'hvm';
  const owned = isHvm ? [...GUEST_OWNED, ...HVM_GUEST_OWNED] : GUEST_OWNED;
  return {
    rm: [root, vm, record],
    write: [
      { path: root, permissions: ownedBy(domid) },
      ...owned.map((node) => ({ path: at(node), value: '' })),
      { path: at('control'), permissions: readable, isThere: true },
      { path: root, permissions: readable, isThere: true },
      { path: at(SUSPEND_PORT), value: '', permissions: ownedBy(domid) },
      { path: at('vm'), value: vm },
      { path: at('name'), value: name },
      ...PLATFORM_FEATURES.map((node) => ({ path: at(node), value: '1' })),
      { path: vm, permissions: readable },
      { path: paths.vmPath(uuid, 'uuid'), value: uuid },
      { path: paths.vmPath(uuid, 'name'), value: name },
      { path: paths.recordPath(domid, 'type'), value: guestType },
      { path: record, permissions: ownedBy(DOM0), isThere: true },
      { path: paths.recordPath(domid, 'dm-version'), value: 'qemu_xen' },
      domainRecord(domid, identity, 'made'),
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
      ...(memory.videoKib > 0
        ? [{ path: at('memory/videoram'), value: String(memory.videoKib) }]
        : []),
      { path: at('domid'), value: String(domid) },
      ...vcpus,
      ...consoleNodes(domid, built),
      ...values(at('platform'), { ...platformOf(config), ...config.platform }),
      ...(config.kind === 'hvm' ? values(at('hvmloader'), loaderNodes(built)) : []),
      ...Object.entries(config.xenstoreData ?? {}).map(([node, value]) => ({
        path: at(node),
        value,
        ...readable,
      })),
      ...configRecord(domid, config),
      {
        path: paths.vmPath(uuid, 'start_time'),
        value: (built.startTimeMs / 1000).toFixed(2),
      },
    ],
  };
}

/** What hvmloader reads of the firmware, and where further tables lie (xen/include/public/hvm/hvm_xs_strings.h). */
function loaderNodes({ acpiModule, smbiosModule }: BuildResult): Readonly<Record<string, string>> {
  return {
    bios: 'seabios',
    'allow-memory-relocate': '0',
    ...moduleNodes('acpi', acpiModule),
    ...moduleNodes('smbios', smbiosModule),
  };
}

function moduleNodes(
  name: string,
  module: GuestBytes | undefined,
): Readonly<Record<string, string>> {
  if (module === undefined) return {};
  const { addressBytes, sizeBytes } = module;
  return {
    [`${name}/address`]: `0x${addressBytes.toString(16)}`,
    [`${name}/length`]: `0x${sizeBytes.toString(16)}`,
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

function values(root: string, nodes: Readonly<Record<string, string>>): readonly NodeWrite[] {
  return Object.entries(nodes).map(([key, value]) => ({ path: `${root}/${key}`, value }));
}

/** Bytes that xenconsoled keeps of a console nobody reads. */
const CONSOLE_LIMIT_BYTES = 1_048_576;

/**
 * The primary console, which xenconsoled serves by these nodes alone. They are read-only for the guest, as all of the folder: they
 * steer xenconsoled (XSA-57). There is no folder of a back-end, since nothing reads one; the record has its place, by
 * which the console is listed.
 */
function consoleNodes(domid: Domid, built: BuiltDomain): readonly NodeWrite[] {
  const device = { backend: DOM0, kind: 'console', frontend: domid };
  return [
    ...values(paths.domainPath(domid, 'console'), {
      limit: String(CONSOLE_LIMIT_BYTES),
      type: 'xenconsoled',
      port: String(built.consoleEvtchn),
      'ring-ref': String(built.consoleFrame),
    }),
    {
      path: paths.recordPath(domid, 'device/console/0/backend'),
      value: paths.backendPath(device, 0),
    },
  ];
}
