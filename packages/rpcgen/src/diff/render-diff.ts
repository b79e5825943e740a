import { renderPosition } from '../model/position.ts';
import { suggestBump, type Change } from './change.ts';

/** Gives the report as text: a line for each change, the worst first, and the version bump. */
export function renderDiffText(changes: readonly Change[]): string {
  const order = { breaking: 0, addition: 1, info: 2 };
  const lines = changes
    .toSorted((a, b) => order[a.class] - order[b.class])
    .map(
      ({ class: changeClass, subject, message, position }) =>
        `${changeClass}: ${subject}: ${message} (${renderPosition(position)})`,
    );
  return [...lines, `version: ${suggestBump(changes)}`, ''].join('\n');
}

/** Gives the report as JSON: `changes` as they are, and `version` with the bump. */
export function renderDiffJson(changes: readonly Change[]): string {
  return `${JSON.stringify({ version: suggestBump(changes), changes }, undefined, 2)}\n`;
}
