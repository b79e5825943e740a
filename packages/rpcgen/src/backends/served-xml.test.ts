import { expect, test } from '@jest/globals';
import { servedInterfaces } from './served-xml.ts';

test('interfaces are served verbatim, comments, annotations and odd spaces included', () => {
  const element = `<interface  name='a.b' >
    <!-- Not the end: </interface> <tp:enum> -->
    <annotation name="x" value="1 > 0 tp:type='kept'"/>
    <![CDATA[</interface>]]>
  </interface>`;
  expect(servedInterfaces(`<?xml version="1.0"?>\n<node>\n  ${element}\n</node>`)).toEqual(
    new Map([['a.b', element]]),
  );
});

test('elements and attributes of other namespaces are left out', () => {
  const xml = `<node xmlns:tp="urn:tp"><tp:enum name="E" type="s"/><interface name="a.b" xmlns:tp="urn:tp">
    <tp:docstring>Text with <b:i>more</b:i></tp:docstring>
    <method name="m">
      <arg name="x" tp:type='E' type="s"/>
    </method>
  </interface></node>`;
  expect(servedInterfaces(xml).get('a.b')).toBe(`<interface name="a.b">
    <method name="m">
      <arg name="x" type="s"/>
    </method>
  </interface>`);
});

test('of an interface that is there twice the first is served, and those of nested nodes too', () => {
  const xml = `<node><interface name="a.b"/><node name="c"><interface name="a.b"><!-- 2 --></interface><interface name="c.d"/></node></node>`;
  expect([...servedInterfaces(xml)]).toEqual([
    ['a.b', '<interface name="a.b"/>'],
    ['c.d', '<interface name="c.d"/>'],
  ]);
});
