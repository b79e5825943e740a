import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { interfacesOf } from '../../model/walk.ts';
import { expectGolden } from '../../testing/golden.test-helper.ts';
import { idlFiles, parseFile, testingFile } from '../../testing/idl-files.test-helper.ts';
import { markdown } from './backend.ts';
import { code, escapeText, paragraphs, table } from './text.ts';

const folder = fileURLToPath(new URL('golden', import.meta.url));
const options = {
  objectName: 'x',
  sides: ['client'],
  modulePrefix: '',
  header: ['a -- b'],
} as const;

describe('the Markdown backend', () => {
  test.each(['toaster.xml', 'torture.xml'] as const)('makes the golden file of %s', (input) => {
    expect(expectGolden(markdown, { folder, input })).toHaveLength(1);
  });

  test.each([...idlFiles(), testingFile('torture.xml')])(
    'leaves nothing of %s out, and every link leads somewhere',
    (file) => {
      const document = parseFile(file);
      const text = markdown.generate(document, options)[0]?.text ?? '';
      for (const { name, members } of interfacesOf(document)) {
        for (const member of members) expect(text).toContain(`<a id="${name}.${member.name}"></a>`);
      }
      const ids = new Set([...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id));
      const targets = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, id]) => id);
      expect(targets.filter((id) => !ids.has(id))).toEqual([]);
    },
  );

  test('closes no comment early', () => {
    expect(markdown.generate(parseFile(testingFile('toaster.xml')), options)[0]?.text).toMatch(
      /^<!--\na - - b\n-->\n/,
    );
  });
});

describe('Markdown text', () => {
  test('holds no markup', () => {
    expect(escapeText('<b> & *x* _y_ a_b `c` [d](e) |')).toBe(
      '&lt;b> &amp; \\*x\\* \\_y\\_ a_b \\`c\\` \\[d\\](e) \\|',
    );
    expect(paragraphs('- a\n  # b\n1. c\n\n\n\nd')).toBe('\\- a\n\\# b\n1\\. c\n\nd');
  });

  test('code may hold backticks', () => {
    expect([code('a'), code('`a``')]).toEqual(['`a`', '``` `a`` ```']);
  });

  test('cells hold no cell borders', () => {
    expect(table(['a'], [['`x|y`'], ['x\\|y']])).toBe('| a |\n| --- |\n| `x\\|y` |\n| x\\|y |');
  });
});
