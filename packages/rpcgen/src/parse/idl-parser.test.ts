import { describe, expect, test } from '@jest/globals';
import { declaredErrors, emitsChanged, findTimeoutMs, isNoReply } from '../model/annotations.ts';
import { renderProblem } from '../model/problem.ts';
import { interfacesOf } from '../model/walk.ts';
import { parseFile, parseText, testingFile } from '../testing/idl-files.test-helper.ts';
import { parseIdl } from './idl-parser.ts';

/** The lines of the problems of a text, without the file's name. */
function problemsOf(text: string): readonly string[] {
  return parseIdl({ file: 'f', text }).problems.map((one) => renderProblem(one).slice(2));
}

const inInterface = (text: string): string =>
  `<node><interface name="a.b">${text}</interface></node>`;
const inMethod = (text: string): string => inInterface(`<method name="m">${text}</method>`);

describe('a valid document', () => {
  const toaster = parseFile(testingFile('toaster.xml'));
  const [one] = toaster.root.interfaces;

  test('has everything in document order, with positions', () => {
    expect(toaster.root.name).toBe('/org/example/Toaster');
    expect(one?.members.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'method start_toast',
      'method eject',
      'method list_jobs',
      'signal toast_done',
      'property slot-count',
      'property doneness',
      'property extras',
    ]);
    expect(one?.methods[0]?.args[1]?.position).toEqual({
      file: 'toaster.xml',
      line: 27,
      column: 7,
    });
  });

  test('has the meaning of annotations, and keeps those that nobody knows', () => {
    const [start, eject] = one?.methods ?? [];
    const [count, , extras] = one?.properties ?? [];
    if (!one || !start || !eject || !count || !extras) throw new Error('members are missing');
    expect(declaredErrors(start, one)).toEqual([
      { name: 'org.example.Error.Jammed', code: 301 },
      { name: 'org.example.Error.Hot', code: undefined },
    ]);
    expect(isNoReply(eject)).toBe(true);
    expect(emitsChanged(count, one)).toBe('const');
    expect(emitsChanged(extras, one)).toBe('true');
    expect(extras.annotations).toMatchObject([{ name: 'org.example.Unknown', value: 'kept' }]);
  });

  test('binds enumerations, those of the interface before those of the node', () => {
    expect(one?.methods[0]?.inputs[1]?.enumeration?.values.map(({ value }) => value)).toEqual([
      'rare',
      'crisp',
    ]);
    const torture = interfacesOf(parseFile(testingFile('torture.xml')));
    const twin = torture.find(({ name }) => name === 'org.example.Torture.Twin');
    expect(twin?.methods[0]?.inputs[0]?.enumeration).toMatchObject({
      code: 'i',
      interfaceName: 'org.example.Torture.Twin',
    });
  });

  test('spells the values of enumerations in one way', () => {
    const { enums } = parseFile(testingFile('torture.xml')).root;
    const values = Object.fromEntries(
      enums.map(({ name, values: all }) => [name, all.map(({ value }) => value)]),
    );
    expect(values).toMatchObject({
      Small: ['0', '255'],
      Switch: ['false', 'true'],
      Long: ['-9223372036854775808'],
      Real: ['3.25'],
      DONENESS: ['', 'rare', 'it\'s "done" \\ $x #{y}'],
    });
  });

  test('has the interfaces of nested nodes, too', () => {
    const names = interfacesOf(parseFile(testingFile('torture.xml'))).map(({ name }) => name);
    expect(names).toContain('org.example.Torture.Nested');
  });

  test('has a time-out in milliseconds where the annotation has microseconds', () => {
    const all = interfacesOf(parseFile(testingFile('torture.xml'))).flatMap(
      ({ methods }) => methods,
    );
    const slow = all.find(({ name }) => name === 'slow');
    expect(slow && findTimeoutMs(slow)).toBe(90_000);
  });
});

