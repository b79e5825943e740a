/** Lines of the key `pci`: `GROUP,[bind,]DOMAIN:BUS:SLOT.FUNCTION[,KEY=VALUE...]`; the address is hexadecimal. */
import {
  badValue,
  quoted,
  scalar,
  splitPair,
  splitPieces,
  within,
  type ValueType,
} from '../value-type.ts';
import { integer } from './plain.ts';

export interface PciAddressSpec {
  readonly segment: number;
  readonly bus: number;
  readonly slot: number;
  readonly func: number;
}

export interface PciSpec {
  /** Devices of one group share a back-end device of that number. */
  readonly group: number;
  readonly address: PciAddressSpec;
  /** Take it from its driver first. */
  readonly bind: boolean;
  readonly msitranslate?: number;
  readonly powerManagement?: number;
  readonly guestSlot?: number;
  readonly vdevfn?: number;
}

const ADDRESS = /^([0-9a-f]{1,4}):([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i;
const GROUP = integer(0, 255);
const FLAG = integer(0, 1);
const SLOT = integer(0, 31);
const DEVFN = integer(0, 255);

const OPTIONS: Readonly<Record<string, (text: string) => Partial<PciSpec>>> = {
  msitranslate: (text) => ({ msitranslate: FLAG.parse(text) }),
  power_mgmt: (text) => ({ powerManagement: FLAG.parse(text) }),
  guest_slot: (text) => ({ guestSlot: SLOT.parse(text) }),
  vdevfn: (text) => ({ vdevfn: DEVFN.parse(text) }),
};

export const PCI: ValueType<PciSpec> = scalar(
  'PCI device',
  { type: 'string', pattern: '^[0-9]+,(bind,)?[0-9a-fA-F:.]+(,[^=,]+=[^,]*)*$' },
  {
    parse(text) {
      const [group, ...rest] = splitPieces(text, ',');
      const bind = rest[0]?.text === 'bind';
      const [address, ...options] = bind ? rest.slice(1) : rest;
      if (group === undefined || address === undefined) {
        throw badValue(
          `${quoted(text)} has not the form GROUP,[bind,]DOMAIN:BUS:SLOT.FUNCTION[,KEY=VALUE...]`,
        );
      }
      let spec: PciSpec = {
        group: GROUP.parse(group.text),
        address: within(address.offset, () => parsePciAddress(address.text)),
        bind,
      };
      for (const piece of options) {
        const { key, value } = splitPair(piece);
        const option = OPTIONS[key];
        if (piece.text === '') continue;
        if (option === undefined || value === undefined) {
          throw badValue(
            `${quoted(piece.text)} is no option of a PCI device; ${Object.keys(OPTIONS).join('=, ')}= are`,
            piece.offset,
          );
        }
        spec = { ...spec, ...within(value.offset, () => option(value.text)) };
      }
      return spec;
    },
    render({ group, address, bind, msitranslate, powerManagement, guestSlot, vdevfn }) {
      return [
        String(group),
        ...(bind ? ['bind'] : []),
        renderPciAddress(address),
        ...(msitranslate === undefined ? [] : [`msitranslate=${msitranslate}`]),
        ...(powerManagement === undefined ? [] : [`power_mgmt=${powerManagement}`]),
        ...(guestSlot === undefined ? [] : [`guest_slot=${guestSlot}`]),
        ...(vdevfn === undefined ? [] : [`vdevfn=${vdevfn}`]),
      ].join(',');
    },
  },
);

function parsePciAddress(text: string): PciAddressSpec {
  const [segment, bus, slot, func] = (ADDRESS.exec(text) ?? [])
    .slice(1)
    .map((digits) => Number.parseInt(digits, 16));
  if (
    segment === undefined ||
    bus === undefined ||
    slot === undefined ||
    func === undefined ||
    slot > 31
  ) {
    throw badValue(`${quoted(text)} is no address of a PCI device such as 0000:00:1b.0`);
  }
  return { segment, bus, slot, func };
}

/** `dddd:bb:ss.f`. */
export function renderPciAddress({ segment, bus, slot, func }: PciAddressSpec): string {
  const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
  return `${hex(segment, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${func}`;
}
