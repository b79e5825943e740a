/** Lines of the key `nic` (or `vif`): `KEY=VALUE` with commas between; it may be empty. */
import { isUnicastMac } from '@xenops/core/devices';
import { domid, type Domid } from '@xenops/core/ids';
import {
  badValue,
  quoted,
  scalar,
  splitPair,
  splitPieces,
  within,
  type ValueType,
} from '../value-type.ts';
import { BOOLEAN, integer } from './plain.ts';

/** Where an address comes from: it is given, derived from the VM, or drawn. */
export type MacSource =
  | { readonly kind: 'given'; readonly mac: string }
  | { readonly kind: 'vm' }
  | { readonly kind: 'random' };

export interface NicSpec {
  /** The lowest free one unless said. */
  readonly devid?: number;
  /** Object path of the network daemon. */
  readonly network: string;
  readonly bridge: string;
  readonly mac: MacSource;
  /** Emulated card; rtl8139 unless said. */
  readonly model: string;
  readonly isWireless: boolean;
  readonly backendDomid: Domid;
}

/** Highest number of an interface. */
export const NIC_ID_MAX = 31;

const EMPTY: NicSpec = {
  network: '',
  bridge: '',
  mac: { kind: 'vm' },
  model: '',
  isWireless: false,
  backendDomid: domid(0),
};

const ID = integer(-1, NIC_ID_MAX);
const DOMID = integer(0, 0x7fef);

const OPTIONS: Readonly<Record<string, (text: string) => Partial<NicSpec>>> = {
  id(text) {
    const devid = ID.parse(text);
    return devid < 0 ? {} : { devid };
  },
  network: (text) => ({ network: checkWord(text, /^[\w/.:-]{0,256}$/, 'the path of a network') }),
  bridge: (text) => ({ bridge: checkWord(text, /^[\w.:-]{0,15}$/, 'the name of a bridge') }),
  mac: (text) => ({ mac: parseMac(text) }),
  model: (text) => ({ model: checkWord(text, /^[\w.-]{0,32}$/, 'the name of a card') }),
  wireless: (text) => ({ isWireless: BOOLEAN.parse(text) }),
  'backend-domid': (text) => ({ backendDomid: domid(DOMID.parse(text)) }),
};

export const NIC: ValueType<NicSpec> = scalar(
  'network interface',
  { type: 'string', pattern: '^([^=,]+=[^,]*)?(,([^=,]+=[^,]*)?)*$' },
  {
    parse(text) {
      let nic = EMPTY;
      for (const piece of splitPieces(text, ',')) {
        const { key, value } = splitPair(piece);
        if (piece.text === '') continue;
        const option = OPTIONS[key];
        if (option === undefined || value === undefined) {
          throw badValue(
            `${quoted(piece.text)} is no option of a network interface; ${Object.keys(OPTIONS).join('=, ')}= are`,
            piece.offset,
          );
        }
        nic = { ...nic, ...within(value.offset, () => option(value.text)) };
      }
      return nic;
    },
    render(nic) {
      const { devid, network, bridge, mac, model, isWireless, backendDomid } = nic;
      return [
        ...(devid === undefined ? [] : [`id=${devid}`]),
        ...(network === '' ? [] : [`network=${network}`]),
        ...(bridge === '' ? [] : [`bridge=${bridge}`]),
        ...(mac.kind === 'given'
          ? [`mac=${mac.mac}`]
          : mac.kind === 'random'
            ? ['mac=random']
            : []),
        ...(model === '' ? [] : [`model=${model}`]),
        ...(isWireless ? ['wireless=true'] : []),
        ...(backendDomid === 0 ? [] : [`backend-domid=${backendDomid}`]),
      ].join(',');
    },
  },
);

function parseMac(text: string): MacSource {
  if (text === '' || text === 'vm') return { kind: 'vm' };
  if (text === 'random') return { kind: 'random' };
  if (isUnicastMac(text)) return { kind: 'given', mac: text.toLowerCase() };
  throw badValue(
    `${quoted(text)} is no MAC address of one interface such as 00:16:3e:12:34:56, nor vm (from the VM's uuid) or random`,
  );
}

function checkWord(text: string, form: RegExp, what: string): string {
  if (form.test(text)) return text;
  throw badValue(`${quoted(text)} cannot be ${what}`);
}
