/**
 * The ACPI tables of a PVH guest: that it is a machine without legacy hardware (`HW_REDUCED_ACPI`), and which processors it
 * has. Everything else a PVH guest learns from Xen. By the ACPI specification 5.0, chapters 5.2 (tables) and 20.2 (AML).
 *
 * ```
 * RSDP -> XSDT -> FADT -> DSDT   a device ACPI0007 for each processor
 *              -> MADT           its local APIC
 * ```
 */

const OEM_ID = 'XENOPS';
const OEM_TABLE_ID = 'PVH';
const CREATOR_ID = 'XNOP';

const RSDP_BYTES = 36;
/** What a checksum covers for a reader that knows ACPI 1.0 only. */
const RSDP_BYTES_OF_ACPI_1 = 20;
const HEADER_BYTES = 36;
const FADT_BYTES = 268;
const TABLE_ALIGNMENT_BYTES = 16;

/** Flags of the FADT: caches can be written back; processors know C1; no power and no sleep button; hardware reduced. */
const FADT_FLAGS = (1 << 0) | (1 << 2) | (1 << 4) | (1 << 5) | (1 << 20);
/** Its boot flags: no VGA, no clock of a PC. */
const FADT_BOOT_FLAGS = (1 << 2) | (1 << 5);

const LOCAL_APIC_ADDRESS = 0xfee00000;
const LOCAL_APIC_TYPE = 0;
const LOCAL_APIC_ENTRY_BYTES = 8;
const LOCAL_APIC_ENABLED = 1;
/** Xen numbers the local APICs of a container so (`vlapic_init`, xen/arch/x86/hvm/vlapic.c). */
const apicIdOfVcpu = (vcpu: number): number => vcpu * 2;

export interface AcpiTables {
  /** To be put at the address they were made for. */
  readonly bytes: Uint8Array;
  /** Size of the root pointer, which is what they begin with. */
  readonly rootSizeBytes: number;
}

/** The tables for a guest of `vcpuCount` vcpus, of which the first `onlineCount` are there at boot. */
export function acpiTables(
  addressBytes: number,
  vcpuCount: number,
  onlineCount: number,
): AcpiTables {
  const parts: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  let end = RSDP_BYTES;
  /** Tells where it will lie. */
  const place = (bytes: Uint8Array): number => {
    const offset = Math.ceil(end / TABLE_ALIGNMENT_BYTES) * TABLE_ALIGNMENT_BYTES;
    parts.push({ offset, bytes });
    end = offset + bytes.length;
    return addressBytes + offset;
  };
  const dsdtAddress = place(table('DSDT', 2, processorDevices(onlineCount)));
  const fadtAddress = place(table('FACP', 5, fixedDescription(dsdtAddress)));
  const madtAddress = place(table('APIC', 3, localApics(vcpuCount, onlineCount)));
  const xsdtAddress = place(table('XSDT', 1, pointers([fadtAddress, madtAddress])));
  parts.push({ offset: 0, bytes: rootPointer(xsdtAddress) });

  const bytes = new Uint8Array(end);
  for (const part of parts) bytes.set(part.bytes, part.offset);
  return { bytes, rootSizeBytes: RSDP_BYTES };
}

function rootPointer(xsdtAddress: number): Uint8Array {
  const bytes = new Uint8Array(RSDP_BYTES);
  const view = new DataView(bytes.buffer);
  putText(bytes, 0, 'RSD PTR ');
  putText(bytes, 9, OEM_ID);
  view.setUint8(15, 2);
  view.setUint32(20, RSDP_BYTES, true);
  view.setBigUint64(24, BigInt(xsdtAddress), true);
  view.setUint8(8, checksum(bytes.subarray(0, RSDP_BYTES_OF_ACPI_1)));
  view.setUint8(32, checksum(bytes));
  return bytes;
}

function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  putText(bytes, 0, signature);
  view.setUint32(4, bytes.length, true);
  view.setUint8(8, revision);
  putText(bytes, 10, OEM_ID);
  putText(bytes, 16, OEM_TABLE_ID);
  view.setUint32(24, 1, true);
  putText(bytes, 28, CREATOR_ID);
  view.setUint32(32, 1, true);
  bytes.set(body, HEADER_BYTES);
  view.setUint8(9, checksum(bytes));
  return bytes;
}

/** The FADT after its header. Registers that hardware reduced does not have stay 0. */
function fixedDescription(dsdtAddress: number): Uint8Array {
  const bytes = new Uint8Array(FADT_BYTES - HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(40 - HEADER_BYTES, dsdtAddress, true);
  view.setUint16(109 - HEADER_BYTES, FADT_BOOT_FLAGS, true);
  view.setUint32(112 - HEADER_BYTES, FADT_FLAGS, true);
  view.setBigUint64(140 - HEADER_BYTES, BigInt(dsdtAddress), true);
  return bytes;
}

function localApics(vcpuCount: number, onlineCount: number): Uint8Array {
  const bytes = new Uint8Array(8 + vcpuCount * LOCAL_APIC_ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, LOCAL_APIC_ADDRESS, true);
  for (let vcpu = 0; vcpu < vcpuCount; vcpu++) {
    const at = 8 + vcpu * LOCAL_APIC_ENTRY_BYTES;
    view.setUint8(at, LOCAL_APIC_TYPE);
    view.setUint8(at + 1, LOCAL_APIC_ENTRY_BYTES);
    view.setUint8(at + 2, vcpu);
    view.setUint8(at + 3, apicIdOfVcpu(vcpu));
    view.setUint32(at + 4, vcpu < onlineCount ? LOCAL_APIC_ENABLED : 0, true);
  }
  return bytes;
}

function pointers(addresses: readonly number[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(addresses, BigInt).buffer);
}

/** `Scope (\_SB) { Device (Cnnn) { Name (_HID, "ACPI0007") Name (_UID, n) } ... }` */
function processorDevices(count: number): Uint8Array {
  const devices = Array.from({ length: count }, (_, vcpu) =>
    packageOf(
      [0x5b, 0x82],
      [
        ...ascii(`C${vcpu.toString(16).toUpperCase().padStart(3, '0')}`),
        ...[0x08, ...ascii('_HID'), 0x0d, ...ascii('ACPI0007'), 0],
        ...[0x08, ...ascii('_UID'), 0x0a, vcpu],
      ],
    ),
  );
  return Uint8Array.from(packageOf([0x10], [...ascii('\\_SB_'), ...devices.flat()]));
}

/** An AML opcode with its length, which counts itself: 6 bits, or 4 bits and one or two bytes more. */
function packageOf(opcode: readonly number[], body: readonly number[]): readonly number[] {
  const length = [1, 2, 3].find(
    (bytes) => body.length + bytes < (bytes === 1 ? 64 : 2 ** (8 * bytes - 4)),
  );
  if (length === undefined) throw new RangeError('An AML package is too long');
  const total = body.length + length;
  const encoded =
    length === 1
      ? [total]
      : [
          ((length - 1) << 6) | (total & 0xf),
          ...Array.from({ length: length - 1 }, (_, index) => (total >> (4 + 8 * index)) & 0xff),
        ];
  return [...opcode, ...encoded, ...body];
}

function ascii(text: string): readonly number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

function putText(bytes: Uint8Array, offset: number, text: string): void {
  bytes.set(ascii(text), offset);
}

/** The byte that makes the sum of all 0; the place for it must still be 0. */
function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}
