/**
 * Firmware tables of the host that an HVM guest is to see as its own, so that what is licensed for the machine runs in the guest: in the form in
 * which hvmloader takes further tables (tools/firmware/hvmloader/smbios.c, acpi/build.c), as files of xl's `smbios_firmware` and `acpi_firmware` are.
 */
import { ConfigError, DomainError } from '../errors.ts';
import type { HostServices } from '../host/host-services.ts';
import { runFolderOf } from '../host/run-folder.ts';
import type { Domid, VmUuid } from '../ids.ts';
import type { BuildConfig } from './build-config.ts';

/** Which of the host's tables a guest sees. */
export interface HostTables {
  /** BIOS, system, board, chassis, OEM strings, battery and power supply, in place of hvmloader's own; the uuid stays the guest's. */
  readonly smbios?: boolean | undefined;
  /** Types of a vendor's own structures to show too, 128 to 255. */
  readonly oemTypes?: readonly number[] | undefined;
  /** SLIC and MSDM, by which Windows knows that it is licensed; none where the host has none. */
  readonly acpi?: boolean | undefined;
}

/** Where Linux shows them (Documentation/ABI/testing/sysfs-firmware-dmi-tables, sysfs-firmware-acpi). */
const DMI_FILE = '/sys/firmware/dmi/tables/DMI';
const ACPI_FOLDER = '/sys/firmware/acpi/tables';
const LICENCE_TABLES = ['SLIC', 'MSDM'];
/** What hvmloader takes from such a file; of each it looks at the first. */
const SMBIOS_TYPES: readonly number[] = [0, 1, 2, 3, 11, 22, 39];
const OEM_TYPE_FIRST = 128;
/** Type, length and handle (SMBIOS 3, 6.1.2). */
const HEADER_BYTES = 4;
const SYSTEM_TYPE = 1;
const SYSTEM_UUID_OFFSET = 8;
const END_TYPE = 127;
/** Signature, length, revision, checksum and who made it (ACPI 6, 5.2.6). */
const ACPI_HEADER_BYTES = 36;
const NONE = new Uint8Array();

/**
 * Builds with a configuration that names the host's tables: files that only root can read, which are there while it is used. Rejects with
 * CONFIG_BAD_VALUE for tables from two places or no type of a vendor, DOMAIN_NOT_SUPPORTED when the host shows none.
 */
export async function withHostTables<T>(
  services: HostServices,
  config: BuildConfig,
  { domid, uuid }: { readonly domid: Domid; readonly uuid: VmUuid },
  use: (config: BuildConfig) => Promise<T>,
): Promise<T> {
  if (config.kind !== 'hvm' || config.hostTables === undefined) return use(config);
  const { smbios = false, oemTypes = [], acpi = false } = config.hostTables;
  const types = [...(smbios ? SMBIOS_TYPES : []), ...oemTypes];
  const { smbiosModulePath, acpiModulePath } = config;
  assertOnePlace('SMBIOS', types.length > 0, smbiosModulePath);
  assertOnePlace('ACPI', acpi, acpiModulePath);
  const modules = {
    smbios: types.length > 0 ? smbiosModule(await readDmi(services), { types, uuid }) : NONE,
    acpi: acpi ? acpiModule(await readLicences(services)) : NONE,
  };
  const fileOf = (kind: keyof typeof modules): string | undefined =>
    modules[kind].length === 0 ? undefined : `${runFolderOf(services)}/xenops-${kind}-${domid}`;
  const files = { smbios: fileOf('smbios'), acpi: fileOf('acpi') };
  const kinds = ['smbios', 'acpi'] as const;
  try {
    for (const kind of kinds) {
      if (files[kind] !== undefined) await services.writePrivateFile(files[kind], modules[kind]);
    }
    return await use({
      ...config,
      smbiosModulePath: files.smbios ?? smbiosModulePath,
      acpiModulePath: files.acpi ?? acpiModulePath,
    });
  } finally {
    for (const kind of kinds) {
      if (files[kind] !== undefined) await services.removeFile(files[kind]);
    }
  }
}

