/**
 * How a disk with a snapshot mode or encryption is made ready: which programs, in which order, and what is held for it. Pure. From the image
 * of the configuration upwards: its snapshot layer, a block device of that where one is needed, the decrypted view of the block device.
 */
import { ConfigError, DeviceError } from '@xenops/core/errors';
import type { VmUuid } from '@xenops/core/ids';
import type { DiskSpec, SnapshotMode } from '../config/index.ts';
import type { DiskRecord, ExportKind, Holding } from './holding.ts';
import { layerNames, type LayerNames } from './layer-names.ts';
import type { ToolCall } from './run-tool.ts';

/** What serves as the lower end of the next thing: a file, or what an export or a mapping of the same plan turns out as. */
export type Source =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'export' }
  | { readonly kind: 'mapping'; readonly name: string };

export type DiskAction =
  | { readonly kind: 'run'; readonly call: ToolCall }
  /** A snapshot script: a failure is remembered for the next run of the author. */
  | { readonly kind: 'script'; readonly call: ToolCall }
  | { readonly kind: 'make-key'; readonly path: string; readonly bytes: number }
  /** An empty file with room for the changes of a disk of that image's size. */
  | { readonly kind: 'make-container'; readonly path: string; readonly image: string }
  | { readonly kind: 'remove'; readonly path: string }
  | {
      readonly kind: 'export';
      readonly how: ExportKind;
      readonly path: string;
      readonly format: string;
      readonly readOnly: boolean;
      readonly keyFolders: readonly string[];
    }
  | {
      readonly kind: 'map';
      readonly source: Source;
      readonly name: string;
      readonly cipher: string;
      readonly keySizeBits: number;
      readonly keyPath: string;
      readonly readOnly: boolean;
    };

export interface DiskStep {
  readonly action: DiskAction;
  /** Held from here on. An export's device is known when it is there. */
  readonly holding?: Exclude<Holding, { kind: 'export' }>;
}

export interface DiskPlan {
  readonly steps: readonly DiskStep[];
  /** What the guest gets. */
  readonly serves: Source;
  /** How its bytes lie there. */
  readonly format: 'raw' | DiskSpec['type'];
}

/** What is known before. */
export interface DiskFacts {
  readonly uuid: VmUuid;
  readonly keyFolder: string;
  /** What is held for a disk of that name, from an earlier boot or a session that was kept. */
  readonly record: DiskRecord | undefined;
  /** Those of the layers' files that exist. */
  readonly existing: ReadonlySet<string>;
  /** The guest goes on from an image: it must find the very disk that it had. */
  readonly isRestored: boolean;
  readonly hasScriptFailed: boolean;
}

const SNAPSHOT_SCRIPT = '/usr/sbin/prepare-system-snapshot';
/** Of a key that is drawn: AES-256 in XTS mode has two keys of 256 bits. */
const SESSION_KEY_BYTES = 64;
const SESSION_CIPHER = 'aes-xts-plain64';
/** Modes whose layers we make. */
const LAYERED: readonly SnapshotMode[] = ['temporary', 'temporary-encrypted', 'coalesce'];

/** Whether anything has to be done for the disk. */
export function isPrepared({ snapshot, crypt, keyFolders, target }: DiskSpec): boolean {
  return target !== '' && (snapshot !== 'none' || crypt !== undefined || keyFolders !== undefined);
}

/** Throws CONFIG_BAD_VALUE (a back-end elsewhere), DEVICE_FAILED (files in the way, or one that a restored guest needs is gone). */
export function planDisk(disk: DiskSpec, facts: DiskFacts): DiskPlan {
  if (disk.backendDomid !== 0) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The disk ${disk.vdev} is served by domain ${disk.backendDomid}; snapshots and encryption are made in domain 0 alone`,
      context: { vdev: disk.vdev },
    });
  }
  const names = layerNames({ ...facts, ...disk });
  const layered = planLayer(disk, facts, names);
  const exported = planExport(disk, layered);
  return planMapping(disk, exported, names);
}

/** The files that planning looks for. */
export function filesOf(disk: DiskSpec, facts: Pick<DiskFacts, 'uuid' | 'keyFolder'>): string[] {
  const { session, collected, container, key } = layerNames({ ...facts, ...disk });
  return [session, collected, container, key];
}

function planLayer(disk: DiskSpec, facts: DiskFacts, names: LayerNames): DiskPlan {
  const { snapshot, target, vdev } = disk;
  if (target.startsWith('/dev/') && LAYERED.includes(snapshot)) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The changes of the disk ${vdev} would lie beside ${target}, where only devices are: its image must be a file`,
      context: { vdev, target },
    });
  }
  switch (snapshot) {
    case 'none':
      return {
        steps: [],
        serves: { kind: 'path', path: disk.target },
        format: imageFormat(disk),
      };
    case 'temporary':
      return planTemporary(disk, facts, names);
    case 'temporary-encrypted':
      return planEncrypted(disk, facts, names);
    case 'coalesce':
      return planCoalesce(disk, facts, names);
    case 'scripted':
    case 'scripted-author':
    case 'scripted-no-snapshot':
      return planScripted(disk, facts, names);
  }
}

