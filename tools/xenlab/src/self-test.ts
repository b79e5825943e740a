// The self-test: a lab, Xen's own tool in it, and a guest that comes up.
import { LabError } from './errors.ts';
import { startLab } from './lab.ts';
import type { LabOptions } from './lab.ts';

const GUEST_TIMEOUT_MS = 120_000;

/** Starts a lab of its own and a PV guest in it; tells what it sees. @throws LabError for what it does not see. */
export async function selfTest(
  options: LabOptions,
  { report }: { readonly report: (line: string) => void },
): Promise<void> {
  const startedAt = performance.now();
  await using lab = await startLab(options);
  report(`A lab with Debian ${lab.release} is up after ${seconds(startedAt)} s`);
  const info = await lab.sh(
    "xl info | grep -E '^(release|xen_version|virt_caps|total_memory|free_memory) '",
  );
  report(info.trimEnd());
  const guestAt = performance.now();
  await lab.exec({ argv: ['tee', '/tmp/guest.cfg'], stdin: guestConfig(lab.guest) });
  await lab.sh('xl create -q /tmp/guest.cfg');
  // xl console prints what the guest wrote from its start on; it needs a terminal's size of patience, not a poll.
  const up = await lab.sh("xl console guest </dev/null | grep -a -m1 -o 'GUEST-UP .*'", {
    timeoutMs: GUEST_TIMEOUT_MS,
  });
  if (!up.startsWith('GUEST-UP')) {
    throw new LabError('LAB_COMMAND_FAILED', { message: `The guest did not come up: ${up}` });
  }
  report(`${up.trim()} after ${seconds(guestAt)} s`);
  report((await lab.sh('xl list')).trimEnd());
}

function guestConfig({
  vmlinux,
  initrd,
}: {
  readonly vmlinux: string;
  readonly initrd: string;
}): string {
  return [
    'name = "guest"',
    `kernel = "${vmlinux}"`,
    `ramdisk = "${initrd}"`,
    'extra = "console=hvc0"',
    'memory = 128',
    'vcpus = 1',
    '',
  ].join('\n');
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
