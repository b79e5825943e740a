// Other work for a monitor while it is measured: the VMs of these sockets are stopped and started all the time, each by a client of its own, and the
// first of them is asked for its state a thousand times a second. Runs until it is killed.
import { setInterval } from 'node:timers';
import { TaskSocket } from '../dist/task-socket.js';

const BATCH = 10;
const BATCH_EVERY_MS = 10;

const sockets = await Promise.all(process.argv.slice(2).map((path) => TaskSocket.open(path)));
const asking = await TaskSocket.open(process.argv[2]);

setInterval(() => {
  for (let count = 0; count < BATCH; count += 1) void asking.call('get-status');
}, BATCH_EVERY_MS);

await Promise.all(
  sockets.map(async (socket) => {
    for (;;) {
      await socket.call('destroy');
      await socket.call('start');
    }
  }),
);