/** Changes go to a layer of their own, which ends with the boot. One that was kept is gone on with. */
function planTemporary(disk: DiskSpec, facts: DiskFacts, names: LayerNames): DiskPlan {
  const path = names.session;
  const serves: Source = { kind: 'path', path };
  if (isGoneOnWith(disk, facts, [path])) return { steps: [], serves, format: 'qcow2' };
  return {
    steps: [
      ...removal(facts, [path]),
      {
        action: createLayer(path, disk.target, imageFormat(disk)),
        holding: { kind: 'file', path, life: 'session' },
      },
    ],
    serves,
    format: 'qcow2',
  };
}

/** The same in a file that is encrypted with a key that only memory has ever held: nothing can be read once the host has lost power. */
function planEncrypted(disk: DiskSpec, facts: DiskFacts, names: LayerNames): DiskPlan {
  const { container, key, sessionMapping: name } = names;
  const isKept = isGoneOnWith(disk, facts, [container, key]);
  const map: DiskStep = {
    action: {
      kind: 'map',
      source: { kind: 'path', path: container },
      name,
      cipher: SESSION_CIPHER,
      keySizeBits: SESSION_KEY_BYTES * 8,
      keyPath: key,
      readOnly: false,
    },
    holding: { kind: 'mapping', name },
  };
  const fresh: readonly DiskStep[] = [
    ...removal(facts, [container, key]),
    {
      action: { kind: 'make-container', path: container, image: disk.target },
      holding: { kind: 'file', path: container, life: 'session' },
    },
    {
      action: { kind: 'make-key', path: key, bytes: SESSION_KEY_BYTES },
      holding: { kind: 'file', path: key, life: 'secret' },
    },
    map,
    { action: createLayer(mapperPath(name), disk.target, imageFormat(disk)) },
  ];
  return {
    steps: isKept ? [map] : fresh,
    serves: { kind: 'mapping', name },
    format: 'qcow2',
  };
}

/** Changes are collected from boot to boot in one layer, below that of the present boot; the image stays as it is. */
function planCoalesce(disk: DiskSpec, facts: DiskFacts, names: LayerNames): DiskPlan {
  const { collected, session } = names;
  const own = ownFiles(facts.record);
  assertOurs(facts, own, [collected, session]);
  const has = (path: string): boolean => facts.existing.has(path);
  const serves: Source = { kind: 'path', path: session };
  if (facts.isRestored) {
    const isKept = facts.record?.isKept === true;
    if (isKept && has(collected) && has(session)) return { steps: [], serves, format: 'qcow2' };
    throw lost(disk, has(collected) ? session : collected);
  }
  const file = (path: string): NonNullable<DiskStep['holding']> => ({
    kind: 'file',
    path,
    life: 'lasting',
  });
  const collect: readonly DiskStep[] = [
    // Committing again what has been committed changes nothing: it may be killed anywhere.
    {
      action: {
        kind: 'run',
        call: { program: 'qemu-img', args: ['commit', '-q', '-d', '-f', 'qcow2', session] },
      },
    },
    { action: { kind: 'remove', path: session } },
  ];
  return {
    steps: [
      ...(has(collected)
        ? []
        : [
            ...(has(session) ? [{ action: { kind: 'remove', path: session } } as const] : []),
            {
              action: createLayer(collected, disk.target, imageFormat(disk)),
              holding: file(collected),
            },
          ]),
      ...(has(collected) && has(session) ? collect : []),
      { action: createLayer(session, collected, 'qcow2'), holding: file(session) },
    ],
    serves,
    format: 'qcow2',
  };
}