function assertOnePlace(kind: string, isOfHost: boolean, file: string | undefined): void {
  if (!isOfHost || file === undefined) return;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `The ${kind} tables of a guest are the host's or those of ${file}, not both`,
    context: { path: file },
  });
}

async function readDmi(services: HostServices): Promise<Uint8Array> {
  const tables = await services.readBytes(DMI_FILE);
  if (tables !== undefined) return tables;
  throw new DomainError('DOMAIN_NOT_SUPPORTED', {
    message: `The host shows no SMBIOS tables in ${DMI_FILE} that a guest could be given`,
    context: { path: DMI_FILE },
  });
}

async function readLicences(services: HostServices): Promise<readonly Uint8Array[]> {
  const found = LICENCE_TABLES.map((name) => services.readBytes(`${ACPI_FOLDER}/${name}`));
  return (await Promise.all(found)).filter((table) => table !== undefined);
}

/** The structures of these types, each after its length as 32 bits; a system has the guest's uuid. Throws DOMAIN_NOT_SUPPORTED for tables that are cut. */
export function smbiosModule(
  tables: Uint8Array,
  { types, uuid }: { readonly types: readonly number[]; readonly uuid: VmUuid },
): Uint8Array {
  const bad = types.find((type) => !SMBIOS_TYPES.includes(type) && !isOemType(type));
  if (bad !== undefined) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A vendor's own SMBIOS structures have types ${OEM_TYPE_FIRST} to 255, not ${bad}`,
      context: { type: bad },
    });
  }
  const chosen = structures(tables).filter(([type = 0]) => types.includes(type));
  return Buffer.concat(chosen.flatMap((each) => [uint32(each.length), ownUuid(each, uuid)]));
}

function isOemType(type: number): boolean {
  return Number.isInteger(type) && type >= OEM_TYPE_FIRST && type <= 0xff;
}

/** Each with its texts, which end at two zero bytes. */
function structures(tables: Uint8Array): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  const bytes = Buffer.from(tables.buffer, tables.byteOffset, tables.length);
  let start = 0;
  while (start + HEADER_BYTES <= tables.length) {
    const [type = 0, length = 0] = tables.subarray(start);
    const zeros = length < HEADER_BYTES ? -1 : bytes.indexOf('\0\0', start + length, 'latin1');
    if (zeros < 0) {
      throw new DomainError('DOMAIN_NOT_SUPPORTED', {
        message: `The host's SMBIOS tables are cut at byte ${start}, in a structure of type ${type}`,
        context: { path: DMI_FILE, start, type },
      });
    }
    found.push(tables.subarray(start, zeros + 2));
    if (type === END_TYPE) break;
    start = zeros + 2;
  }
  return found;
}

/** Two guests with the host's uuid would be one to whoever looks after them. */
function ownUuid(structure: Uint8Array, uuid: VmUuid): Uint8Array {
  const [type, length = 0] = structure;
  if (type !== SYSTEM_TYPE || length < SYSTEM_UUID_OFFSET + 16) return structure;
  const own = Uint8Array.from(structure);
  own.set(Buffer.from(uuid.replaceAll('-', ''), 'hex'), SYSTEM_UUID_OFFSET);
  return own;
}

/** Tables one after the other; each says its length. Throws DOMAIN_NOT_SUPPORTED for one that is not as long as it says. */
export function acpiModule(tables: readonly Uint8Array[]): Uint8Array {
  for (const table of tables) {
    const { byteOffset, length } = table;
    const says = length < 8 ? 0 : new DataView(table.buffer, byteOffset).getUint32(4, true);
    if (length >= ACPI_HEADER_BYTES && says === length) continue;
    throw new DomainError('DOMAIN_NOT_SUPPORTED', {
      message: `An ACPI table of the host has ${length} bytes and says that it has ${says}`,
      context: { path: ACPI_FOLDER, length, says },
    });
  }
  return Buffer.concat(tables);
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
