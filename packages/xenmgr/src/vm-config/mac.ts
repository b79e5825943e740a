/** The MAC address of a NIC without a configured one; the same that xenvm derives, so that it never changes. */
import { createHash } from 'node:crypto';

const PAIR_DISTANCE = 12;
const DIGITS = [0, 2, 1, 7, 6, 4];
/** First byte: bit 0 is for groups of stations, bit 1 for addresses that no maker gave (IEEE 802). */
const GROUP_BIT = 0x01;
const LOCAL_BIT = 0x02;

/** An address that depends on the number of the NIC and the uuid of the VM only. */
export function generatedMac(nicId: number, uuid: string): string {
  const digest = createHash('md5').update(`${nicId} ${uuid}`).digest('hex');
  const bytes = DIGITS.map((at) =>
    Number.parseInt(`${digest.charAt(at)}${digest.charAt(at + PAIR_DISTANCE)}`, 16),
  );
  return bytes
    .map((byte, at) => (at === 0 ? (byte & ~GROUP_BIT) | LOCAL_BIT : byte))
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':');
}
