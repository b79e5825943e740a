/** Saving and restoring a running PV guest, as part of the hypervisor benchmark: MiB per second, ours to xl's. */
import type { Lab } from 'xenlab';
import { inDom0, pushPrograms, valuesOf } from './hypervisor-build.ts';
import { comparisonLine, summarise } from './statistics.ts';

const MEMORY_MIB = 256;
const BOOT_TIMEOUT_MS = 300_000;

/** Prints a line for saving and one for restoring. */
export async function hypervisorSave(
  lab: Lab,
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  await pushPrograms(lab);
  const { vmlinux, initrd } = lab.guest;
  const config = `name="bench"\nkernel="${vmlinux}"\nramdisk="${initrd}"\nextra="console=hvc0"\nmemory=${MEMORY_MIB}\n`;
  const start = `cat > /var/tmp/bench.cfg; xl create -q /var/tmp/bench.cfg; xl console bench < /dev/null | grep -q GUEST-UP`;
  await lab.exec({ argv: ['sh', '-c', start], stdin: config, timeoutMs: BOOT_TIMEOUT_MS });
  const program = '/opt/xenops/bench/hypervisor-save.mjs';
  const args = [String(MEMORY_MIB), String(rounds)];
  const lines = await inDom0(lab, rounds, ['node', program, ...args]);
  for (const what of ['save', 'restore']) {
    const ours = summarise(valuesOf(lines, `${what} ours`));
    const peer = summarise(valuesOf(lines, `${what} peer`));
    const title = `${what} of a ${MEMORY_MIB} MiB PV guest, a rate (target 1.0 or more)`;
    print(comparisonLine(title, { ours, peer, unit: 'MiB/s' }));
  }
}
