import { expect, test } from '@jest/globals';
import { xenopsReport, type XenopsPart } from './xenops-report.ts';

const FIGURES: Readonly<Record<string, readonly number[]>> = {
  'small create ours': [0.2, 0.1, 0.3],
  'small create peer': [1, 2, 3],
  'small destroy ours': [1],
  'small destroy peer': [2],
  'disk create ours': [0.3],
  'disk create peer': [6],
  'disk destroy ours': [1],
  'disk destroy peer': [2],
  'alone create ours': [0.2],
  'alone create peer': [1],
  'crowd create ours': [0.22],
  'crowd create peer': [1.5],
  'growth first ours': [0.2, 0.2, 0.3],
  'growth last ours': [0.21, 0.21, 0.4],
  'alone list ours': [0.01],
  'alone list peer': [0.1],
  'alone list commands': [1],
  'crowd list ours': [0.02],
  'crowd list peer': [0.6],
  'crowd list commands': [1.1],
  requests: [50],
};
const rowsOf = (...parts: readonly XenopsPart[]): readonly string[][] =>
  xenopsReport((words) => FIGURES[words] ?? [], parts, 50).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('a create has the medians of both sides with their spread, and their ratio', () => {
  expect(rowsOf('small')[2]).toEqual([
    'create a small guest, resident',
    '0.20 s (0.10 s to 0.30 s, p99 0.30 s)',
    '2.00 s (1.00 s to 3.00 s, p99 2.98 s)',
    '0.20',
    '0.100',
  ]);
});

test('the time for a device is what a create takes more with one', () => {
  expect(rowsOf('disk')[3]).toEqual([
    'extra time for one file disk',
    '100.0 ms',
    '4000.0 ms',
    '0.05',
    '0.025',
  ]);
});

test('a crowd is compared with a create alone, each side for itself', () => {
  expect(rowsOf('crowd').slice(4)).toEqual([
    ['create among 50 guests, to alone', '1.10', '1.50', '1.10', '1.10'],
    ['create the last ten of them, to the first ten', '1.05', '', '1.10', '1.05'],
    ['list, for each further guest, resident', '0.2 ms', '10.0 ms', '0.1', '0.020'],
    ['list, for each further guest, command', '2.0 ms', '10.0 ms', '0.1', '0.200'],
  ]);
});
