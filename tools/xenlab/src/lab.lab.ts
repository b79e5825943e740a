// The lab's own promises, on real labs: they need a machine that can build an image once (root, a Debian mirror).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { getLab, startLab } from './index.ts';
import { sweepLabs } from './lab-record.ts';

test('two labs run side by side, apart from each other, and the next one is new again', async () => {
  {
    const labs = await Promise.all([startLab(), startLab()]);
    await using first = labs[0];
    await using second = labs[1];
    await first.sh('echo mine >/root/mark; sync');
    expect((await second.exec(['cat', '/root/mark'])).status).not.toBe(0);
    expect(await second.sh('xl list')).toMatch(/^Domain-0 +0 /m);
    expect(await first.sh('xl list')).toMatch(/^Domain-0 +0 /m);
  }
  await using third = await startLab();
  expect(await third.exec(['cat', '/root/mark'])).toMatchObject({ status: 1, stdout: '' });
});

test('a command has its arguments, input, output and status exactly', async () => {
  await using lab = await startLab();
  const odd = [
    '',
    ' ',
    "it's",
    '"$HOME"',
    '*',
    'a\nb',
    '\\',
    '-n',
    'ünï',
    '`id`',
    '$(id)',
    ';',
    '\t',
  ];
  const echoed = await lab.exec(['printf', String.raw`%s\0`, ...odd]);
  expect(echoed).toEqual({
    status: 0,
    stdout: odd.map((word) => `${word}\0`).join(''),
    stderr: '',
  });

  const script = 'cat; echo to-stderr >&2; exit 7';
  const streams = await lab.exec({ argv: ['sh', '-c', script], stdin: 'a line without an end' });
  expect(streams).toEqual({ status: 7, stdout: 'a line without an end', stderr: 'to-stderr\n' });

  expect((await lab.exec(['sh', '-c', 'kill -9 $$'])).status).toBe(137);
  expect((await lab.exec(['sh', '-c', 'exit 255'])).status).toBe(255);
  await expect(lab.sh('echo why >&2; false')).rejects.toMatchObject({ code: 'LAB_COMMAND_FAILED' });

  const late = lab.exec({ argv: ['sh', '-c', 'sleep 1234'], timeoutMs: 500 });
  await expect(late).rejects.toMatchObject({ code: 'LAB_TIMEOUT' });
  expect((await lab.exec(['pgrep', '-f', '^sleep 1234'])).status).toBe(1);

  // The clock of the snapshot was set right.
  expect(Math.abs(Number(await lab.sh('date +%s')) - Date.now() / 1000)).toBeLessThan(5);
});

test('files and folders come in as they are', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'xenlab-test-'));
  try {
    writeFileSync(path.join(folder, '-odd name'), 'content');
    await using lab = await startLab();
    await lab.push([path.join(folder, '-odd name')], { to: '/root/a b' });
    expect(await lab.sh("cat '/root/a b/-odd name'")).toBe('content');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each(['oxenstored', 'xenstored'] as const)(
  'Dom0 runs %s when asked for it',
  async (xenstored) => {
    await using lab = await startLab({ xenstored });
    expect((await lab.sh('ps -e -o comm= | grep xenstored')).trim()).toBe(xenstored);
    expect((await lab.sh('xenstore-read /local/domain/0/name')).trim()).toBe('Domain-0');
  },
);

test('a lab ends with its owner, even after kill -9, and the next start clears its folder away', async () => {
  const library = fileURLToPath(new URL('../dist/index.js', import.meta.url));
  const script = `const { startLab } = await import(${JSON.stringify(library)});
    const lab = await startLab();
    console.log(lab.folder);
    setInterval(() => undefined, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: readonly unknown[] = await once(createInterface({ input: owner.stdout }), 'line');
  const folder = String(said[0]);

  const gone = ['qmp.sock', 'ssh.sock'].map((name) => waitUntilClosed(path.join(folder, name)));

  owner.kill('SIGKILL');
  await once(owner, 'exit');
  await Promise.all(gone);
  expect(existsSync(folder)).toBe(true);

  expect(sweepLabs()).toContain(path.basename(folder));
  expect(existsSync(folder)).toBe(false);
  expect(() => getLab(path.basename(folder))).toThrow(/no running lab/);
});

/** Ends when the process that listens on the socket does: the kernel closes both ends. */
async function waitUntilClosed(socket: string): Promise<void> {
  const connection = net.connect(socket).resume();
  await new Promise((resolve) => {
    // A process that dies with something unread resets the connection; it is closed all the same.
    connection.on('error', () => undefined).once('close', resolve);
  });
}
