/**
 * Guests go into a stream and come out of it running; aborts and failures leave them running. Run by native.lab.ts as
 * `node --test`.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import type { Progress, SaveSpec } from '@xenops/core/hypervisor';
import { KERNEL, LabGuest, openLabHost, RAMDISK, XEN_FOLDER } from './guest-of-build.ts';

const MEMORY_KIB = 131_072;
/** Prints a line now and then and dirties memory all the time. */
const WORKLOAD = `i=0; while :; do i=$((i+1)); dd if=/dev/urandom of=/tmp/dirty bs=64k count=16 2>/dev/null; echo "TICK-$i"; done\n`;

await using host = await openLabHost();
const folder = mkdtempSync('/var/tmp/save-');

function build(kind: 'pv' | 'pvh'): Promise<LabGuest> {
  return LabGuest.build(host, {
    kind,
    kernelPath: KERNEL.elf,
    ramdiskPath: RAMDISK,
    cmdline: 'console=hvc0 quiet',
    memoryKib: MEMORY_KIB,
    tscMode: 'native',
  });
}

/** The guest with its workload running. */
async function bootWithWorkload(kind: 'pv' | 'pvh'): Promise<LabGuest> {
  const guest = await build(kind);
  guest.unpause();
  await guest.prints('GUEST-UP');
  await guest.types(WORKLOAD);
  await guest.prints('TICK-2');
  return guest;
}

async function resumeIfSuspended(guest: LabGuest): Promise<void> {
  if (host.hypervisor.findDomain(guest.domid)?.shutdown === true) await guest.resume();
}

async function runsOn(guest: LabGuest): Promise<void> {
  guest.forgetOutput();
  await guest.prints('TICK-');
}

/** Asks Xen's own judge of streams, whose modules Debian has put beside it. */
function verifyStream(file: string): void {
  execFileSync(`${XEN_FOLDER}/bin/verify-stream-v2`, ['--format', 'libxc', '--in', file], {
    env: { ...process.env, PYTHONPATH: `${XEN_FOLDER}/lib/python` },
  });
}

