/** Commands about vcpus and where and how much they run. */
import { getDomain, setOnlineVcpus } from '@xenops/core/domain';
import { ConfigError } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import type { Domid } from '@xenops/core/ids';
import { command, type Command } from './command.ts';
import { DOMID, flag, NUMBER, optional, required, TEXT, VCPUS } from './option.ts';

export const scheduleCommands: readonly Command[] = [
  command({
    name: 'sched_domain',
    summary: 'set the share of a domain under the credit schedulers',
    example: '-domid 5 -weight 512 -cap 50',
    changes: true,
    options: {
      domid: required(DOMID),
      weight: optional({ ...NUMBER, doc: 'weight, 1 to 65535; 256 is the usual one' }),
      cap: optional({ ...NUMBER, doc: 'upper limit in percent of one cpu; 0 is none' }),
    },
    async run(host, { domid, weight, cap }) {
      await getDomain(host, domid);
      await host.hypervisor.setSchedulerShare(domid, {
        ...(weight === undefined ? {} : { weight }),
        ...(cap === undefined ? {} : { capPercent: cap }),
      });
    },
  }),
  command({
    name: 'sched_get',
    summary: 'print weight and cap of a domain',
    example: '-domid 5',
    changes: false,
    options: { domid: required(DOMID) },
    async run(host, { domid }, { out, json }) {
      await getDomain(host, domid);
      const share = await host.hypervisor.schedulerShare(domid);
      if (json) out.json(share);
      else out.line(`${share.weight} ${share.capPercent}`);
    },
  }),
  command({
    name: 'affinity_set',
    summary: 'say on which cpus a vcpu may run',
    example: '-domid 5 -vcpu 0 -bitmap 1100',
    changes: true,
    options: {
      domid: required(DOMID),
      vcpu: required({ ...NUMBER, doc: 'number of the vcpu' }),
      bitmap: required({ ...TEXT, doc: 'a 0 or 1 for each cpu, cpu 0 first' }),
      soft: flag('a wish in place of a rule'),
    },
    async run(host, { domid, vcpu, bitmap, soft }, { out, json }) {
      await assertVcpu(host, domid, vcpu);
      const cpus = cpusOf(bitmap);
      const { maxCpuId } = await host.hypervisor.physInfo();
      const last = Math.max(...cpus);
      if (last > maxCpuId) throw wrong(`This host has the cpus 0 to ${maxCpuId}, and no ${last}`);
      const effective = await host.hypervisor.setVcpuAffinity(
        domid,
        vcpu,
        soft ? { soft: cpus } : { hard: cpus },
      );
      if (json) out.json(effective);
    },
  }),
  command({
    name: 'affinity_get',
    summary: 'print on which cpus a vcpu may run',
    example: '-domid 5 -vcpu 0',
    changes: false,
    options: {
      domid: required(DOMID),
      vcpu: required({ ...NUMBER, doc: 'number of the vcpu' }),
      soft: flag('where it would rather run'),
    },
    async run(host, { domid, vcpu, soft }, { out, json }) {
      await assertVcpu(host, domid, vcpu);
      const affinity = await host.hypervisor.vcpuAffinity(domid, vcpu);
      if (json) {
        out.json(affinity);
        return;
      }
      const { maxCpuId } = await host.hypervisor.physInfo();
      const allowed = new Set(soft ? affinity.soft : affinity.hard);
      out.line(
        Array.from({ length: maxCpuId + 1 }, (_, cpu) => (allowed.has(cpu) ? '1' : '0')).join(''),
      );
    },
  }),
  command({
    name: 'vcpu_set',
    aliases: ['vcpu-set'],
    summary: 'tell a guest how many of its vcpus to use',
    example: '-domid 5 -vcpus 2',
    changes: true,
    options: { domid: required(DOMID), vcpus: required({ ...VCPUS, doc: 'how many' }) },
    async run(host, { domid, vcpus }) {
      await setOnlineVcpus(host, domid, vcpus);
    },
  }),
  command({
    name: 'vcpu_list',
    aliases: ['vcpu-list'],
    summary: 'show the vcpus of a domain',
    example: '-domid 5',
    changes: false,
    options: { domid: required(DOMID) },
    async run(host, { domid }, { out, json }) {
      const { maxVcpuId } = await getDomain(host, domid);
      const hypervisor = host.hypervisor;
      const infos = [];
      for (let vcpu = 0; vcpu <= maxVcpuId; vcpu += 1)
        infos.push(await hypervisor.vcpuInfo(domid, vcpu));
      if (json) {
        out.json(
          infos.map(({ cpuTimeNs, ...info }) => ({ ...info, cpuTimeNs: String(cpuTimeNs) })),
        );
        return;
      }
      for (const { vcpu, online, running, blocked, cpu, cpuTimeNs } of infos) {
        const state = !online ? 'offline' : running ? 'running' : blocked ? 'blocked' : 'waiting';
        out.line(`vcpu: ${vcpu}  ${state}  cpu: ${cpu}  time: ${cpuTimeNs}`);
      }
    },
  }),
];

async function assertVcpu(host: Host, domid: Domid, vcpu: number): Promise<void> {
  const { maxVcpuId } = await getDomain(host, domid);
  if (vcpu > maxVcpuId)
    throw wrong(`Domain ${domid} has the vcpus 0 to ${maxVcpuId}, and no ${vcpu}`);
}

const wrong = (message: string): ConfigError => new ConfigError('CONFIG_BAD_VALUE', { message });

function cpusOf(bitmap: string): readonly number[] {
  if (!/^[01]{1,4096}$/.test(bitmap) || !bitmap.includes('1')) {
    throw wrong(
      `A bitmap has a 0 or 1 for each cpu and at least one 1, not "${bitmap.slice(0, 64)}"`,
    );
  }
  return Array.from(bitmap).flatMap((bit, cpu) => (bit === '1' ? [cpu] : []));
}
