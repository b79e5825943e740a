import { describe, expect, test } from '@jest/globals';
import type { HostServices } from '../host/host-services.ts';
import { nodeHostServices } from '../host/node-host-services.ts';
import { domid, vmUuid } from '../ids.ts';
import type { BuildConfig, HvmConfig } from './build-config.ts';
import { acpiModule, smbiosModule, withHostTables } from './host-tables.ts';

const uuid = vmUuid('00112233-4455-6677-8899-aabbccddeeff');
const DMI = '/sys/firmware/dmi/tables/DMI';
const HVM: HvmConfig = { kind: 'hvm', memoryKib: 65_536, vcpus: 1 };

/** A structure with its formatted part after the header, and its texts. */
function structure(type: number, formatted: readonly number[], texts = ''): Buffer {
  const head = Buffer.from([type, 4 + formatted.length, 0x34, 0x12, ...formatted]);
  return Buffer.concat(
    [head, Buffer.from(`${texts === '' ? '' : `${texts}\0`}\0`, 'latin1')].concat(
      texts === '' ? [Buffer.of(0)] : [],
    ),
  );
}
const SYSTEM = structure(1, [1, 2, 3, 4, ...Array<number>(16).fill(0xaa), 6], 'ACME\0Box');
const MEMORY = structure(17, [0, 0]);
const VENDOR = structure(129, [7], 'secret of ACME');
const END = structure(127, []);
const TABLES = Buffer.concat([SYSTEM, MEMORY, VENDOR, END, Buffer.alloc(9)]);

describe("the host's SMBIOS structures", () => {
  test('each comes after its length, and the system has the uuid of the guest', () => {
    const module = Buffer.from(smbiosModule(TABLES, { types: [0, 1, 129], uuid }));
    expect(module.readUInt32LE(0)).toBe(SYSTEM.length);
    const system = module.subarray(4, 4 + SYSTEM.length);
    expect(system.subarray(8, 24).toString('hex')).toBe('00112233445566778899aabbccddeeff');
    expect([system.subarray(0, 8), system.subarray(24)]).toEqual([
      SYSTEM.subarray(0, 8),
      SYSTEM.subarray(24),
    ]);
    const rest = module.subarray(4 + SYSTEM.length);
    expect([rest.readUInt32LE(0), rest.subarray(4)]).toEqual([VENDOR.length, VENDOR]);
  });

  test.each([1, SYSTEM.length - 1, SYSTEM.length + 5])(
    'that are cut at byte %i are refused',
    (length) => {
      const cut = TABLES.subarray(0, length);
      const read = () => smbiosModule(cut, { types: [1], uuid });
      if (length < 4) expect(read()).toHaveLength(0);
      else expect(read).toThrow(expect.objectContaining({ code: 'DOMAIN_NOT_SUPPORTED' }));
    },
  );

  test('of a type that no vendor has are refused', () => {
    expect(() => smbiosModule(TABLES, { types: [17], uuid })).toThrow('128 to 255, not 17');
    expect(() => smbiosModule(TABLES, { types: [Number.NaN], uuid })).toThrow('not NaN');
  });
});

function table(length: number, says = length): Buffer {
  const bytes = Buffer.alloc(length, 'SLIC');
  bytes.writeUInt32LE(says, 4);
  return bytes;
}

test("the host's ACPI tables come one after the other, and only whole ones", () => {
  expect(acpiModule([table(40), table(36)])).toEqual(Buffer.concat([table(40), table(36)]));
  expect(acpiModule([])).toHaveLength(0);
  expect(() => acpiModule([table(40, 80)])).toThrow('40 bytes and says that it has 80');
  expect(() => acpiModule([table(12)])).toThrow(
    expect.objectContaining({ code: 'DOMAIN_NOT_SUPPORTED' }),
  );
});

describe('a build', () => {
  const files = new Map<string, Uint8Array>();
  const services: HostServices = {
    ...nodeHostServices,
    readBytes: async (path: string) => files.get(path),
    writePrivateFile: async (path: string, content: string | Uint8Array) =>
      void files.set(path, Buffer.from(content)),
    removeFile: async (path: string) => void files.delete(path),
  };
  const build = async (config: BuildConfig, use = async (whole: BuildConfig) => whole) => {
    files.clear();
    files.set(DMI, TABLES);
    return withHostTables(services, config, { domid: domid(7), uuid }, use);
  };

  test('has them in files while it goes on, and no longer, however it ends', async () => {
    const built = await build({ ...HVM, hostTables: { smbios: true } }, async (whole) => {
      expect(whole).toMatchObject({ smbiosModulePath: '/run/xen/xenops-smbios-7' });
      expect(files.get('/run/xen/xenops-smbios-7')).toHaveLength(4 + SYSTEM.length);
      return whole;
    });
    expect(built).not.toHaveProperty('acpiModulePath', expect.anything());
    const failing = build({ ...HVM, hostTables: { smbios: true } }, async () => {
      throw new Error('no memory');
    });
    await expect(failing).rejects.toThrow('no memory');
    expect([...files.keys()]).toEqual([DMI]);
  });

  test('goes without a licence where the host has none, and not without SMBIOS tables', async () => {
    expect(await build({ ...HVM, hostTables: { acpi: true } })).toMatchObject({ kind: 'hvm' });
    const none = withHostTables(
      { ...services, readBytes: async () => undefined },
      { ...HVM, hostTables: { smbios: true } },
      { domid: domid(7), uuid },
      async (whole) => whole,
    );
    await expect(none).rejects.toMatchObject({ code: 'DOMAIN_NOT_SUPPORTED' });
  });

  test('has its tables from one place', async () => {
    const both = build({ ...HVM, smbiosModulePath: '/t', hostTables: { oemTypes: [129] } });
    await expect(both).rejects.toMatchObject({ code: 'CONFIG_BAD_VALUE' });
    await expect(both).rejects.toThrow('not both');
  });
});
