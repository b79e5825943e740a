/** Commands that show the host. */
import { mibFromPagesDown, pagesFromKibDown } from '@xenops/core/units';
import { diskNumber, findDiskName, formatDiskName, parseDiskName } from '@xenops/core/devices';
import { hasCode, HypervisorError } from '@xenops/core/errors';
import { command, type Command } from './command.ts';
import { NUMBER, required, word } from './option.ts';

const pagesLine = (name: string, kib: number): string => {
  const pages = pagesFromKibDown(kib);
  return `${name} = ${pages} (${mibFromPagesDown(pages)} Mb)`;
};

/** Says what is missing when it is. */
async function withFlask<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!hasCode(error, 'HYPERVISOR_NOT_SUPPORTED')) throw error;
    throw new HypervisorError('HYPERVISOR_NOT_SUPPORTED', {
      message: 'Xen runs without FLASK, its security modules (flask= on its command line)',
      cause: error,
    });
  }
}

export const showHostCommands: readonly Command[] = [
  command({
    name: 'physinfo',
    summary: 'show processors, memory and abilities of the host',
    example: '--json',
    changes: false,
    options: {},
    async run(host, _values, { out, json }) {
      const info = await host.hypervisor.physInfo();
      if (json) {
        out.json(info);
        return;
      }
      out.line(`nr_cpus = ${info.cpuCount}`);
      out.line(`threads_per_core = ${info.threadsPerCore}`);
      out.line(`cores_per_socket = ${info.coresPerSocket}`);
      out.line(`nr_nodes = ${info.nodeCount}`);
      out.line(`cpu_khz = ${info.cpuKhz}`);
      out.line(pagesLine('total_pages', info.totalMemoryKib));
      out.line(pagesLine('free_pages', info.freeMemoryKib));
      out.line(pagesLine('scrub_pages', info.scrubMemoryKib));
      out.line(pagesLine('outstanding_pages', info.outstandingMemoryKib));
      out.line(`capabilities = ${info.capabilities.join(' ')}`);
    },
  }),
  command({
    name: 'pcpuinfo',
    summary: 'show the idle time of each physical cpu in nanoseconds',
    example: '--json',
    changes: false,
    options: {},
    async run(host, _values, { out, json }) {
      const cpus = await host.hypervisor.pcpuInfo();
      if (json) out.json(cpus.map(({ cpu, idleNs }) => ({ cpu, idleNs: String(idleNs) })));
      else for (const { cpu, idleNs } of cpus) out.line(`cpu: ${cpu}  idle: ${idleNs}`);
    },
  }),
  command({
    name: 'dmesg',
    summary: "print Xen's console ring",
    example: '',
    changes: false,
    options: {},
    async run(host, _values, { out, json }) {
      const text = await host.hypervisor.consoleRing();
      if (json) out.json(text.split('\n').filter((line) => line !== ''));
      else out.raw(text.endsWith('\n') || text === '' ? text : `${text}\n`);
    },
  }),
  command({
    name: 'capabilities',
    summary: 'print the guest types that this Xen can run',
    example: '',
    changes: false,
    options: {},
    async run(host, _values, { out, json }) {
      const { capabilities } = await host.hypervisor.version();
      const words = capabilities.split(' ').filter((word) => word !== '');
      if (json) out.json(words);
      else out.line(words.join(' '));
    },
  }),
  command({
    name: 'debugkeys',
    summary: "send keys to Xen's own console, as if typed there; dmesg shows what they say",
    example: 'q',
    changes: true,
    takesWords: 'KEYS',
    options: {},
    async run(host, _values, { words }) {
      for (const keys of words) await host.hypervisor.sendDebugKeys(keys);
    },
  }),
  command({
    name: 'getenforce',
    summary: 'print whether FLASK enforces its policy',
    example: '',
    changes: false,
    options: {},
    async run(host, _values, { out, json }) {
      const enforcing = await withFlask(() => host.hypervisor.flaskEnforcing());
      if (json) out.json({ enforcing });
      else out.line(enforcing ? 'Enforcing' : 'Permissive');
    },
  }),
  command({
    name: 'setenforce',
    summary: 'let FLASK enforce its policy, or only report',
    example: '-enforce 1',
    changes: true,
    options: { enforce: required(word(['0', '1'] as const, '1: enforce, 0: only report')) },
    async run(host, { enforce }) {
      await withFlask(() => host.hypervisor.setFlaskEnforcing(enforce === '1'));
    },
  }),
  command({
    name: 'watchdog',
    summary:
      'arm, renew or end a watchdog of this domain, which Xen ends when it is not renewed; prints its number',
    example: '-slot 0 -timeout 60',
    changes: true,
    options: {
      slot: required({ ...NUMBER, doc: 'number of the watchdog; 0 for a new one' }),
      timeout: required({ ...NUMBER, doc: 'seconds until it bites; 0 ends it' }),
    },
    async run(host, { slot, timeout }, { out, json }) {
      const id = await host.hypervisor.watchdog(slot, timeout);
      if (json) out.json({ id });
      else out.line(String(id));
    },
  }),
  command({
    name: 'topology',
    summary: 'show where each cpu sits, and the NUMA nodes',
    example: '',
    changes: false,
    options: {},
    async run(host, _values, { out, json }) {
      const hypervisor = host.hypervisor;
      const cpus = await hypervisor.cpuTopology();
      const nodes = await hypervisor.numaNodes();
      if (json) {
        out.json({ cpus, nodes });
        return;
      }
      for (const { cpu, core, socket, node } of cpus) {
        out.line(`cpu: ${cpu}  core: ${core}  socket: ${socket}  node: ${node}`);
      }
      for (const { node, totalMemoryKib, freeMemoryKib, distances } of nodes) {
        out.line(
          `node: ${node}  total: ${totalMemoryKib} KiB  free: ${freeMemoryKib} KiB  distances: ${distances.join(' ')}`,
        );
      }
    },
  }),
  command({
    name: 'test',
    summary: 'turn names of disks into their numbers and back',
    example: '',
    changes: false,
    options: {},
    run(_host, _values, { out, json }) {
      const rows = ['sda2', 'sda', 'xvdd', 'xvda1', 'hda', 'hdc1'].map((name) => {
        const number = diskNumber(parseDiskName(name));
        const found = findDiskName(number);
        return { name, number, back: found === undefined ? null : formatDiskName(found) };
      });
      if (json) out.json(rows);
      else for (const { name, number, back } of rows) out.line(`${name} -> ${number} -> ${back}`);
      return Promise.resolve();
    },
  }),
];
