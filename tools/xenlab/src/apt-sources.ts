// Where this machine gets Debian from, read out of apt's own configuration, so that a lab's Xen has the versions
// of the machine's libxen-dev. Both formats of sources.list(5): one-line and deb822. Pure.

export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  readonly signedBy?: string;
}

/** The binary-package sources of a one-line file (`sources.list`, `*.list`). */
export function parseOneLineSources(text: string): readonly AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    return [source({ uri, suite, components: words(components), signedBy })];
  });
}

/** The enabled binary-package sources of a deb822 file (`*.sources`). */
export function parseDeb822Sources(text: string): readonly AptSource[] {
  const uncommented = text.replaceAll(/^#.*\n?/gm, '');
  return uncommented.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = parseFields(stanza);
    const field = (name: string): readonly string[] => words(fields.get(name) ?? '');
    if (!field('types').includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? '')) {
      return [];
    }
    // A key may also stand in the file itself, on continuation lines: only a path can be handed on.
    const signedBy = field('signed-by').find((word) => word.startsWith('/'));
    return field('uris').flatMap((uri) =>
      field('suites').map((suite) =>
        source({ uri, suite, components: field('components'), signedBy }),
      ),
    );
  });
}

/**
 * The sources among `sources` that are Debian's own for the release this machine runs, renamed to `release`: the
 * release itself, its point updates and its security updates, component main.
 */
export function sourcesForRelease(
  sources: readonly AptSource[],
  { hostRelease, release }: { readonly hostRelease: string; readonly release: string },
): readonly AptSource[] {
  const suites = new Map(
    ['', '-updates', '-security'].map((suffix) => [hostRelease + suffix, release + suffix]),
  );
  return sources.flatMap((candidate) => {
    const suite = suites.get(candidate.suite);
    const isDebian = candidate.signedBy?.includes('debian-archive') ?? true;
    if (suite === undefined || !isDebian || !candidate.components.includes('main')) return [];
    return [{ ...candidate, suite, components: ['main'] }];
  });
}

/** A line of sources.list(5). */
export function renderSource({ uri, suite, components, signedBy }: AptSource): string {
  const options = signedBy === undefined ? '' : `[signed-by=${signedBy}] `;
  return `deb ${options}${uri} ${suite} ${components.join(' ')}`;
}

function source({
  signedBy,
  ...rest
}: Omit<AptSource, 'signedBy'> & { readonly signedBy: string | undefined }): AptSource {
  return signedBy === undefined ? rest : { ...rest, signedBy };
}

function parseFields(stanza: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let name = '';
  for (const line of stanza.split('\n')) {
    const match = /^([\w-]+):(.*)/.exec(line);
    if (match === null) fields.set(name, `${fields.get(name) ?? ''}\n${line}`);
    else {
      name = (match[1] ?? '').toLowerCase();
      fields.set(name, (match[2] ?? '').trim());
    }
  }
  return fields;
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
