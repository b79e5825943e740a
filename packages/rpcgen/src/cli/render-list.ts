import { BACKENDS } from '../backends/registry.ts';

/** Gives the backends and what each cannot do, as text. */
export function renderListText(): string {
  return BACKENDS.map(({ name, aliases, summary, capabilities }) => {
    const other = aliases.length === 0 ? '' : ` (${aliases.join(', ')})`;
    const rows = Object.entries(capabilities).map(([feature, capability]) => {
      const note = capability.support === 'yes' ? '' : `  ${capability.note}`;
      return `  ${feature.padEnd(22)} ${capability.support.padEnd(6)}${note}`.trimEnd();
    });
    return [`${name}${other}: ${summary}`, ...rows, ''].join('\n');
  }).join('\n');
}

/** Gives the same as JSON. */
export function renderListJson(): string {
  const rows = BACKENDS.map(({ name, aliases, summary, capabilities }) => ({
    name,
    aliases,
    summary,
    capabilities,
  }));
  return `${JSON.stringify(rows, undefined, 2)}\n`;
}
