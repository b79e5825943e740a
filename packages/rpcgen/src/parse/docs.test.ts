import { describe, expect, test } from '@jest/globals';
import type { Interface } from '../model/model.ts';
import { parseText } from '../testing/idl-files.test-helper.ts';

function parseInterface(content: string): Interface {
  const [one] = parseText(`<node>${content}</node>`).root.interfaces;
  if (one === undefined) throw new Error('no interface');
  return one;
}

describe('documentation is found', () => {
  test('in comments inside an element, at every level, without indentation', () => {
    const one = parseInterface(`<interface name="a.b">
      <!--
        First line,
        second line.

          Indented.
      -->
      <method name="m">
        <!-- Of the method. -->
        <!-- And more. -->
        <arg name="x" type="s"><!-- Of the argument. --></arg>
      </method>
    </interface>`);
    expect(one.docs).toBe('First line,\nsecond line.\n\n  Indented.');
    expect(one.methods[0]?.docs).toBe('Of the method.\n\nAnd more.');
    expect(one.methods[0]?.args[0]?.docs).toBe('Of the argument.');
  });

  test('in comments of gdbus-codegen before an element, with its arguments', () => {
    const one = parseInterface(`<!--
        a.b: In short.
        @since: 1.2

        At length.
      -->
      <interface name="a.b">
      <!--
        m: In short.
        @x: First
            and more.
        @y: Second.

        Of the method.
      -->
      <method name="m"><arg name="x" type="s"/><arg name="y" type="s" direction="out"/></method>
    </interface>`);
    expect(one.docs).toBe('In short.\n\nAt length.\n\nSince 1.2.');
    expect(one.methods[0]?.docs).toBe('In short.\n\nOf the method.');
    expect(one.methods[0]?.args.map(({ docs }) => docs)).toEqual(['First and more.', 'Second.']);
  });

  test('in docstrings, whose markup is dropped', () => {
    const one = parseInterface(`<interface name="a.b">
      <tp:docstring xmlns="http://www.w3.org/1999/xhtml">
        <p>One <em>two</em>
           three.</p><ul><li>Four</li></ul>
      </tp:docstring>
    </interface>`);
    expect(one.docs).toBe('One two three.\n\nFour');
  });

  test('in annotations, which count before all others', () => {
    const one = parseInterface(`<interface name="a.b">
      <!-- Not this. -->
      <annotation name="org.gtk.GDBus.DocString" value="This."/>
    </interface>`);
    expect(one.docs).toBe('This.');
  });

  test('and not in banners and commented-out elements', () => {
    const one = parseInterface(`<interface name="a.b">
      <!-- ~~~~~~~~~~~~~~~ -->
      <!-- ==== Methods ==== -->
      <!-- <method name="old"/> -->
      <method name="m"/>
    </interface>`);
    expect(one.docs).toBe('');
  });
});
