import { describe, expect, test } from '@jest/globals';
import { parseFile, parseText, testingFile } from '../testing/idl-files.test-helper.ts';
import { suggestBump } from './change.ts';
import { diffDocuments } from './diff-documents.ts';
import { renderDiffJson, renderDiffText } from './render-diff.ts';

const BASE = `<node name="/a"><interface name="a.b">
<method name="m"><arg name="x" type="s"/><arg name="y" type="u" direction="out"/></method>
<method name="n"/>
<signal name="s"><arg name="x" type="s"/></signal>
<property name="p" type="s" access="read"/>
<property name="q" type="s" access="readwrite"/>
</interface><tp:enum name="E" type="u"><tp:enumvalue suffix="A" value="1"/></tp:enum></node>`;

/** What a replacement in the base text changes, as `class: subject: message`. */
function changed(from: string, to: string, base = BASE): readonly string[] {
  if (!base.includes(from)) throw new Error(`the base has no ${from}`);
  const changes = diffDocuments({
    before: parseText(base),
    after: parseText(base.replace(from, to)),
  });
  return changes.map((change) => `${change.class}: ${change.subject}: ${change.message}`);
}

const annotate = (name: string, value: string): string =>
  `<annotation name="${name}" value="${value}"/>`;
const NO_REPLY = annotate('org.freedesktop.DBus.Method.NoReply', 'true');
const DEPRECATED = annotate('org.freedesktop.DBus.Deprecated', 'true');
const ERRORS = annotate('org.xenops.Rpcgen.Errors', 'a.b.Bad=1');

describe('a change is', () => {
  test.each([
    ['<method name="n"/>', '', 'breaking: a.b.n: member removed'],
    ['<method name="n"/>', '<method name="n"/><method name="o"/>', 'addition: a.b.o: member added'],
    ['<method name="n"/>', '<signal name="n"/>', 'breaking: a.b.n: member removed'],
    ['<arg name="x" type="s"/><arg', '<arg', 'breaking: a.b.m: input removed: (s) became ()'],
    [
      '<method name="n"/>',
      '<method name="n"><arg type="u"/></method>',
      'breaking: a.b.n: input added: () became (u)',
    ],
    ['direction="out"', 'direction="in"', 'breaking: a.b.m: input added: (s) became (s, u)'],
    [
      'type="u" direction',
      'type="t" direction',
      'breaking: a.b.m: type of output 1 changed from u to t',
    ],
    ['name="y"', 'name="z"', 'info: a.b.m: output 1 renamed from "y" to "z"'],
    [
      '<signal name="s"><arg name="x" type="s"/>',
      '<signal name="s">',
      'breaking: a.b.s: argument removed: (s) became ()',
    ],
    ['"p" type="s"', '"p" type="as"', 'breaking: a.b.p: type changed from s to as'],
    [
      'access="readwrite"',
      'access="read"',
      'breaking: a.b.q: access changed from read and write to read',
    ],
    [
      'access="read"',
      'access="readwrite"',
      'addition: a.b.p: access changed from read to read and write',
    ],
    ['access="read"', 'access="write"', 'breaking: a.b.p: access changed from read to write'],
    [
      '<method name="n"/>',
      `<method name="n">${NO_REPLY}</method>`,
      'breaking: a.b.n: sends no reply any more',
    ],
    ['<method name="n"/>', `<method name="n">${DEPRECATED}</method>`, 'info: a.b.n: deprecated'],
    [
      '<method name="n"/>',
      `<method name="n">${ERRORS}</method>`,
      'addition: a.b.n: error a.b.Bad added',
    ],
    [
      '<method name="n"/>',
      '<method name="n"><!-- Docs. --></method>',
      'info: a.b.n: documentation changed',
    ],
    ['value="1"', 'value="2"', 'breaking: enum E.A: value changed from "1" to "2"'],
    ['<tp:enumvalue suffix="A" value="1"/>', '', 'breaking: enum E.A: value removed'],
    [
      '</tp:enum>',
      '<tp:enumvalue suffix="B" value="2"/></tp:enum>',
      'addition: enum E.B: value added',
    ],
    ['name="E" type="u"', 'name="E" type="i"', 'breaking: enum E: base type changed from u to i'],
    ['name="/a"', 'name="/b"', 'info: node: name changed from "/a" to "/b"'],
    [
      '</node>',
      '<node name="n"><interface name="a.c"/></node></node>',
      'addition: a.c: interface added',
    ],
  ])('%s -> %s: %s', (from, to, expected) => {
    expect(changed(from, to)[0]).toBe(expected);
  });

  test('only information when the order changes', () => {
    const method = '<method name="n"/>\n';
    expect(
      changed(
        `${method}<signal name="s"><arg name="x" type="s"/></signal>`,
        `<signal name="s"><arg name="x" type="s"/></signal>${method}`,
      ),
    ).toEqual(['info: a.b.s: order changed']);
  });

  test('breaking when an error is removed or has another number', () => {
    const base = BASE.replace('<method name="n"/>', `<method name="n">${ERRORS}</method>`);
    expect(changed(ERRORS, '', base)).toEqual(['breaking: a.b.n: error a.b.Bad removed']);
    expect(changed('Bad=1', 'Bad=2', base)).toEqual([
      'breaking: a.b.n: number of error a.b.Bad changed',
    ]);
  });

  test.each([
    ['true', 'invalidates', 'breaking'],
    ['invalidates', 'true', 'breaking'],
    ['const', 'true', 'breaking'],
    ['const', 'false', 'breaking'],
    ['false', 'true', 'breaking'],
    ['true', 'false', 'breaking'],
    ['true', 'const', 'addition'],
    ['false', 'const', 'addition'],
  ])('for EmitsChangedSignal from %s to %s: %s', (before, after, expected) => {
    const emits = (value: string): string =>
      annotate('org.freedesktop.DBus.Property.EmitsChangedSignal', value);
    const base = BASE.replace('access="read"/>', `access="read">${emits(before)}</property>`);
    expect(changed(emits(before), emits(after), base)).toEqual([
      `${expected}: a.b.p: EmitsChangedSignal changed from ${before} to ${after}`,
    ]);
  });
});

test('a document does not differ from itself', () => {
  const torture = parseFile(testingFile('torture.xml'));
  expect(diffDocuments({ before: torture, after: torture })).toEqual([]);
});

test('the report has the worst first, where it is, and the version bump', () => {
  const after = BASE.replace('<method name="n"/>', '<method name="o"/>');
  const changes = diffDocuments({
    before: parseText(BASE, 'old.xml'),
    after: parseText(after, 'new.xml'),
  });
  expect(renderDiffText(changes)).toBe(
    [
      'breaking: a.b.n: member removed (old.xml:3:1)',
      'addition: a.b.o: member added (new.xml:3:1)',
      'version: major',
      '',
    ].join('\n'),
  );
  expect(JSON.parse(renderDiffJson(changes))).toMatchObject({
    version: 'major',
    changes: [{ class: 'breaking', subject: 'a.b.n', position: { file: 'old.xml', line: 3 } }, {}],
  });
  expect(suggestBump([])).toBe('none');
  expect(suggestBump(changes.slice(1))).toBe('minor');
});
