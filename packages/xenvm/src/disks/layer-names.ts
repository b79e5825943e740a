/** Where the layers of a disk lie: beside its image, under names that no other VM of the host has. Pure. */
import path from 'node:path';
import type { VmUuid } from '@xenops/core/ids';

/** Files of one disk. */
export interface LayerNames {
  /** Changes of one boot. */
  readonly session: string;
  /** What earlier boots have changed (mode coalesce). */
  readonly collected: string;
  /** Space for the changes of one boot, encrypted. */
  readonly container: string;
  /** Its key, in memory. */
  readonly key: string;
  /** What the snapshot script is told to make, as it always was. */
  readonly scripted: string;
  /** Names of mappings. */
  readonly sessionMapping: string;
  readonly mapping: string;
}

export interface NamedDisk {
  readonly uuid: VmUuid;
  readonly vdev: string;
  readonly target: string;
  readonly type: string;
  readonly keyFolder: string;
}

export function layerNames({ uuid, vdev, target, type, keyFolder }: NamedDisk): LayerNames {
  const { dir, name } = path.parse(target);
  const stem = path.join(dir, name);
  const own = `${stem}.${uuid}.${vdev}`;
  return {
    session: `${own}.snap.tmp.qcow2`,
    collected: `${own}.snap.qcow2`,
    container: `${own}.snap.tmp.crypt`,
    key: path.join(keyFolder, `${uuid}-${vdev}.key`),
    scripted: `${stem}.snap.tmp.${type}`,
    sessionMapping: `xenvm-${uuid}-${vdev}-session`,
    mapping: `xenvm-${uuid}-${vdev}`,
  };
}
