/** The numbers and addresses of network interfaces, which a file may leave open. */
import { createHash } from 'node:crypto';
import type { VmUuid } from '@xenops/core/ids';
import { NIC_ID_MAX, type NicSpec } from './values/nic-line.ts';

/** An interface with its number and its address. */
export interface Nic extends Omit<NicSpec, 'mac' | 'devid'> {
  readonly devid: number;
  readonly mac: string;
}

/**
 * Gives numbers in the order of the file, the lowest free one each, and addresses; sorted by number. The numbers that are given are distinct
 * (the check of the configuration saw to it).
 */
export function resolveNics(
  nics: readonly NicSpec[],
  { uuid, randomMac }: { readonly uuid: VmUuid; readonly randomMac: () => string },
): readonly Nic[] {
  const taken = new Set(nics.flatMap(({ devid }) => devid ?? []));
  const free = Array.from({ length: NIC_ID_MAX + 1 }, (_, id) => id).filter((id) => !taken.has(id));
  return nics
    .flatMap(({ mac, devid: given, ...nic }): readonly Nic[] => {
      const devid = given ?? free.shift();
      if (devid === undefined) return [];
      switch (mac.kind) {
        case 'given':
          return [{ ...nic, devid, mac: mac.mac }];
        case 'vm':
          return [{ ...nic, devid, mac: macOfVm({ devid, model: nic.model, uuid }) }];
        case 'random':
          return [{ ...nic, devid, mac: randomMac() }];
      }
    })
    .sort((a, b) => a.devid - b.devid);
}

/** Which hexadecimal digits of the digest make the bytes: each with the one twelve places on. */
const DIGITS = [0, 2, 1, 7, 6, 4] as const;
const DIGIT_STEP = 12;

/** The address that an interface has always had in this VM: locally administered, from MD5 of number, card and uuid. */
export function macOfVm({
  devid,
  model,
  uuid,
}: {
  readonly devid: number;
  readonly model: string;
  readonly uuid: VmUuid;
}): string {
  const text = [String(devid), ...(model === '' ? [] : [model]), uuid].join(' ');
  const digest = createHash('md5').update(text).digest('hex');
  const bytes = DIGITS.map((at) =>
    Number.parseInt(`${digest[at] ?? ''}${digest[at + DIGIT_STEP] ?? ''}`, 16),
  );
  return bytes
    .map((byte, index) => (index === 0 ? (byte & ~1) | 2 : byte))
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':');
}
