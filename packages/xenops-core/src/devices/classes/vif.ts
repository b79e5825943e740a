/** Network interfaces (xen/include/public/io/netif.h, docs/man/xl-network-configuration). */
import { randomBytes } from 'node:crypto';
import { ConfigError } from '../../errors.ts';
import { DOM0, type Domid } from '../../ids.ts';
import type { DeviceDescription, HotplugPlan } from '../device.ts';

/** What an interface is connected to. */
export type Network =
  | { readonly kind: 'bridge'; readonly bridge: string }
  | { readonly kind: 'openvswitch'; readonly bridge: string }
  /** What the driver domain that serves the interface calls it: a bridge there, or the D-Bus path of a network. */
  | { readonly kind: 'driver-domain'; readonly bridge: string };

/** At most `kibPerSecond`, counted in slices of `intervalUs`. */
export interface VifRate {
  readonly kibPerSecond: number;
  /** 50 ms unless said. */
  readonly intervalUs?: number;
}

/** Cards that qemu emulates and whose drivers guests have; the first is libxl's choice. */
export const EMULATED_CARDS = ['rtl8139', 'e1000', 'virtio-net-pci'] as const;
export type EmulatedCard = (typeof EMULATED_CARDS)[number];

/** The card that xl's configurations and qemu call so; undefined for one that we do not know. */
export function emulatedCard(name: unknown): EmulatedCard | undefined {
  return EMULATED_CARDS.find(
    (card) => card === name || (card === 'virtio-net-pci' && name === 'virtio-net'),
  );
}

export interface VifConfig {
  readonly devid: number;
  /** `00:16:3e:...`; `randomMac` makes one. */
  readonly mac: string;
  readonly network: Network;
  readonly backendDomid?: Domid;
  /** Name of the host's interface; `vifDOMID.DEVID` unless said. */
  readonly vifname?: string;
  readonly mtu?: number;
  readonly rate?: VifRate;
  readonly ip?: string;
  /** The guest has an emulated card for it too (HVM), served by the device model. */
  readonly isEmulated?: boolean;
  /** Which card that is; an RTL8139 unless said. */
  readonly emulatedCard?: EmulatedCard;
  readonly script?: string;
  readonly trusted?: boolean;
  /** A wireless card for OpenXT's guests: another front-end, the same back-end. */
  readonly isWireless?: boolean;
}

const BRIDGE_SCRIPT = '/etc/xen/scripts/vif-bridge';
const OPENVSWITCH_SCRIPT = '/etc/xen/scripts/vif-openvswitch';
const DEVID_MAX = 0xffff;
/** Linux's limit for names of interfaces (IFNAMSIZ without the NUL). */
const LINK_NAME = /^[A-Za-z0-9_.:-]{1,15}$/;
const FOREIGN_NAME = /^[A-Za-z0-9_.:/-]{0,255}$/;
const INTERVAL_US = 50_000;

/** Describes an interface. Throws CONFIG_BAD_VALUE. */
export function describeVif(frontend: Domid, config: VifConfig): DeviceDescription {
  const link = config.vifname ?? `vif${frontend}.${config.devid}`;
  checkVif(config, link);
  const backend = config.backendDomid ?? DOM0;
  const mac = config.mac.toLowerCase();
  const script =
    config.script ?? (config.network.kind === 'openvswitch' ? OPENVSWITCH_SCRIPT : BRIDGE_SCRIPT);
  const mtu = config.mtu === undefined || config.mtu === 1500 ? undefined : config.mtu;
  return {
    address: {
      frontend,
      kind: config.isWireless === true ? 'vwif' : 'vif',
      devid: config.devid,
      backend,
      backendKind: 'vif',
    },
    backend: 'kernel',
    backendKeys: {
      script,
      ...(config.vifname === undefined ? {} : { vifname: config.vifname }),
      mac,
      ...(config.ip === undefined ? {} : { ip: config.ip }),
      ...(config.rate === undefined ? {} : { rate: rateText(config, config.rate) }),
      bridge: config.network.bridge,
      handle: String(config.devid),
      type: config.isEmulated === true ? 'vif_ioemu' : 'vif',
      ...(mtu === undefined ? {} : { mtu: String(mtu) }),
      'hotplug-status': '',
    },
    frontendKeys: {
      handle: String(config.devid),
      mac,
      trusted: config.trusted === false ? '0' : '1',
    },
    frontendReadOnlyKeys: mtu === undefined ? {} : { mtu: String(mtu) },
    hotplug: hotplugOf(config, { backend, link, script, mtu }),
    config,
  };
}

