/** Values with a small grammar of their own. */
import type { CpuidLeaf } from '@xenops/core/hypervisor';
import {
  badValue,
  quoted,
  scalar,
  splitPair,
  splitPieces,
  within,
  type ValueType,
} from '../value-type.ts';
import { integer, PATH } from './plain.ts';

/** What happens when the monitor starts. */
export type Startup =
  | { readonly kind: 'started' | 'paused' | 'shutdown' }
  | { readonly kind: 'restore'; readonly imagePath: string; readonly deleteImage: boolean };

const STARTUP_WORDS: Readonly<Record<string, 'started' | 'paused' | 'shutdown'>> = {
  started: 'started',
  start: 'started',
  paused: 'paused',
  shutdown: 'shutdown',
  poweroff: 'shutdown',
};

export const STARTUP: ValueType<Startup> = scalar(
  'start-up action',
  { type: 'string', pattern: '^(started|start|paused|shutdown|poweroff|restore(-del)? .+)$' },
  {
    parse(text) {
      const kind = STARTUP_WORDS[text];
      if (kind !== undefined) return { kind };
      const [, word, path] = /^(restore|restore-del) +(.+)$/.exec(text) ?? [];
      if (word === undefined || path === undefined) {
        throw badValue(
          `${quoted(text)} is no start-up action: started, paused, shutdown, restore FILE or restore-del FILE`,
        );
      }
      const imagePath = within(text.length - path.length, () => PATH.parse(path));
      return { kind: 'restore', imagePath, deleteImage: word === 'restore-del' };
    },
    render(startup) {
      if (startup.kind !== 'restore') return startup.kind;
      return `${startup.deleteImage ? 'restore-del' : 'restore'} ${startup.imagePath}`;
    },
  },
);

/** Where notifications go. */
export type NotifyTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'dbus' };

const PORT = integer(1, 65_535);

export const NOTIFY: ValueType<NotifyTarget | undefined> = {
  name: 'notification target',
  schema: {
    type: 'string',
    pattern: '^(none|dbus(,.*)?|unix,/.+|tcp,[0-9.]+:[0-9]+|tcp6,\\[.+\\]:[0-9]+)$',
  },
  parse(text) {
    if (text === '' || text === 'none') return undefined;
    if (/^dbus(,|$)/.test(text)) return { kind: 'dbus' };
    if (text.startsWith('unix,'))
      return { kind: 'unix', path: within(5, () => PATH.parse(text.slice(5))) };
    const [, address4, address6, port] =
      /^(?:tcp,(\d{1,3}(?:\.\d{1,3}){3})|tcp6,\[([0-9A-Fa-f:.]{2,45})\]):(\d+)$/.exec(text) ?? [];
    const host = address4 ?? address6;
    if (
      host === undefined ||
      port === undefined ||
      address4?.split('.').some((part) => Number(part) > 255)
    ) {
      throw badValue(
        `${quoted(text)} is no target of notifications: tcp,ADDRESS:PORT, tcp6,[ADDRESS]:PORT, unix,PATH, dbus or none`,
      );
    }
    return {
      kind: 'tcp',
      host,
      port: within(text.length - port.length, () => PORT.parse(port)),
    };
  },
  lines(target) {
    switch (target?.kind) {
      case undefined:
        return [];
      case 'dbus':
        return ['dbus'];
      case 'unix':
        return [`unix,${target.path}`];
      case 'tcp':
        return [
          target.host.includes(':')
            ? `tcp6,[${target.host}]:${target.port}`
            : `tcp,${target.host}:${target.port}`,
        ];
    }
  },
  merge: (_before, added) => added,
};

/** How the guest's screen is shown. */
export type Display =
  | { readonly kind: 'none' | 'sdl' | 'intel'; readonly option?: string }
  | {
      readonly kind: 'vnc';
      /** Take the first free port from `port` on. */
      readonly usePortUnused: boolean;
      /** Display number below 5900, TCP port from there on. */
      readonly port: number;
      readonly keymap: string;
      /** Address to listen at; loopback unless said. */
      readonly listen?: string;
    };

