import { describe, expect, test } from '@jest/globals';
import {
  parseDeb822Sources,
  parseOneLineSources,
  renderSource,
  sourcesForRelease,
} from './apt-sources.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

describe('one-line sources', () => {
  test('a line gives its address, suite, components and keyring', () => {
    const text = `deb [arch=amd64 signed-by=${KEYRING}] http://mirror.test/debian bookworm main contrib # ours\n`;
    expect(parseOneLineSources(text)).toEqual([
      {
        uri: 'http://mirror.test/debian',
        suite: 'bookworm',
        components: ['main', 'contrib'],
        signedBy: KEYRING,
      },
    ]);
  });

  test.each([
    '',
    '# deb http://mirror.test/debian bookworm main',
    'deb-src http://mirror.test/debian bookworm main',
  ])('"%s" is no source of binary packages', (text) => {
    expect(parseOneLineSources(text)).toEqual([]);
  });
});

describe('deb822 sources', () => {
  test('each address and suite of a stanza is a source', () => {
    const text = [
      'Types: deb deb-src',
      '# a snapshot could stand here',
      'URIs: http://a.test/debian',
      ' http://b.test/debian',
      'Suites: bookworm bookworm-updates',
      'Components: main',
      `Signed-By: ${KEYRING}`,
    ].join('\n');
    const found = parseDeb822Sources(text).map(({ uri, suite }) => `${uri} ${suite}`);
    expect(found).toEqual([
      'http://a.test/debian bookworm',
      'http://a.test/debian bookworm-updates',
      'http://b.test/debian bookworm',
      'http://b.test/debian bookworm-updates',
    ]);
  });

  test('a disabled stanza and one for source packages give nothing', () => {
    const off =
      'Types: deb\nEnabled: no\nURIs: http://a.test/debian\nSuites: bookworm\nComponents: main\n';
    const source =
      'Types: deb-src\nURIs: http://a.test/debian\nSuites: bookworm\nComponents: main\n';
    expect(parseDeb822Sources(`${off}\n${source}`)).toEqual([]);
  });

  test('a key that stands in the stanza itself is not taken for a path', () => {
    const text =
      'Types: deb\nURIs: http://a.test/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n';
    expect(parseDeb822Sources(text)).toEqual([
      { uri: 'http://a.test/debian', suite: 'bookworm', components: ['main'] },
    ]);
  });
});

describe('sources for a release', () => {
  const source = (uri: string, suite: string, rest = {}) => ({
    uri,
    suite,
    components: ['main', 'contrib'],
    ...rest,
  });

  test("Debian's own suites are renamed to the wanted release", () => {
    const sources = [
      source('http://a.test/debian', 'bookworm'),
      source('http://a.test/debian', 'bookworm-updates'),
      source('http://a.test/debian-security', 'bookworm-security', { signedBy: KEYRING }),
    ];
    const found = sourcesForRelease(sources, { hostRelease: 'bookworm', release: 'trixie' });
    expect(found.map(renderSource)).toEqual([
      'deb http://a.test/debian trixie main',
      'deb http://a.test/debian trixie-updates main',
      `deb [signed-by=${KEYRING}] http://a.test/debian-security trixie-security main`,
    ]);
  });

  test.each([
    ['another suite', source('http://a.test/debian', 'bookworm-backports')],
    [
      'another vendor',
      source('http://a.test/x', 'bookworm', { signedBy: '/usr/share/keyrings/vendor.gpg' }),
    ],
    [
      'a repository without main',
      source('http://a.test/x', 'bookworm', { components: ['stable'] }),
    ],
  ])('%s is left out', (_what, other) => {
    expect(sourcesForRelease([other], { hostRelease: 'bookworm', release: 'bookworm' })).toEqual(
      [],
    );
  });
});