describe('what is only unusual is accepted', () => {
  test('arguments without direction go in, without name have none', () => {
    const { root } = parseText(inMethod('<arg type="s"/><arg name="" type="u" direction="out"/>'));
    expect(root.interfaces[0]?.methods[0]?.args).toMatchObject([
      { name: '', direction: 'in' },
      { name: '', direction: 'out' },
    ]);
  });

  test('the prefix tp means telepathy without declaration, and another prefix may mean it', () => {
    const uri = 'http://telepathy.freedesktop.org/wiki/DbusSpec#extensions-v0';
    for (const [prefix, declared] of [
      ['tp', ''],
      ['t', ` xmlns:t="${uri}"`],
    ] as const) {
      const { root } = parseText(
        `<node${declared}><${prefix}:enum name="E" type="u"><${prefix}:enumvalue suffix="A" value="0x10"/></${prefix}:enum></node>`,
      );
      expect(root.enums[0]?.values[0]?.value).toBe('16');
    }
  });

  test('elements and attributes of other namespaces are left alone', () => {
    const text = inMethod('<arg type="s" d:x="1"><d:doc>text</d:doc></arg>').replace(
      '<node',
      '<node xmlns:d="urn:d"',
    );
    expect(problemsOf(text)).toEqual([]);
  });

  test('a document type with plain entities is read', () => {
    const text = `<!DOCTYPE node [<!ENTITY E "a.b.Error">]><node><interface name="a.b"><annotation name="x" value="&E;"/></interface></node>`;
    expect(parseText(text).root.interfaces[0]?.annotations[0]?.value).toBe('a.b.Error');
  });

  test('unknown attributes and enumerations give warnings only', () => {
    expect(problemsOf(inMethod('<arg type="s" tp:type="Gone" foo="1"/>'))).toEqual([
      '1:60: warning: there is no enumeration "Gone"; tp:type is ignored',
      '1:75: warning: <arg> has no attribute "foo" (but name, type, direction); it is ignored',
    ]);
  });
});

