import { expect, test } from '@jest/globals';
import { CodeWriter } from './writer.ts';

test('lines get the indentation of their block, empty ones none, and the text ends in one line feed', () => {
  const writer = new CodeWriter();
  writer
    .line('one')
    .block('open {', '}', () => {
      writer.line('a\n\nb', 'c').block('(', ')', () => void writer.line('deep'));
    })
    .line()
    .line();
  expect(writer.text).toBe('one\nopen {\n  a\n\n  b\n  c\n  (\n    deep\n  )\n}\n');
});
