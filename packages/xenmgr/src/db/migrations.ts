/**
 * The layouts that the tree has had, each step as a function. Steps to 42 are those of the old product, as far as they
 * concern settings of VMs that still have a meaning; what they did to its images, its daemons and files outside the
 * database has none. All steps run in one transaction: the database is up to date, or as it was.
 */
import { DatabaseError } from '../errors.ts';
import type { Draft } from './view.ts';

/** Where the number of the layout is kept. */
export const VERSION_PATH = '/db-version';
/** The layout that this version reads and writes. */
export const SCHEMA_VERSION = '42';
/** The layout of the last old product that drove xenvm; older ones have to be upgraded by that one. */
const OLDEST_VERSION = 34;

interface Migration {
  readonly to: number;
  /** Changes the settings of one VM, below its path. */
  readonly vm: (draft: Draft, vm: string) => void;
}

const MIGRATIONS: readonly Migration[] = [
  {
    to: 35,
    vm: (draft, vm) => {
      move(draft, `${vm}/config/acpi-pt`, `${vm}/config/acpi-table`);
      draft.rm(`${vm}/config/smbios-pt`);
    },
  },
  {
    to: 40,
    vm: (draft, vm) => {
      const hvm = draft.read(`${vm}/config/hvm`);
      draft.rm(`${vm}/config/hvm`);
      if (hvm !== undefined) draft.write(`${vm}/config/virt-type`, hvm === 'true' ? 'hvm' : 'pv');
    },
  },
  {
    to: 41,
    vm: (draft, vm) => {
      move(draft, `${vm}/v4v-firewall-rules`, `${vm}/argo-firewall-rules`);
      move(draft, `${vm}/config/v4v`, `${vm}/config/argo`);
    },
  },
];

/** Brings a tree to the present layout; an empty one gets its version. Throws DB_SCHEMA for one it does not know. */
export function migrate(draft: Draft): void {
  if (draft.list('/').length > 0) {
    const version = storedVersion(draft);
    for (const { to, vm } of MIGRATIONS) {
      if (to > version) for (const uuid of draft.list('/vm')) vm(draft, `/vm/${uuid}`);
    }
  }
  draft.write(VERSION_PATH, SCHEMA_VERSION);
}

function storedVersion(draft: Draft): number {
  const text = draft.read(VERSION_PATH) ?? '';
  const version = /^[0-9]{1,4}$/.test(text) ? Number(text) : NaN;
  if (version >= OLDEST_VERSION && version <= Number(SCHEMA_VERSION)) return version;
  throw new DatabaseError('DB_SCHEMA', {
    message:
      `The database has the schema version "${text}"; ` +
      `this version reads ${OLDEST_VERSION} to ${SCHEMA_VERSION}`,
    context: { version: text },
  });
}

function move(draft: Draft, from: string, to: string): void {
  const node = draft.node(from);
  if (node === undefined) return;
  draft.rm(from);
  draft.replace(to, node);
}
