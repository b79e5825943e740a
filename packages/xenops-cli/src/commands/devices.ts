/** Commands that give devices to a domain and take them away. */
import {
  attachDevice,
  detachDevice,
  describeVbd,
  describeVif,
  diskNumber,
  parseDiskName,
  randomMac,
  type DiskFormat,
  type Network,
  type VbdConfig,
} from '@xenops/core/devices';
import { assertNotConfined, changeMedium } from '@xenops/core/dm';
import { getDomain, listDeviceAddresses, updateXlFile } from '@xenops/core/domain';
import { ConfigError, DeviceError } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import { DOM0, type Domid } from '@xenops/core/ids';
import { moveVif, setVifOnline } from '@xenops/core/netman';
import { command, type Command, type CommandContext } from './command.ts';
import {
  DOMID,
  FILE,
  flag,
  NUMBER,
  optional,
  required,
  TEXT,
  withDefault,
  word,
} from './option.ts';

const MODES = ['r', 'w'] as const;
const PHYS_TYPES = ['file', 'phy', 'phys', 'raw', 'qcow', 'qcow2', 'vhd', 'aio', 'nbd'] as const;
const DEVICE_TYPES = ['disk', 'cdrom'] as const;
const MEDIUM_TYPES = ['raw', 'qcow', 'qcow2', 'vhd'] as const satisfies readonly DiskFormat[];
const NO_MEDIUM_PLAN = 'its device model changes the medium by itself';
const FORCE = flag('take it away without the guest: what it had not written is lost');

const vbdOptions = {
  domid: required(DOMID),
  mode: optional(word(MODES, 'r: read-only, w: writable')),
  phystype: optional(
    word(PHYS_TYPES, 'what the target is; of the last five a device model is the back-end: add_dm'),
  ),
  physpath: withDefault(
    {
      ...TEXT,
      doc: 'target: absolute path of the file or block device; empty for an empty CD drive',
    },
    '',
  ),
  virtpath: required({ ...TEXT, doc: 'name in the guest: xvda, hdc' }),
  devtype: withDefault(word(DEVICE_TYPES, 'kind of drive'), 'disk'),
  'backend-domid': withDefault({ ...DOMID, doc: 'domain that serves it' }, DOM0),
} as const;

const driveOptions = {
  domid: required(DOMID),
  virtpath: required({ ...TEXT, doc: 'name of the drive in the guest: hdc' }),
} as const;

const NETTY = {
  ...TEXT,
  doc: 'network: bridge:NAME, openvswitch:NAME, or DriverDomain[:NAME] of the domain that serves it',
};

const vifOptions = {
  domid: required(DOMID),
  devid: withDefault({ ...NUMBER, doc: 'number of the interface' }, 0),
  mac: optional({ ...TEXT, doc: 'MAC address; a random one unless said' }),
  netty: withDefault(NETTY, 'bridge:xenbr0'),
  'backend-domid': withDefault({ ...DOMID, doc: 'domain that serves it' }, DOM0),
  script: optional({ ...TEXT, doc: 'hotplug script in place of the native way' }),
} as const;

