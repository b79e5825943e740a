import { expect, test } from '@jest/globals';
import { renderTable } from './table.ts';

test('every column is right-aligned to its widest cell', () => {
  const rows = [
    ['0', '    R ', '123456'],
    ['12', ' S    ', '7'],
  ];
  expect(renderTable(['id', 'state', 'cpu_time'], rows)).toEqual([
    'id |  state | cpu_time',
    ' 0 |     R  |   123456',
    '12 |  S     |        7',
  ]);
});

test('without rows there is the header alone', () => {
  expect(renderTable(['id', 'state'], [])).toEqual(['id | state']);
});

test('empty cells keep their column', () => {
  expect(renderTable(['a', 'b'], [['', 'x']])).toEqual(['a | b', '  | x']);
});
