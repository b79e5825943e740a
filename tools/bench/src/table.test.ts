import { expect, test } from '@jest/globals';
import { markdownTable, withFigures } from './table.ts';

test('the columns of a table are as wide as their widest cell', () => {
  const rows = [
    ['what', 'ours'],
    ['create a guest', '1 s'],
  ];
  expect(markdownTable(rows)).toEqual([
    '| what           | ours |',
    '| -------------- | ---- |',
    '| create a guest | 1 s  |',
  ]);
});

test('figures take the place of those that the page has', () => {
  const page = 'a\n\n<!-- figures -->\n\nold\n\n<!-- end of figures -->\n\nz\n';
  const changed = 'a\n\n<!-- figures -->\n\nnew\n\n<!-- end of figures -->\n\nz\n';
  expect(withFigures(page, '\nnew\n')).toBe(changed);
  expect(withFigures(changed, 'new')).toBe(changed);
});

test('a page without a place for them is left as it is', () => {
  expect(() => withFigures('a page', 'new')).toThrow('has no place for figures');
});
