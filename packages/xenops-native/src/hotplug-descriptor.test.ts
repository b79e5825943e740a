/** Passing an open file to a real qemu that sees no files: without Xen, its machine never runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { QmpClient } from '@xenops/core/dm';
import { openHotplug } from './hotplug.ts';
import { BUILT_ADDON } from './load-addon.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';
const NOBODY = '65534:65534';

const testBuilt = BUILT_ADDON.exists() ? test : test.skip;
const testQemu =
  BUILT_ADDON.exists() && existsSync(QEMU) && process.getuid?.() === 0 ? test : test.skip;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'xenops-descriptor-'));
});
afterEach(() => rm(folder, { recursive: true }));

testQemu(
  'a qemu in an empty root folder is given a medium',
  async () => {
    const [socketPath, root, medium] = ['qmp', 'root', 'a.iso'].map((name) =>
      path.join(folder, name),
    );
    if (socketPath === undefined || root === undefined || medium === undefined) throw new Error();
    await mkdir(root);
    await writeFile(medium, Buffer.alloc(65_536), { mode: 0o600 });
    const words = [
      ...['-S', '-machine', 'pc,accel=tcg', '-m', '16', '-nodefaults', '-display', 'none'],
      ...['-drive', 'if=none,readonly=on,id=hdc', '-device', 'ide-cd,id=hdc,drive=hdc'],
      ...['-chardev', `socket,id=qmp,path=${socketPath},server=on,wait=on`],
      ...['-mon', 'chardev=qmp,mode=control', '-chroot', root, '-runas', NOBODY],
    ];
    // The sanitizers that test-asan.mjs loads into Node are not for qemu.
    const qemu = spawn(QEMU, words, { env: { ...process.env, LD_PRELOAD: '' } });
    const ended = once(qemu, 'exit');
    await once(qemu.stderr, 'data');
    const hotplug = openHotplug();
    const qmp = await QmpClient.connect(socketPath, { timeoutMs: 20_000 });
    const insert = (file: unknown): Promise<unknown> =>
      qmp.execute('blockdev-change-medium', {
        ...{ id: 'hdc', format: 'raw', 'read-only-mode': 'read-only' },
        filename: `json:${JSON.stringify({ file })}`,
      });
    await expect(insert({ driver: 'file', filename: medium })).rejects.toThrow('No such file');

    const file = await open(medium, 'r');
    const answer = await qmp.execute(
      'add-fd',
      {},
      {
        send: (socketFd, line) => hotplug.sendOpenFile?.(socketFd, line, file.fd),
      },
    );
    await file.close();
    const { 'fdset-id': set } = answer as { readonly 'fdset-id': number };
    await insert({ driver: 'file', filename: `/dev/fdset/${set}`, locking: 'off' });
    expect(await qmp.execute('query-block')).toMatchObject([
      { inserted: { ro: true, image: { 'virtual-size': 65_536 } } },
    ]);
    await qmp[Symbol.asyncDispose]();
    qemu.kill('SIGKILL');
    await ended;
  },
  60_000,
);

testBuilt('what cannot be sent is an error of the system', async () => {
  const hotplug = openHotplug();
  const file = await open(folder, 'r');
  expect(() => hotplug.sendOpenFile?.(file.fd, 'text', file.fd)).toThrow(
    'sendmsg: Socket operation',
  );
  await file.close();
  expect(() => hotplug.sendOpenFile?.(1 << 20, 'text', 0)).toThrow('sendmsg: Bad file descriptor');
  expect(() => hotplug.sendOpenFile?.(-1, 'text', 0)).toThrow('whole number');
});