/** A program of the system's makes the layer, and keeps house in it. */
function planScripted(disk: DiskSpec, facts: DiskFacts, names: LayerNames): DiskPlan {
  const { target, snapshot } = disk;
  const base = ['-i', target];
  const layer = ['-s', names.scripted];
  const vm = ['-u', facts.uuid];
  const recovery = facts.hasScriptFailed ? ['--recovery'] : [];
  const args = {
    scripted: [...base, ...layer, ...vm],
    'scripted-author': [...base, ...layer, ...vm, ...recovery, '--author-mode'],
    'scripted-no-snapshot': [...base, ...vm, '--no-snapshot'],
  } as const;
  const mode = snapshot === 'scripted' || snapshot === 'scripted-author' ? snapshot : undefined;
  const call = { program: SNAPSHOT_SCRIPT, args: args[mode ?? 'scripted-no-snapshot'] };
  // A guest that goes on from an image needs its disk as it was left.
  const steps: readonly DiskStep[] = facts.isRestored ? [] : [{ action: { kind: 'script', call } }];
  const path = snapshot === 'scripted' ? names.scripted : target;
  return { steps, serves: { kind: 'path', path }, format: imageFormat(disk) };
}

function planExport(disk: DiskSpec, { steps, serves, format }: DiskPlan): DiskPlan {
  const { crypt, keyFolders = [], readOnly } = disk;
  const isTap = keyFolders.length > 0;
  const isNeeded = isTap || (crypt !== undefined && format !== 'raw');
  if (!isNeeded || serves.kind === 'export') return { steps, serves, format };
  const path = serves.kind === 'path' ? serves.path : mapperPath(serves.name);
  const action: DiskAction = {
    kind: 'export',
    how: isTap ? 'tap' : 'nbd',
    ...{ path, format: toolFormat(format), readOnly, keyFolders },
  };
  return { steps: [...steps, { action }], serves: { kind: 'export' }, format: 'raw' };
}

function planMapping(
  { crypt, readOnly }: DiskSpec,
  plan: DiskPlan,
  { mapping: name }: LayerNames,
): DiskPlan {
  if (crypt === undefined) return plan;
  const { keyFile: keyPath, cipher, keySizeBits } = crypt;
  const step: DiskStep = {
    action: { kind: 'map', source: plan.serves, name, cipher, keySizeBits, keyPath, readOnly },
    holding: { kind: 'mapping', name },
  };
  return { steps: [...plan.steps, step], serves: { kind: 'mapping', name }, format: 'raw' };
}

/** Whether these files are those of a session that was kept. A guest that goes on from an image cannot do without. */
function isGoneOnWith(disk: DiskSpec, facts: DiskFacts, files: readonly string[]): boolean {
  const { record, existing, isRestored } = facts;
  assertOurs(facts, ownFiles(record), files);
  const missing = files.find((path) => !existing.has(path));
  const isKept = record?.isKept === true && missing === undefined;
  if (!isKept && isRestored) throw lost(disk, missing ?? files[0] ?? disk.target);
  return isKept;
}

function ownFiles(record: DiskRecord | undefined): ReadonlySet<string> {
  return new Set(
    (record?.holdings ?? []).flatMap((holding) => (holding.kind === 'file' ? [holding.path] : [])),
  );
}

/** What lies there and is not ours is neither used nor overwritten. */
function assertOurs(
  { existing }: DiskFacts,
  own: ReadonlySet<string>,
  files: readonly string[],
): void {
  const foreign = files.find((path) => existing.has(path) && !own.has(path));
  if (foreign === undefined) return;
  throw new DeviceError('DEVICE_FAILED', {
    message: `The file ${foreign} is where the changes of a disk would go, and this VM has no record of having made it; move it away`,
    context: { path: foreign },
  });
}

function removal({ existing }: DiskFacts, files: readonly string[]): readonly DiskStep[] {
  return files
    .filter((path) => existing.has(path))
    .map((path) => ({ action: { kind: 'remove', path } }));
}

function createLayer(path: string, backing: string, backingFormat: string): DiskAction {
  const format = toolFormat(backingFormat);
  return {
    kind: 'run',
    call: {
      program: 'qemu-img',
      args: ['create', '-q', '-f', 'qcow2', '-F', format, '-b', backing, path],
    },
  };
}

function imageFormat({ type }: DiskSpec): DiskPlan['format'] {
  return type === 'phy' || type === 'file' || type === 'aio' ? 'raw' : type;
}

/** QEMU's name of a format. */
export function toolFormat(format: string): string {
  return format === 'vhd' ? 'vpc' : format;
}

/** Where a mapping is. */
export function mapperPath(name: string): string {
  return `/dev/mapper/${name}`;
}

function lost({ vdev }: DiskSpec, path: string): DeviceError {
  return new DeviceError('DEVICE_FAILED', {
    message: `The disk ${vdev} is not what the guest in the image had: the layer ${path} of that boot is gone`,
    context: { vdev, path },
  });
}