export const deviceCommands: readonly Command[] = [
  command({
    name: 'add_vbd',
    aliases: ['disk-add'],
    summary: 'attach a disk or CD drive',
    example: '-domid 5 -mode w -phystype file -physpath /srv/web.img -virtpath xvda',
    changes: true,
    options: {
      ...vbdOptions,
      script: optional({ ...TEXT, doc: 'hotplug script in place of the native way' }),
    },
    async run(host, values, context) {
      const { domid, mode, phystype, physpath, virtpath, devtype, script } = values;
      const { guestType } = await getDomain(host, domid);
      if (mode === undefined || phystype === undefined) {
        throw new ConfigError('CONFIG_BAD_VALUE', {
          message: 'A disk needs --mode and --phystype',
        });
      }
      const config: VbdConfig = {
        vdev: virtpath,
        target: physpath,
        ...servedAs(phystype),
        readOnly: mode === 'r',
        isCdrom: devtype === 'cdrom',
        backendDomid: values['backend-domid'],
        ...(script === undefined ? {} : { script }),
      };
      const description = describeVbd({ domid, guestType }, config);
      if (description.backend === 'device-model' && !config.isCdrom) {
        await assertNotConfined(host, domid, `a disk that it would serve, as ${virtpath} is`);
      }
      await attachDevice(host, description, { signal: context.signal });
      await updateXlFile(host, domid);
      if (context.json) context.out.json(description.address);
    },
  }),
  command({
    name: 'del_vbd',
    aliases: ['disk-del'],
    summary: 'detach a disk, with the consent of the guest unless forced',
    example: '-domid 5 -virtpath xvda',
    changes: true,
    options: { ...vbdOptions, force: FORCE },
    async run(host, { domid, virtpath, force }, context) {
      await detach(
        host,
        { domid, kind: 'vbd', devid: diskNumber(parseDiskName(virtpath)), force },
        context,
      );
    },
  }),
  command({
    name: 'cd_eject',
    aliases: ['cd-eject'],
    summary: 'take the medium out of a CD drive of an HVM guest',
    example: '-domid 5 -virtpath hdc',
    changes: true,
    noPlan: NO_MEDIUM_PLAN,
    options: driveOptions,
    async run(host, { domid, virtpath }, { out, json, signal }) {
      await changeMedium(host, domid, virtpath, undefined, { signal });
      await updateXlFile(host, domid);
      if (json) out.json({ domid, virtpath, physpath: null });
    },
  }),
  command({
    name: 'cd_insert',
    aliases: ['cd-insert'],
    summary: 'put a medium into a CD drive of an HVM guest, in place of the one that is in it',
    example: '-domid 5 -virtpath hdc -physpath /srv/debian.iso',
    changes: true,
    noPlan: NO_MEDIUM_PLAN,
    options: {
      ...driveOptions,
      physpath: required({ ...FILE, doc: 'image or block device' }),
      phystype: withDefault(word(MEDIUM_TYPES, 'what the image is'), 'raw'),
    },
    async run(host, { domid, virtpath, physpath, phystype }, { out, json, signal }) {
      await changeMedium(host, domid, virtpath, { target: physpath, format: phystype }, { signal });
      await updateXlFile(host, domid);
      if (json) out.json({ domid, virtpath, physpath });
    },
  }),
  command({
    name: 'add_vif',
    summary: 'attach a network interface',
    example: '-domid 5 -netty bridge:xenbr0',
    changes: true,
    options: vifOptions,
    async run(host, values, context) {
      const { domid, devid, mac = randomMac(), netty, script } = values;
      await getDomain(host, domid);
      const description = describeVif(domid, {
        devid,
        mac,
        network: networkOf(netty),
        backendDomid: values['backend-domid'],
        ...(script === undefined ? {} : { script }),
      });
      await attachDevice(host, description, { signal: context.signal });
      await updateXlFile(host, domid);
      if (context.json) context.out.json({ ...description.address, mac });
    },
  }),
  command({
    name: 'del_vif',
    summary: 'detach a network interface, with the consent of the guest unless forced',
    example: '-domid 5 -devid 0',
    changes: true,
    options: { ...vifOptions, force: FORCE },
    async run(host, { domid, devid, force }, context) {
      await detach(host, { domid, kind: 'vif', devid, force }, context);
    },
  }),
  command({
    name: 'vif_move',
    summary: 'connect an interface to another network while the guest runs',
    example: '-domid 5 -netty bridge:guests',
    changes: true,
    options: {
      domid: required(DOMID),
      devid: withDefault({ ...NUMBER, doc: 'number of the interface' }, 0),
      netty: required(NETTY),
    },
    async run(host, { domid, devid, netty }, { out, json, signal }) {
      await getDomain(host, domid);
      await moveVif(host, { domid, devid }, networkOf(netty), { signal });
      await updateXlFile(host, domid);
      if (json) out.json({ domid, devid, netty });
    },
  }),
  ...(['vif_online', 'vif_offline'] as const).map((name) =>
    command({
      name,
      summary:
        name === 'vif_online'
          ? 'connect an interface to its network again'
          : 'take an interface off its network: the guest sees its cable pulled',
      example: '-domid 5 -devid 0',
      changes: true,
      options: {
        domid: required(DOMID),
        devid: withDefault({ ...NUMBER, doc: 'number of the interface' }, 0),
      },
      async run(host, { domid, devid }, { out, json, signal }) {
        await getDomain(host, domid);
        await setVifOnline(host, { domid, devid }, name === 'vif_online', { signal });
        if (json) out.json({ domid, devid, online: name === 'vif_online' });
      },
    }),
  ),
];

interface Detachment {
  readonly domid: Domid;
  readonly kind: 'vbd' | 'vif';
  readonly devid: number;
  readonly force: boolean;
}

async function detach(
  host: Host,
  { domid, kind, devid, force }: Detachment,
  { out, json, signal }: CommandContext,
): Promise<void> {
  await getDomain(host, domid);
  const devices = await listDeviceAddresses(host.store, domid);
  const address = devices.find(
    (device) =>
      device.devid === devid &&
      (device.kind === kind || (kind === 'vif' && device.kind === 'vwif')),
  );
  if (address === undefined) {
    throw new DeviceError('DEVICE_NOT_FOUND', {
      message: `Domain ${domid} has no ${kind} ${devid}; list_devices shows what it has`,
      context: { domid, kind, devid },
    });
  }
  await detachDevice(host, address, { mode: force ? 'force' : 'clean', signal });
  await updateXlFile(host, domid);
  if (json) out.json(address);
}

/** What the historical words for a target mean today. */
function servedAs(phystype: (typeof PHYS_TYPES)[number]): Pick<VbdConfig, 'backend' | 'format'> {
  switch (phystype) {
    case 'file':
    case 'phy':
    case 'phys':
    case 'raw':
      return {};
    case 'aio':
      return { backend: 'qdisk' };
    case 'nbd':
      return { backend: 'nbd' };
    case 'qcow':
    case 'qcow2':
    case 'vhd':
      return { format: phystype satisfies DiskFormat };
  }
}

function networkOf(text: string): Network {
  const [, kind, bridge] = /^(bridge|openvswitch):(.+)$/.exec(text) ?? [];
  if (bridge !== undefined)
    return { kind: kind === 'openvswitch' ? 'openvswitch' : 'bridge', bridge };
  const [isForeign, foreign = ''] = /^DriverDomain(?::(.+))?$/.exec(text) ?? [];
  if (isForeign !== undefined) return { kind: 'driver-domain', bridge: foreign };
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `A network is bridge:NAME, openvswitch:NAME or DriverDomain[:NAME], not "${text}"`,
    context: { netty: text },
  });
}
