/** The surroundings of one part of the manager, without a bus, a hypervisor or a monitor. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger } from '@xenops/core/daemon';
import { createLogger } from '@xenops/core/daemon';
import { openDatabaseOn, type Database } from '../db/database.ts';
import { MemoryDisk } from '../db/memory-store.test-helper.ts';
import { placesBelow, type Places } from '../manager/places.ts';
import { PlayedPrograms } from './played-programs.test-helper.ts';

/** What most parts take; `host` knows no more of xenstore than single nodes. */
export interface FakeAround extends AsyncDisposable {
  readonly database: Database;
  readonly places: Places;
  readonly programs: PlayedPrograms;
  readonly run: PlayedPrograms['run'];
  readonly log: Logger;
  readonly lines: string[];
  readonly nodes: Map<string, string>;
}

/** Makes them in a folder of their own. */
export async function fakeAround(): Promise<FakeAround> {
  const folder = await mkdtemp(path.join(tmpdir(), 'xenmgr-around-'));
  const database = await openDatabaseOn(new MemoryDisk().open);
  const programs = new PlayedPrograms();
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line.trimEnd());
  return {
    ...{ database, programs, lines, run: programs.run, nodes: new Map() },
    places: placesBelow(folder, path.join(folder, 'templates')),
    log: createLogger({ level: 'debug', hasPriority: false, write }, 'test'),
    async [Symbol.asyncDispose]() {
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