export const DISPLAY_DEFAULT: Display = {
  kind: 'vnc',
  usePortUnused: false,
  port: 0,
  keymap: 'en-us',
};

export const DISPLAY: ValueType<Display> = scalar(
  'display',
  { type: 'string', pattern: '^(none|(sdl|intel)(:.*)?|vnc(:.*)?)$' },
  {
    parse(text) {
      const [, kind, , option] = /^(none|sdl|intel|vnc)(:(.*))?$/.exec(text) ?? [];
      if (kind === 'none' && option === undefined) return { kind };
      if (kind === 'sdl' || kind === 'intel')
        return { kind, ...(option === undefined ? {} : { option }) };
      if (kind === 'vnc') return parseVnc(option ?? '');
      throw badValue(`${quoted(text)} is no display: none, vnc[:OPTIONS], sdl or intel`);
    },
    render(display) {
      if (display.kind !== 'vnc') {
        return display.option === undefined ? display.kind : `${display.kind}:${display.option}`;
      }
      const options = [
        ...(display.usePortUnused ? ['use-port-unused'] : []),
        `port=${display.port}`,
        `keymap=${display.keymap}`,
        ...(display.listen === undefined ? [] : [`listen=${display.listen}`]),
      ];
      return `vnc:${options.join(',')}`;
    },
  },
);

const VNC_PORT = integer(0, 65_535);

function parseVnc(text: string): Display {
  let display: Extract<Display, { kind: 'vnc' }> = {
    kind: 'vnc',
    usePortUnused: false,
    port: 0,
    keymap: 'en-us',
  };
  for (const piece of splitPieces(text, ',', 'vnc:'.length)) {
    const { key, value } = splitPair(piece);
    if (piece.text === '') continue;
    if (key === 'use-port-unused' && value === undefined)
      display = { ...display, usePortUnused: true };
    else if (key === 'port' && value !== undefined) {
      display = { ...display, port: within(value.offset, () => VNC_PORT.parse(value.text)) };
    } else if (key === 'keymap' && value !== undefined && /^[\w-]{1,32}$/.test(value.text)) {
      display = { ...display, keymap: value.text };
    } else if (key === 'listen' && value !== undefined && /^[\w.:-]{1,64}$/.test(value.text)) {
      display = { ...display, listen: value.text };
    } else {
      throw badValue(
        `${quoted(piece.text)} is no option of vnc: use-port-unused, port=NUMBER, keymap=NAME and listen=ADDRESS are`,
        piece.offset,
      );
    }
  }
  return display;
}

const REGISTERS = ['eax', 'ebx', 'ecx', 'edx'] as const;
type Register = (typeof REGISTERS)[number];
const LEAF = integer(0, 0xffff_ffff);

export const CPUID: ValueType<CpuidLeaf> = scalar(
  'cpuid leaf',
  { type: 'string', pattern: '^[^:]+:e[abcd]x=.+$' },
  {
    parse(text) {
      const colon = text.indexOf(':');
      const [leafText = '', subleafText, ...more] = text.slice(0, Math.max(colon, 0)).split('+');
      if (colon < 0 || more.length > 0) {
        throw badValue(
          `${quoted(text)} has not the form LEAF[+SUBLEAF]:REGISTER=MASK[,REGISTER=MASK...]`,
        );
      }
      const leaf = LEAF.parse(leafText);
      const subleaf =
        subleafText === undefined
          ? undefined
          : within(leafText.length + 1, () => LEAF.parse(subleafText));
      const masks = splitPieces(text.slice(colon + 1), ',', colon + 1).map((piece) => {
        const { key, value } = splitPair(piece);
        const register = REGISTERS.find((known) => known === key);
        if (register === undefined || value === undefined) {
          throw badValue(
            `${quoted(piece.text)} is no REGISTER=MASK with eax, ebx, ecx or edx`,
            piece.offset,
          );
        }
        return [register, parseMask(value.text, value.offset)] as const;
      });
      const registers: Partial<Record<Register, string>> = Object.fromEntries(masks);
      return { leaf, ...(subleaf === undefined ? {} : { subleaf }), ...registers };
    },
    render(leaf) {
      const masks = REGISTERS.flatMap((register) => {
        const mask = leaf[register];
        return mask === undefined ? [] : [`${register}=${mask}`];
      });
      const subleaf = leaf.subleaf === undefined ? '' : `+${leaf.subleaf}`;
      return `0x${leaf.leaf.toString(16)}${subleaf}:${masks.join(',')}`;
    },
  },
);