describe('what is wrong is refused', () => {
  test.each([
    ['', '1:1: not well-formed: document must contain a root element'],
    ['<nodes/>', '1:1: the root is <nodes>; it must be <node>'],
    ['<node><foo/></node>', '1:7: <foo> cannot stand in <node>'],
    ['<node>text</node>', '1:11: text "text" cannot stand in <node>'],
    ['<node><interface/></node>', '1:7: <interface> needs an attribute "name"'],
    [
      '<node><interface name="b"/></node>',
      '1:18: "b" is no name for <interface>: it needs at least two elements separated by "."',
    ],
    [
      '<node><interface name="a.b"/><interface name="a.b"/></node>',
      '1:30: interface a.b is there twice',
    ],
    [
      '<node><interface name="a.b"/><node name="n"><interface name="a.b"><signal name="s"/></interface></node></node>',
      '1:45: interface a.b differs from the one of another node',
    ],
    [
      inInterface('<method name="a-b"/>'),
      '1:37: "a-b" is no name for <method>: it consists of letters, digits and "_" and starts with no digit',
    ],
    [
      inInterface(`<method name="${'m'.repeat(256)}"/>`),
      `1:37: "${'m'.repeat(77)}..." is no name for <method>: it has more than 255 bytes`,
    ],
    [inInterface('<method name="m"/><method name="m"/>'), '1:47: method "m" is there twice'],
    [inInterface('<property name="p" type="s"/>'), '1:29: <property> needs an attribute "access"'],
    [
      inInterface('<property name="p" type="s" access="rw"/>'),
      '1:57: access "rw" is none of read, write, readwrite',
    ],
    [
      inInterface('<property name="p q" type="s" access="read"/>'),
      '1:39: "p q" is no name for <property>: it consists of letters, digits, "_", "-" and "."',
    ],
    [inMethod('<arg name="a"/>'), '1:46: <arg> needs an attribute "type"'],
    [
      inMethod('<arg type="ss"/>'),
      '1:51: type "ss" is not valid: only one complete type can stand here (character 2)',
    ],
    [
      inMethod('<arg type="s" direction="inout"/>'),
      '1:60: direction "inout" is neither "in" nor "out"',
    ],
    [
      inMethod('<arg name="a b" type="s"/>'),
      '1:51: "a b" is no name for <arg>: it consists of letters, digits, "_", "-" and "."',
    ],
    [inMethod('<arg type="s"><arg type="s"/></arg>'), '1:60: <arg> cannot stand in <arg>'],
    [
      inMethod(
        '<annotation name="org.freedesktop.DBus.Method.NoReply" value="true"/><arg type="s" direction="out"/>',
      ),
      '1:29: method m is marked as NoReply and cannot have outputs',
    ],
    [
      inMethod('<annotation name="org.xenops.Rpcgen.Errors" value="Bad"/>'),
      '1:46: "Bad" is no error: it needs at least two elements separated by "."',
    ],
    [
      inMethod(`<arg type="(${'i'.repeat(200)})"/><arg type="(${'i'.repeat(200)})"/>`),
      '1:29: the arguments of m have a signature of more than 255 bytes',
    ],
    [
      '<node><tp:enum name="E" type="o"/></node>',
      '1:25: type "o" is no base type of <tp:enum> (but one of y b n q i u x t d s)',
    ],
    [
      '<node><tp:enum name="E" type="y"><tp:enumvalue suffix="A" value="256"/></tp:enum></node>',
      '1:59: "256" is no value of type "y"',
    ],
    [
      '<node><tp:enum name="E" type="s"><tp:enumvalue suffix="A"/></tp:enum></node>',
      '1:34: <tp:enumvalue> needs an attribute "value"',
    ],
    ['<node><tp:enum type="s"/></node>', '1:7: <tp:enum> needs an attribute "name"'],
    ['<node>', '1:6: not well-formed: unclosed tag: node'],
    ['<node><a:b/></node>', '1:12: not well-formed: unbound namespace prefix: "a"'],
    ['<node a="&constructor;"/>', '1:22: not well-formed: undefined entity'],
    [
      '<?xml version="1.0" encoding="latin1"?><node/>',
      '1:39: not well-formed: the encoding is latin1; only UTF-8 is read',
    ],
    [
      '<!DOCTYPE node [<!ENTITY e SYSTEM "file:///etc/passwd">]><node/>',
      '1:57: only entities with a plain text are read, no parameters and no other files',
    ],
    [
      '<!DOCTYPE node [<!ENTITY % e "x">]><node/>',
      '1:35: only entities with a plain text are read, no parameters and no other files',
    ],
    [
      '<!DOCTYPE node [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><node/>',
      '1:53: entity b is more than plain text',
    ],
    [
      `<!DOCTYPE node [<!ENTITY a "${'x'.repeat(1000)}">]><node>${'&a;'.repeat(1100)}</node>`,
      '1:1032: its entities expand to more than 1048576 characters',
    ],
    [
      `${'<node>'.repeat(65)}${'</node>'.repeat(65)}`,
      '1:385: elements are nested more than 64 deep',
    ],
    [`<${'n'.repeat(256)}/>`, '1:1: the name is longer than 255 characters'],
    [
      `<node ${Array.from({ length: 65 }, (_, index) => `a${index}=""`).join(' ')}/>`,
      '1:445: the element has more than 64 attributes',
    ],
  ])('%#', (text, expected) => {
    expect(problemsOf(text).filter((line) => !line.includes('warning'))).toEqual([expected]);
    expect(parseIdl({ file: 'f', text }).document).toBeUndefined();
  });

  test('all problems are reported at once, in the order of the document', () => {
    const text = `<node>
  <interface name="a.b">
    <method name="m-1">
      <arg type="z"/>
    </method>
    <property name="p" type="s"/>
    <bogus/>
  </interface>
  <interface name="bad">
    <signal/>
  </interface>
</node>`;
    expect(problemsOf(text).map((line) => line.slice(0, line.indexOf(' ')))).toEqual([
      '3:13:',
      '4:12:',
      '6:5:',
      '7:5:',
      '9:14:',
      '10:5:',
    ]);
  });

  test('a document with thousands of problems lists some and says so', () => {
    const { problems } = parseIdl({ file: 'f', text: `<node>${'<x/>'.repeat(5000)}</node>` });
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)?.message).toContain('more than 200 problems');
  });
});
