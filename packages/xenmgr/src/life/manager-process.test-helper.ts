/**
 * A manager as a process, as far as the life of VMs goes, until it is killed: `node manager-process FOLDER`, on the host of
 * an EmbeddedHost in that folder, with a database on disk. Starts VMs by themselves and says `adopted` and `started`; a
 * line on its standard input has it stop all VMs and say `stopped`.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from '@xenops/core/connect';
import { openDatabase } from '../db/database.ts';
import { openManagerOn } from './manager-on.test-helper.ts';

const [folder = ''] = process.argv.slice(2);
const host = await connect({ uri: `sim:${path.join(folder, 'sim')}` });
const database = await openDatabase(path.join(folder, 'db'));
const { life } = openManagerOn({ folder, host, database, log: [], tell: () => undefined });
const lines = createInterface({ input: process.stdin });
await life.adopt();
writeSync(1, 'adopted\n');
await life.autostart();
writeSync(1, 'started\n');
await once(lines, 'line');
await life.stopAll({ isForced: false });
writeSync(1, 'stopped\n');
process.exit(0);
