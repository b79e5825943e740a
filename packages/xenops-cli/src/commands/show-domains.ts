/** Commands that show domains and their devices. */
import { getDomain, listDevices, type DeviceView } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { shutdownCode, SHUTDOWN_REASONS, type DomainInfo } from '@xenops/core/hypervisor';
import { domainPath } from '@xenops/core/xenstore/path';
import { mibFromKibDown } from '@xenops/core/units';
import { printable } from '../output/error-report.ts';
import { renderTable } from '../output/table.ts';
import { command, type Command } from './command.ts';
import { DOMID, flag, required } from './option.ts';

export const showDomainCommands: readonly Command[] = [
  command({
    name: 'list_domains',
    aliases: ['list', 'li'],
    summary: 'list all domains',
    example: '-v',
    changes: false,
    options: { verbose: flag('show memory, vcpus and more', 'v') },
    async run(host, { verbose }, { out, json }) {
      const domains = await host.hypervisor.listDomains();
      if (json) {
        out.json(await Promise.all(domains.map((info) => domainJson(host, info))));
        return;
      }
      const columns = verbose ? VERBOSE_COLUMNS : COLUMNS;
      const rows = domains.map((info) => Object.values(columns).map((cell) => cell(info)));
      for (const line of renderTable(Object.keys(columns), rows)) out.line(line);
    },
  }),
  command({
    name: 'list_devices',
    summary: 'list the devices of a domain',
    example: '-domid 5',
    changes: false,
    options: { domid: required(DOMID) },
    async run(host, { domid }, { out, json }) {
      await getDomain(host, domid);
      const devices = await listDevices(host, domid);
      if (json) out.json(devices);
      else for (const device of devices) out.line(deviceLine(device));
    },
  }),
  command({
    name: 'dom-uuid',
    aliases: ['getuuid_domain'],
    summary: 'print the uuid of a domain',
    example: '-domid 5',
    changes: false,
    options: { domid: required(DOMID) },
    async run(host, { domid }, { out, json }) {
      const { uuid } = await getDomain(host, domid);
      if (json) out.json({ domid, uuid });
      else out.line(uuid);
    },
  }),
];

type Columns = Readonly<Record<string, (info: DomainInfo) => string>>;

const COLUMNS: Columns = {
  id: (info) => String(info.domid),
  state: stateLetters,
  cpu_time: (info) => String(info.cpuTimeNs),
  uuid: (info) => info.uuid,
};

const VERBOSE_COLUMNS: Columns = {
  id: (info) => String(info.domid),
  state: stateLetters,
  'shutdown code': reasonCode,
  'total MiB': (info) => String(mibFromKibDown(info.memoryKib)),
  'max MiB': (info) =>
    Number.isFinite(info.maxMemoryKib) ? String(mibFromKibDown(info.maxMemoryKib)) : 'no limit',
  sif: (info) => String(info.sharedInfoFrame),
  'cpu time': (info) => String(info.cpuTimeNs),
  'vcpus online': (info) => String(info.onlineVcpuCount),
  'max vcpu id': (info) => String(info.maxVcpuId),
  ssidref: (info) => String(info.ssidref),
  uuid: (info) => info.uuid,
};

/** Dying, Shutdown, Paused, Blocked, Running, Hvm: a letter each, or a space. */
function stateLetters(info: DomainInfo): string {
  const letters: readonly (readonly [string, boolean])[] = [
    ['D', info.dying],
    ['S', info.shutdown],
    ['P', info.paused],
    ['B', info.blocked],
    ['R', info.running],
    ['H', info.guestType !== 'pv'],
  ];
  return letters.map(([letter, isSet]) => (isSet ? letter : ' ')).join('');
}

/** Xen's number of the shutdown reason, 0 for a domain that is up, as it always was shown. */
function reasonCode({ shutdownReason }: DomainInfo): string {
  const known = SHUTDOWN_REASONS.find((reason) => reason === shutdownReason);
  if (known !== undefined) return String(shutdownCode(known));
  return shutdownReason?.replace('unknown-', '') ?? '0';
}

async function domainJson(host: Host, info: DomainInfo): Promise<unknown> {
  const { domid, cpuTimeNs, sharedInfoFrame, maxMemoryKib, ...rest } = info;
  return {
    domid,
    name: (await host.store.find(domainPath(domid, 'name'))) ?? null,
    ...rest,
    maxMemoryKib: Number.isFinite(maxMemoryKib) ? maxMemoryKib : null,
    cpuTimeNs: String(cpuTimeNs),
    sharedInfoFrame: String(sharedInfoFrame),
  };
}

function deviceLine({ kind, devid, frontendState, backend }: DeviceView): string {
  // What the guest calls the device is for its back-end to say, which may be another domain.
  const dev = printable(backend.dev);
  return `${kind}[${devid}] is ${frontendState} to dom(${backend.domid}) ty(${backend.kind}) devid(${backend.devid} ${dev}) state(${backend.state})`;
}
