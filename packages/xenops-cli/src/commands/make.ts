/** Commands that make domains and take them away. */
import { buildDomain, createDomain, destroyDomain, getDomain } from '@xenops/core/domain';
import { randomVmUuid } from '@xenops/core/ids';
import { command, type Command } from './command.ts';
import {
  DOMID,
  FILE,
  flag,
  MEMORY_KIB,
  optional,
  required,
  TEXT,
  UUID,
  VCPUS,
  withDefault,
} from './option.ts';

/** Enough for Xen to take back the memory of a large guest, and for back-ends to let go. */
const DESTROY_TIMEOUT_MS = 120_000;
const DEFAULT_MEMORY_KIB = 262_144;

export const makeCommands: readonly Command[] = [
  command({
    name: 'create_domain',
    aliases: ['init'],
    summary: 'make an empty, paused domain and print its domid',
    changes: true,
    options: {
      hvm: flag('make a hardware virtualised domain (HVM) instead of a PV one'),
      name: optional({ ...TEXT, doc: 'name of the domain; Domain-DOMID unless said' }),
      uuid: optional(UUID),
      vcpus: withDefault(
        { ...VCPUS, doc: 'most vcpus it can have; build_domain may change it' },
        1,
      ),
    },
    async run(host, { hvm, name, uuid: given, vcpus }, { out, json }) {
      const uuid = given ?? randomVmUuid();
      const guestType = hvm ? 'hvm' : 'pv';
      const domid = await createDomain(host, { uuid, guestType, name, maxVcpus: vcpus });
      if (json) out.json({ domid, uuid });
      else out.line(String(domid));
    },
  }),
  command({
    name: 'build_domain',
    aliases: ['build'],
    summary: 'load a PV guest into a domain fresh from create_domain; it stays paused',
    changes: true,
    options: {
      domid: required(DOMID),
      vcpus: optional({ ...VCPUS, doc: 'number of vcpus; as created unless said' }),
      memory: withDefault(MEMORY_KIB, DEFAULT_MEMORY_KIB),
      kernel: required({ ...FILE, doc: 'kernel image: ELF, or bzImage with Xen support' }),
      cmdline: withDefault({ ...TEXT, doc: 'command line of the kernel' }, 'root=/dev/sda1 ro'),
      ramdisk: optional({ ...FILE, doc: 'initial ramdisk' }),
    },
    async run(host, { domid, vcpus, memory, kernel, cmdline, ramdisk }, { out, json, signal }) {
      const { maxVcpuId } = await getDomain(host, domid);
      const config = {
        kind: 'pv' as const,
        kernelPath: kernel,
        ramdiskPath: ramdisk,
        cmdline,
        memoryKib: memory,
        vcpus: vcpus ?? maxVcpuId + 1,
      };
      await buildDomain(host, domid, config, {
        signal,
        onProgress: ({ stage }) => out.progress(`building domain ${domid}: ${stage}`),
      });
      if (json) out.json({ domid });
      else out.line(`built domain: ${domid}`);
    },
  }),
  command({
    name: 'destroy_domain',
    aliases: ['destroy', 'del'],
    summary: 'take a domain away with all that belongs to it',
    changes: true,
    options: { domid: required(DOMID) },
    async run(host, { domid }, { signal, timeoutMs }) {
      await destroyDomain(host, domid, { signal, timeoutMs: timeoutMs(DESTROY_TIMEOUT_MS) });
    },
  }),
];