/** 32 characters from bit 31 down; a hexadecimal number means zeros and ones. */
function parseMask(text: string, offset: number): string {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number(text).toString(2).padStart(32, '0');
  if (/^[01xks]{32}$/.test(text)) return text;
  throw badValue(
    `${quoted(text)} is no mask: 32 characters of 0, 1, x (default), s (as the host), k (keep), bit 31 first, or 0x and up to 8 digits`,
    offset,
  );
}

/** Which cpus a vcpu may run on. */
export interface VcpuCpus {
  readonly vcpu: number;
  /** Rising, without repeats. */
  readonly cpus: readonly number[];
}

/** More cpus than any host that Xen runs on. */
const CPU_MAX = 4095;
const CPU = integer(0, CPU_MAX);

export const AFFINITY: ValueType<VcpuCpus> = scalar(
  'vcpu and cpus',
  { type: 'string', pattern: '^[0-9]+:[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$' },
  {
    parse(text) {
      const colon = text.indexOf(':');
      if (colon < 0) throw badValue(`${quoted(text)} has not the form VCPU:CPU[,CPU-CPU...]`);
      const vcpu = CPU.parse(text.slice(0, colon));
      const cpus = splitPieces(text.slice(colon + 1), ',', colon + 1).flatMap(
        ({ text: part, offset }) =>
          within(offset, () => {
            const [first = '', last = first, ...more] = part.split('-');
            const [from, to] = [CPU.parse(first), CPU.parse(last)];
            if (more.length > 0 || to < from)
              throw badValue(`${quoted(part)} is no range of cpus such as 2-5`);
            return Array.from({ length: to - from + 1 }, (_, index) => from + index);
          }),
      );
      return { vcpu, cpus: [...new Set(cpus)].sort((a, b) => a - b) };
    },
    render: ({ vcpu, cpus }) => `${vcpu}:${cpus.join(',')}`,
  },
);

/** Both ends belong to it. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** `start-end` of ports or bytes. */
export function range(
  maximum: number,
  { hex = false }: { readonly hex?: boolean } = {},
): ValueType<NumberRange> {
  const end = integer(0, maximum);
  const render = (value: number): string => (hex ? `0x${value.toString(16)}` : String(value));
  return scalar(
    'range',
    { type: 'string', pattern: '^[0-9a-fA-FxX_]+-[0-9a-fA-FxX_]+$' },
    {
      parse(text) {
        const dash = text.indexOf('-');
        if (dash < 0) throw badValue(`${quoted(text)} has not the form FIRST-LAST`);
        const first = end.parse(text.slice(0, dash).trim());
        const last = within(dash + 1, () => end.parse(text.slice(dash + 1).trim()));
        if (last < first)
          throw badValue(`Its end ${last} lies before its start ${first}`, dash + 1);
        return { first, last };
      },
      render: ({ first, last }) => `${render(first)}-${render(last)}`,
    },
  );
}

/** `key=value`, or a key alone. */
export interface Pair {
  readonly key: string;
  readonly value: string | undefined;
}

export const PAIR: ValueType<Pair> = scalar(
  'name, or name=value',
  { type: 'string', pattern: '^[^=]+(=.*)?$' },
  {
    parse(text) {
      const { key, value } = splitPair({ text, offset: 0 });
      const at = text.search(/\p{Cc}/u);
      if (at >= 0) throw badValue('It has a control character, which no value may have', at);
      if (key === '') throw badValue(`${quoted(text)} has no name before its =`);
      return { key, value: value?.text };
    },
    render: ({ key, value }) => (value === undefined ? key : `${key}=${value}`),
  },
);
