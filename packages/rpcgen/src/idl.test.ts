import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Arg, Document, Enum, Interface, Member } from './model/model.ts';
import {
  IDL_FOLDER,
  idlFiles,
  parseFile,
  TESTING_FOLDER,
} from './testing/idl-files.test-helper.ts';

/** The contract: what clients of these services have always been built against, one line for each thing. */
const lines = readFileSync(path.join(TESTING_FOLDER, 'idl-signatures.tsv'), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1);
const files = [...new Set(lines.map((line) => line.split('\t')[0] ?? ''))];
const ours = new Set(['org.xen.vm.monitor.xml', 'org.xen.vm.xml']);
/** Members of our own in the interfaces of the contract. */
const added = [
  'xenmgr_vm.xml\t/vm/uuid\tcom.citrix.xenclient.xenmgr.vm\tproperty\tdepends-on\ts readwrite',
  'xenmgr_vm.xml\t/vm/uuid\tcom.citrix.xenclient.xenmgr.vm.unrestricted\tproperty\tdepends-on\ts readwrite',
];

function renderArgs(args: readonly Arg[]): string {
  return args.map((arg) => `${arg.direction}:${arg.name}:${arg.signature}`).join(' ');
}

function renderEnum({ code, values }: Enum): string {
  return [code, ...values.map(({ suffix, value }) => `${suffix}=${value}`)].join(' ');
}

function renderMember(member: Member): readonly string[] {
  const { kind, name } = member;
  return kind === 'property'
    ? [kind, name, `${member.signature} ${member.access}`]
    : [kind, name, renderArgs(member.args)];
}

/** The lines that a document gives, in the order of the fixture: within an interface kind by kind. */
function renderLines(file: string, { root }: Document): readonly string[] {
  const line = (interfaceName: string, cells: readonly string[]): string =>
    [file, root.name, interfaceName, ...cells].join('\t');
  const interfaceLines = ({ name, enums, methods, signals, properties }: Interface): string[] => [
    ...enums.map((one) => line(name, ['enum', one.name, renderEnum(one)])),
    ...[...methods, ...signals, ...properties].map((one) => line(name, renderMember(one))),
  ];
  return [
    ...root.enums.map((one) => line('', ['enum', one.name, renderEnum(one)])),
    ...root.interfaces.flatMap(interfaceLines),
  ];
}

describe('the interfaces of the toolstack', () => {
  test.each(files)(
    '%s has the names, types and order of the contract, and what we added',
    (file) => {
      const found = renderLines(file, parseFile(path.join(IDL_FOLDER, file)));
      const isAdded = (line: string): boolean => added.includes(line);
      expect(found.filter((line) => !isAdded(line))).toEqual(
        lines.filter((line) => line.startsWith(`${file}\t`)),
      );
      expect(found.filter(isAdded)).toEqual(added.filter((line) => line.startsWith(`${file}\t`)));
    },
  );

  test('nothing else is described but our own additions, in files of their own', () => {
    const extra = idlFiles()
      .map((file) => path.basename(file))
      .filter((file) => !files.includes(file));
    expect(new Set(extra)).toEqual(ours);
  });

  test.each(idlFiles())('every interface and member in %s is documented', (file) => {
    const { root } = parseFile(file);
    const things = [
      root,
      ...root.enums,
      ...root.interfaces,
      ...root.interfaces.flatMap((one) => one.members),
    ];
    expect(
      things.filter(({ docs }) => !docs.endsWith('.')).map(({ position }) => position),
    ).toEqual([]);
  });
});
