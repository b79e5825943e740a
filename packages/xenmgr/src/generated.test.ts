import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));

test('the bindings in src/generated are those of the IDL; npm run generate makes them anew', async () => {
  const { stdout } = await promisify(execFile)(
    'npm',
    ['run', '--silent', 'generate', '--', '--check'],
    {
      cwd: PACKAGE_FOLDER,
    },
  );
  expect(stdout).toBe('');
}, 30_000);
