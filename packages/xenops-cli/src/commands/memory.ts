/** Commands about the memory of a running domain. */
import {
  readGuestMemory,
  setMemoryMax,
  setMemoryTarget,
  waitForBalloon,
} from '@xenops/core/balloon';
import { kibFromMib } from '@xenops/core/units';
import { command, type Command } from './command.ts';
import { DOMID, flag, MEMORY_MIB, optional, required } from './option.ts';

const BALLOON_TIMEOUT_MS = 60_000;

export const memoryCommands: readonly Command[] = [
  command({
    name: 'balloon',
    summary: 'tell a guest how much memory to have, or show what it has',
    example: '-domid 5 -memory 512 -wait',
    changes: true,
    options: {
      domid: required(DOMID),
      memory: optional({ ...MEMORY_MIB, doc: 'memory in MiB, or with a unit: 256M, 1G' }),
      max: optional({ ...MEMORY_MIB, doc: 'what it can balloon up to, in the same units' }),
      wait: flag('until it has that much'),
    },
    async run(host, { domid, memory, max, wait }, { out, json, plan, signal, timeoutMs }) {
      if (max !== undefined) await setMemoryMax(host, domid, kibFromMib(max));
      if (memory !== undefined) await setMemoryTarget(host, domid, kibFromMib(memory));
      if (wait && !plan)
        await waitForBalloon(host, domid, { signal, timeoutMs: timeoutMs(BALLOON_TIMEOUT_MS) });
      const now = await readGuestMemory(host, domid);
      if (json) out.json(now);
      else if (memory === undefined && max === undefined) {
        out.line(
          `current: ${now.currentKib} KiB  target: ${now.targetKib} KiB  maximum: ${now.staticMaxKib} KiB`,
        );
      }
    },
  }),
];
