/** Commands on the life of a domain: pause, shut down, limits. */
import { getDomain, requestShutdown, sendSysrq, waitForShutdown } from '@xenops/core/domain';
import { ConfigError, DomainError } from '@xenops/core/errors';
import { domainPath } from '@xenops/core/xenstore/path';
import { command, type Command } from './command.ts';
import { choice, DOMID, flag, MEMORY_KIB, required, TEXT, withDefault } from './option.ts';

/** How long a guest has to acknowledge, and then to be down (the time-outs of the historical utility). */
const ACKNOWLEDGE_TIMEOUT_MS = 60_000;
const SYNC_TIMEOUT_MS = 30_000;
const DEFAULT_MEMORY_KIB = 262_144;

const REQUESTS = ['poweroff', 'reboot', 'suspend', 'halt'] as const;

export const runCommands: readonly Command[] = [
  command({
    name: 'pause_domain',
    aliases: ['pause'],
    summary: 'stop the vcpus of a domain',
    example: '-domid 5',
    changes: true,
    options: { domid: required(DOMID) },
    async run(host, { domid }, { out }) {
      const { paused } = await getDomain(host, domid);
      // Xen counts, so that it would take as many to let it run again.
      if (!paused) await host.hypervisor.pause(domid);
      out.line(`paused domain: ${domid}`);
    },
  }),
  command({
    name: 'unpause_domain',
    aliases: ['unpause'],
    summary: 'let the vcpus of a domain run',
    example: '-domid 5',
    changes: true,
    options: { domid: required(DOMID) },
    async run(host, { domid }, { out }) {
      const { paused, onlineVcpuCount, shutdown } = await getDomain(host, domid);
      if (onlineVcpuCount === 0 && !shutdown) {
        throw new DomainError('DOMAIN_WRONG_STATE', {
          message: `Domain ${domid} is empty; only a domain that has been built can run`,
          context: { domid },
        });
      }
      if (!paused) {
        throw new DomainError('DOMAIN_WRONG_STATE', {
          message: `Domain ${domid} is not paused; only a paused domain can be unpaused`,
          context: { domid },
        });
      }
      await host.hypervisor.unpause(domid);
      out.line(`unpaused domain: ${domid}`);
    },
  }),
  command({
    name: 'shutdown_domain',
    aliases: ['shutdown'],
    summary: 'ask the guest to shut down and wait until it acknowledges',
    example: '-domid 5 -poweroff -sync',
    changes: true,
    options: {
      domid: required(DOMID),
      reason: choice(REQUESTS, 'what to ask the guest for; the last one counts'),
      sync: flag('wait until the domain is down, too'),
    },
    async run(host, { domid, reason, sync }, { out, json, signal, timeoutMs }) {
      await requestShutdown(host, domid, reason, {
        signal,
        timeoutMs: timeoutMs(ACKNOWLEDGE_TIMEOUT_MS),
      });
      if (!json) out.line(`shutdown domain: ${domid}`);
      if (!sync) {
        if (json) out.json({ domid, acknowledged: true });
        return;
      }
      const end = await waitForShutdown(host, domid, {
        signal,
        timeoutMs: timeoutMs(SYNC_TIMEOUT_MS),
      });
      if (json) out.json({ domid, acknowledged: true, end });
      else out.line('domain shutdowned correctly');
    },
  }),
  command({
    name: 'hard_shutdown_domain',
    summary: 'put a domain in shutdown state at once, without asking its guest',
    example: '-domid 5 -poweroff',
    changes: true,
    options: {
      domid: required(DOMID),
      reason: choice([...REQUESTS, 'crash'] as const, 'the reason to record; the last one counts'),
      sync: flag('ignored; it is down at once'),
    },
    async run(host, { domid, reason }) {
      const { shutdown, dying } = await getDomain(host, domid);
      if (shutdown || dying) {
        throw new DomainError('DOMAIN_WRONG_STATE', {
          message: `Domain ${domid} is down already; only a domain that is up can be shut down`,
          context: { domid },
        });
      }
      await host.hypervisor.shutdown(domid, reason === 'halt' ? 'poweroff' : reason);
    },
  }),
  command({
    name: 'sysrq_domain',
    aliases: ['sysrq'],
    summary: 'send a Linux guest one of its emergency keys',
    example: '-domid 5 -key s',
    changes: true,
    options: { domid: required(DOMID), key: required({ ...TEXT, doc: 'the key: one character' }) },
    async run(host, { domid, key }) {
      await sendSysrq(host, domid, key);
    },
  }),
  command({
    name: 'set_target',
    summary: 'let a stub domain act for the guest that it serves',
    example: '-domid 6 -target 5',
    changes: true,
    options: { domid: required(DOMID), target: required({ ...DOMID, doc: 'the guest' }) },
    async run(host, { domid, target }) {
      await getDomain(host, domid);
      await getDomain(host, target);
      await host.hypervisor.setTarget(domid, target);
      await host.store.setTarget(domid, target);
    },
  }),
  command({
    name: 'setmaxmem',
    summary: "set Xen's limit for the memory of a domain",
    example: '-domid 5 -memory 512M',
    changes: true,
    options: { domid: required(DOMID), memory: withDefault(MEMORY_KIB, DEFAULT_MEMORY_KIB) },
    async run(host, { domid, memory }) {
      await getDomain(host, domid);
      const target = Number((await host.store.find(domainPath(domid, 'memory/target'))) ?? 0);
      if (memory < target) {
        throw new ConfigError('CONFIG_BAD_VALUE', {
          message: `The limit of domain ${domid} cannot be ${memory} KiB: it was told to have ${target} KiB; lower that first (balloon)`,
          context: { domid, memoryKib: memory, targetKib: target },
        });
      }
      await host.hypervisor.setMaxMemory(domid, memory);
    },
  }),
];
