/** VMs as a table, to the letter of the old client. Pure. */
import type { VmSummary } from '../client/xenmgr.ts';
import type { Outcome } from './outcome.ts';
import { pad } from './render-value.ts';

const RULE = '-----+--------------------+--------------------------------------+--------';
const WIDTH = { id: 3, name: 18, uuid: 36, state: 10 } as const;

/** The table, running VMs first in the order of their domids. */
export function vmTable(vms: readonly VmSummary[]): Outcome {
  const sorted = vms.toSorted((left, right) => orderOf(left) - orderOf(right));
  const lines = [
    renderLine({ id: pad('ID', WIDTH.id), name: 'Name', uuid: 'UUID', state: 'State' }),
    RULE,
    ...sorted.map(({ domid, ...vm }) =>
      renderLine({ ...vm, id: String(domid ?? '').padStart(WIDTH.id) }),
    ),
  ];
  const json = sorted.map(({ domid = null, name, uuid, state, path }) => {
    return { domid, name, uuid, state, path };
  });
  return { text: `${lines.join('\n')}\n`, json };
}

function orderOf({ domid }: VmSummary): number {
  return domid ?? Number.MAX_SAFE_INTEGER;
}

interface Cells {
  readonly id: string;
  readonly name: string;
  readonly uuid: string;
  readonly state: string;
}

function renderLine({ id, name, uuid, state }: Cells): string {
  const cells = [id, pad(name, WIDTH.name), pad(uuid, WIDTH.uuid), pad(state, WIDTH.state)];
  return ` ${cells.join(' | ')}`;
}
