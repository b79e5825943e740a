import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { BACKENDS } from '../backends/registry.ts';
import { interfacesOf } from '../model/walk.ts';
import { findDebianInterfaces } from '../testing/debian-interfaces.test-helper.ts';
import { parseText } from '../testing/idl-files.test-helper.ts';

const found = await findDebianInterfaces();
if (found.kind === 'missing') process.stderr.write(`Left out: ${found.reason}\n`);

// Where everything must run, what is missing is a failure.
const mustRun = process.env['XENOPS_TEST_ALL'] === '1';
const testForeign = found.kind === 'there' || mustRun ? test : test.skip;
const files = found.kind === 'there' ? found.files : [];

testForeign(
  'at least 40 interfaces that Debian installs parse, whole',
  () => {
    if (found.kind === 'missing') throw new Error(found.reason);
    const names = new Set<string>();
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      const interfaces = interfacesOf(parseText(text, file));
      for (const { name } of interfaces) names.add(name);
      const withoutComments = text.replace(/<!--[^]*?-->/g, '');
      for (const kind of ['method', 'signal', 'property'] as const) {
        const written = withoutComments.match(new RegExp(`<${kind}\\s`, 'g')) ?? [];
        const read = interfaces.flatMap(({ members }) =>
          members.filter((one) => one.kind === kind),
        );
        expect({ file, kind, count: read.length }).toEqual({ file, kind, count: written.length });
      }
    }
    expect(names.size).toBeGreaterThanOrEqual(40);
  },
  60_000,
);

testForeign.each(BACKENDS.map(({ name }) => name))(
  'they generate in %s',
  (language) => {
    if (found.kind === 'missing') throw new Error(found.reason);
    const backend = BACKENDS.find(({ name }) => name === language);
    for (const file of files) {
      const document = parseText(readFileSync(file, 'utf8'), file);
      const sides = (['client', 'server'] as const).filter(
        (side) => backend?.capabilities[side].support !== 'no',
      );
      const generated = backend?.generate(document, {
        objectName: path.parse(file).name.toLowerCase().replaceAll('.', '_'),
        sides,
        modulePrefix: '',
        header: ['Generated.'],
      });
      expect(generated?.length).toBeGreaterThan(0);
    }
  },
  60_000,
);
