/** Compares two descriptions by what clients and services of the old one can rely on with the new one. */
import type { Document, Enum, EnumValue, Interface } from '../model/model.ts';
import { enumsOf, interfacesOf } from '../model/walk.ts';
import type { Change } from './change.ts';
import { ChangeList, type Pair } from './change-list.ts';
import { diffMembers } from './diff-members.ts';

/** Gives every difference, in the order of the interfaces. */
export function diffDocuments({ before, after }: Pair<Document>): readonly Change[] {
  const list = new ChangeList();
  const { position } = after.root;
  if (before.root.name !== after.root.name) {
    const message = `name changed from "${before.root.name}" to "${after.root.name}"`;
    list.add('info', { subject: 'node', position }, message);
  }
  list.describe({ before: before.root, after: after.root }, 'node');
  const interfaces = list.match<Interface>(
    { before: interfacesOf(before), after: interfacesOf(after) },
    { nameOf: ({ name }) => name, subjectOf: ({ name }) => name, what: 'interface' },
  );
  for (const pair of interfaces) {
    list.describe(pair, pair.after.name);
    diffMembers(pair, list);
  }
  diffEnums({ before: enumsOf(before), after: enumsOf(after) }, list);
  return list.changes;
}

function diffEnums(enums: Pair<readonly Enum[]>, list: ChangeList): void {
  const nameOf = ({ interfaceName, name }: Enum): string =>
    interfaceName === undefined ? name : `${interfaceName}.${name}`;
  const subjectOf = (one: Enum): string => `enum ${nameOf(one)}`;
  for (const pair of list.match(enums, { nameOf, subjectOf, what: 'enumeration' })) {
    const { before, after } = pair;
    const subject = subjectOf(after);
    list.describe(pair, subject);
    if (before.code !== after.code || before.flags !== after.flags) {
      const message = `base type changed from ${kindOf(before)} to ${kindOf(after)}`;
      list.add('breaking', { subject, position: after.position }, message);
    }
    const values = list.match<EnumValue>(
      { before: before.values, after: after.values },
      {
        nameOf: ({ suffix }) => suffix,
        subjectOf: ({ suffix }) => `${subject}.${suffix}`,
        what: 'value',
      },
    );
    for (const value of values) {
      const place = { subject: `${subject}.${value.after.suffix}`, position: value.after.position };
      list.describe(value, place.subject);
      if (value.before.value === value.after.value) continue;
      const message = `value changed from "${value.before.value}" to "${value.after.value}"`;
      list.add('breaking', place, message);
    }
  }
}

function kindOf({ code, flags }: Enum): string {
  return flags ? `flags of ${code}` : code;
}