function openFile(name: string, flags: string): { readonly fd: number } & Disposable {
  const fd = openSync(path.join(folder, name), flags, 0o600);
  return {
    fd,
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

async function save(
  guest: LabGuest,
  spec: Omit<SaveSpec, 'suspend'>,
): Promise<readonly Progress[]> {
  const seen: Progress[] = [];
  await host.hypervisor.saveDomain(
    guest.domid,
    { suspend: () => guest.suspend(), ...spec },
    { onProgress: (progress) => void seen.push(progress) },
  );
  return seen;
}

/** Debian builds Xen without shadow paging, by which it would follow what a PV guest dirties. */
const followsPv = host.hypervisor.physInfo().capabilities.includes('shadow');

for (const kind of ['pv', 'pvh'] as const) {
  const live = kind === 'pvh' || followsPv;
  await test(`a ${kind} guest at work`, async (t) => {
    const original = await bootWithWorkload(kind);

    await t.test(
      'an abort before it is suspended leaves it as it is',
      { skip: !live },
      async () => {
        using file = openFile('aborted', 'w');
        const controller = new AbortController();
        let isAsked = false;
        const saved = host.hypervisor.saveDomain(
          original.domid,
          {
            fd: file.fd,
            live: true,
            suspend: () => {
              isAsked = true;
              return Promise.resolve();
            },
          },
          {
            signal: controller.signal,
            onProgress: ({ done }) => {
              if (done !== undefined) controller.abort();
            },
          },
        );
        await assert.rejects(saved, { code: 'ABORTED' });
        assert.equal(isAsked, false);
        await runsOn(original);
      },
    );

    await t.test('an abort while it is asked to suspend comes through', async () => {
      using file = openFile('aborted', 'w');
      const controller = new AbortController();
      const saved = host.hypervisor.saveDomain(
        original.domid,
        {
          fd: file.fd,
          suspend: () =>
            new Promise((_, reject) => {
              controller.signal.addEventListener('abort', () => {
                reject(new Error('gave up'));
              });
              controller.abort();
            }),
        },
        { signal: controller.signal },
      );
      await assert.rejects(saved, { code: 'ABORTED' });
      await runsOn(original);
    });

    await t.test(
      'a policy that gives up ends the save, and the guest runs on',
      { skip: !live },
      async () => {
        using file = openFile('aborted', 'w');
        const rounds: number[] = [];
        const onRound: SaveSpec['onRound'] = ({ iteration }) => {
          rounds.push(iteration);
          return iteration < 2 ? 'continue' : 'abort';
        };
        const saved = save(original, { fd: file.fd, live: true, onRound });
        await assert.rejects(saved, { code: 'HYPERVISOR_CALL_FAILED' });
        assert.ok(rounds.includes(1) && rounds.includes(2), String(rounds));
        await runsOn(original);
      },
    );

    await t.test('a pipe that nobody reads can be aborted', async () => {
      await using pipe = await openStuckSocket();
      const controller = new AbortController();
      const saved = host.hypervisor.saveDomain(
        original.domid,
        { fd: pipe.fd, live, suspend: () => original.suspend() },
        {
          signal: controller.signal,
          // Nobody reads: the thread is stuck, or soon will be, in the first pages.
          onProgress: () => {
            abortSoon(controller);
          },
        },
      );
      await assert.rejects(saved, { code: 'ABORTED' });
      await resumeIfSuspended(original);
      await runsOn(original);
    });

    await t.test('a full disk fails the save; after a resume it runs on', async () => {
      const fd = openSync('/dev/full', 'w');
      await assert.rejects(
        save(original, { fd }),
        (error: { context?: { errnoName?: string } }) => {
          assert.equal(error.context?.errnoName, 'ENOSPC');
          return true;
        },
      );
      closeSync(fd);
      await resumeIfSuspended(original);
      await runsOn(original);
    });

    await t.test(
      'it comes out of a live save running, and the original can go on too',
      async () => {
        using file = openFile(kind, 'w+');
        const seen = await save(original, { fd: file.fd, live });
        assert.deepEqual(
          [...new Set(seen.map(({ stage }) => stage))],
          [...(live ? ['copy'] : []), 'suspend', 'memory'],
        );
        assert.ok(
          seen.some(
            ({ done, total }) => ((done ?? 0) > 0 && total === MEMORY_KIB / 4) || done === total,
          ),
        );
        assert.ok(statSync(path.join(folder, kind)).size > 2 ** 20);
        verifyStream(path.join(folder, kind));
        assert.equal(host.hypervisor.findDomain(original.domid)?.shutdownReason, 'suspend');
        await original.resume();
        await runsOn(original);
      },
    );
    await original.destroy();

    await t.test('an abort of a restore leaves a domain that can be destroyed', async () => {
      const memory = { guestType: kind, memoryKib: MEMORY_KIB } as const;
      await using pipe = await openStuckSocket();
      const controller = new AbortController();
      const onProgress = ({ stage }: Progress): void => {
        if (stage === 'memory') abortSoon(controller);
      };
      await assert.rejects(
        LabGuest.restore(
          host,
          { fd: pipe.fd, ...memory },
          { signal: controller.signal, onProgress },
        ),
        { code: 'ABORTED' },
      );
    });

    await t.test('a stream that is cut short fails, with what the library says', async () => {
      using empty = openFile('empty', 'w+');
      const restored = LabGuest.restore(host, {
        fd: empty.fd,
        guestType: kind,
        memoryKib: MEMORY_KIB,
      });
      await assert.rejects(restored, (error: { code?: string; context?: { log?: string } }) => {
        assert.equal(error.code, 'HYPERVISOR_CALL_FAILED');
        assert.match(error.context?.log ?? '', /header/i);
        return true;
      });
    });

    await t.test('it runs on in another domain', async () => {
      using file = openFile(kind, 'r');
      const guest = await LabGuest.restore(host, {
        fd: file.fd,
        guestType: kind,
        memoryKib: MEMORY_KIB,
      });
      guest.unpause();
      await guest.prints('TICK-');
      await guest.suspend();
      await guest.destroy();
    });
  });
}

await test('a live save of a PV guest says what Xen lacks', { skip: followsPv }, async () => {
  using file = openFile('none', 'w');
  const guest = await build('pv');
  const saved = save(guest, { fd: file.fd, live: true });
  await assert.rejects(saved, { code: 'HYPERVISOR_NOT_SUPPORTED' }).finally(() => guest.destroy());
});

await test('a domain that no one has is told as such', async () => {
  using file = openFile('none', 'w');
  const guest = await build('pv');
  await guest.destroy();
  await assert.rejects(save(guest, { fd: file.fd }), { code: 'HYPERVISOR_NO_DOMAIN' });
});

rmSync(folder, { recursive: true });

/** Once a thread is stuck in a stream that nobody serves. */
function abortSoon(controller: AbortController): void {
  AbortSignal.timeout(500).addEventListener('abort', () => {
    controller.abort();
  });
}

/** One end of a connection whose other end neither reads nor writes. */
async function openStuckSocket(): Promise<{ readonly fd: number } & AsyncDisposable> {
  const socketPath = path.join(folder, 'stuck');
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const client = new Socket();
  await new Promise<void>((resolve) => client.connect(socketPath, resolve));
  const peer = await accepted;
  // Node tells the descriptor of a pipe handle only here.
  const { _handle: handle } = client as unknown as { readonly _handle: { readonly fd: number } };
  return {
    fd: handle.fd,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      peer.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
