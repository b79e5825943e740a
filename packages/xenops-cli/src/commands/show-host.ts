/** Commands that show the host. */
import { mibFromPagesDown, pagesFromKibDown } from '@xenops/core/units';
import { command, type Command } from './command.ts';

const pagesLine = (name: string, kib: number): string => {
  const pages = pagesFromKibDown(kib);
  return `${name} = ${pages} (${mibFromPagesDown(pages)} Mb)`;
};

export const showHostCommands: readonly Command[] = [
  command({
    name: 'physinfo',
    summary: 'show processors, memory and abilities of the host',
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
    changes: false,
    options: {},
    async run(host, _values, { out, json }) {
      const { capabilities } = await host.hypervisor.version();
      const words = capabilities.split(' ').filter((word) => word !== '');
      if (json) out.json(words);
      else out.line(words.join(' '));
    },
  }),
];
