/**
 * Identifiers that look alike and must not be mixed up. Each is a brand over a plain value; the `parse...` functions
 * are the only way from text or from the other side to one.
 */
import { randomBytes } from 'node:crypto';
import { ConfigError } from './errors.ts';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Number of a domain in Xen, 0 to 0x7fef; never stable over a reboot of the guest. */
export type Domid = Branded<number, 'Domid'>;
/** Event channel port. */
export type Evtchn = Branded<number, 'Evtchn'>;
/** Identity of a virtual machine: lower-case 8-4-4-4-12 text. Survives reboots, unlike a domid. */
export type VmUuid = Branded<string, 'VmUuid'>;

/** First number that is no domid of a guest any more (`DOMID_FIRST_RESERVED`, xen/include/public/xen.h). */
export const DOMID_FIRST_RESERVED = 0x7ff0;
export const DOM0: Domid = 0 as Domid;

/** The number as a domid. Throws CONFIG_BAD_VALUE when it is not 0 to 0x7fef. */
export function domid(value: number): Domid {
  if (!Number.isInteger(value) || value < 0 || value >= DOMID_FIRST_RESERVED) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A domid is a whole number from 0 to ${DOMID_FIRST_RESERVED - 1}, not ${value}`,
      context: { domid: value },
    });
  }
  return value as Domid;
}

/** A domid from decimal text, undefined when it is none. For text that a guest or another tool may have written. */
export function findDomid(text: string): Domid | undefined {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(text)) return undefined;
  const value = Number(text);
  return value < DOMID_FIRST_RESERVED ? (value as Domid) : undefined;
}

/** The number as an event channel port. Throws CONFIG_BAD_VALUE when it is not a positive 32-bit number. */
export function evtchn(value: number): Evtchn {
  if (!Number.isInteger(value) || value < 1 || value > 0xffffffff) {
    throw new ConfigError('CONFIG_BAD_VALUE', { message: `${value} is no event channel port` });
  }
  return value as Evtchn;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A uuid from its text form, in any case. Throws CONFIG_BAD_VALUE. */
export function vmUuid(text: string): VmUuid {
  const lower = text.toLowerCase();
  if (!UUID.test(lower)) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A uuid has the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in hexadecimal, not "${text}"`,
    });
  }
  return lower as VmUuid;
}

/** The uuid made of these 16 bytes. Throws CONFIG_BAD_VALUE for any other number of them. */
export function vmUuidFromBytes(bytes: Uint8Array): VmUuid {
  if (bytes.length !== 16) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A uuid has 16 bytes, not ${bytes.length}`,
    });
  }
  const hex = Buffer.from(bytes).toString('hex');
  const at = (from: number, to: number): string => hex.slice(from, to);
  return vmUuid([at(0, 8), at(8, 12), at(12, 16), at(16, 20), at(20, 32)].join('-'));
}

/** The 16 bytes of a uuid. */
export function bytesFromVmUuid(uuid: VmUuid): Uint8Array {
  return Uint8Array.from(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

/** A new random uuid (version 4, RFC 9562). */
export function randomVmUuid(): VmUuid {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return vmUuidFromBytes(bytes);
}