function hotplugOf(
  config: VifConfig,
  {
    backend,
    link,
    script,
    mtu,
  }: {
    readonly backend: Domid;
    readonly link: string;
    readonly script: string;
    readonly mtu: number | undefined;
  },
): HotplugPlan {
  if (backend !== DOM0) return { kind: 'remote' };
  // The bridge script filters by address; only it knows how.
  if (config.script !== undefined || config.network.kind !== 'bridge' || config.ip !== undefined) {
    return { kind: 'script', script, type: 'vif', env: { vif: link, netdev: link } };
  }
  return { kind: 'bridge', bridge: config.network.bridge, link, mtu };
}

function checkVif(config: VifConfig, link: string): void {
  if (!Number.isInteger(config.devid) || config.devid < 0 || config.devid > DEVID_MAX) {
    throw bad(config, `its number must be 0 to ${DEVID_MAX}`);
  }
  if (!isUnicastMac(config.mac)) {
    throw bad(
      config,
      `${JSON.stringify(config.mac.slice(0, 32))} is no unicast MAC address such as 00:16:3e:12:34:56`,
    );
  }
  const { kind, bridge } = config.network;
  if (kind === 'driver-domain' && (config.backendDomid ?? DOM0) === DOM0) {
    throw bad(
      config,
      'a network of a driver domain needs the domid of that domain as its back-end',
    );
  }
  const name = kind === 'driver-domain' ? FOREIGN_NAME : LINK_NAME;
  if (!LINK_NAME.test(link) || !name.test(bridge)) {
    throw bad(config, 'names of interfaces have 1 to 15 letters, digits, or _ . : -');
  }
  if (
    config.mtu !== undefined &&
    !(Number.isInteger(config.mtu) && config.mtu >= 68 && config.mtu <= 65_535)
  ) {
    throw bad(config, 'its MTU must be 68 to 65535');
  }
}

/** `bytes,microseconds`, as netback reads it (drivers/net/xen-netback/xenbus.c, xen_net_read_rate). */
function rateText(config: VifConfig, { kibPerSecond, intervalUs = INTERVAL_US }: VifRate): string {
  const bytes = Math.floor((kibPerSecond * 1024 * intervalUs) / 1_000_000);
  if (Number.isInteger(intervalUs) && intervalUs > 0 && bytes > 0 && bytes < 0xffff_ffff)
    return `${bytes},${intervalUs}`;
  throw bad(config, 'its rate must come to 1 to 4294967294 bytes an interval');
}

/** Whether the text is six pairs of hexadecimal digits that name one interface: not a group, not zero. */
export function isUnicastMac(text: string): boolean {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return false;
  return (Number.parseInt(text.slice(0, 2), 16) & 1) === 0 && /[1-9a-f]/i.test(text);
}

/** A fresh address in Xen's range, 00:16:3e. */
export function randomMac(): string {
  const [first = 0, second = 0, third = 0] = randomBytes(3);
  return [
    '00',
    '16',
    '3e',
    ...[first & 0x7f, second, third].map((byte) => byte.toString(16).padStart(2, '0')),
  ].join(':');
}

function bad({ devid, mac }: VifConfig, why: string): ConfigError {
  return new ConfigError('CONFIG_BAD_VALUE', {
    message: `The network interface ${devid} cannot be used: ${why}`,
    context: { devid, mac },
  });
}
