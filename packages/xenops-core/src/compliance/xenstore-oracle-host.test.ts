import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { OracleHost } from './xenstore-oracle-host.ts';

const binFolder = await mkdtemp(path.join(os.tmpdir(), 'oracle-bin-'));
afterAll(() => rm(binFolder, { recursive: true }));

test('a daemon that ends instead of listening is quoted, and leaves no folder', async () => {
  const script = '#!/bin/sh\npwd >&2\nexit 3\n';
  await writeFile(path.join(binFolder, 'xenstored'), script, { mode: 0o755 });
  const start = OracleHost.start('xenstored', { binFolder, preloadLibrary: '' });
  const message = await start.then(
    () => '',
    (error: unknown) => String(error),
  );
  const { folder = '' } =
    /ended with 3 instead of listening: (?<folder>\/.*)$/.exec(message)?.groups ?? {};
  expect(path.basename(folder)).toMatch(/^xenstored-/);
  expect(existsSync(folder)).toBe(false);
});
