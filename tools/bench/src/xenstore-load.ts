/**
 * Our client under load, as a program: `xenstore-load.js TRANSPORT SOCKET read|write COUNT WINDOW`. Prints the rate per
 * second, and the median and 99th percentile of the latency in microseconds, as peers/xenstore-peer.c does.
 */
import { openSocketStore, type XenStore } from '@xenops/core/xenstore';
import { summarise } from './statistics.ts';

const KEY = '/bench/key';
const VALUE = '0123456789abcdef';

const [transport = '', socketPath = '', operation = '', count = '', window = '1'] =
  process.argv.slice(2);

/** Requests in as many lanes as may be under way; gives the latencies in microseconds. */
async function run(store: XenStore, requests: number): Promise<readonly number[]> {
  const latencies: number[] = [];
  let left = requests;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const begin = performance.now();
      if (operation === 'read') await store.read(KEY);
      else await store.write(KEY, VALUE);
      latencies.push((performance.now() - begin) * 1000);
    }
  };
  await Promise.all(Array.from({ length: Number(window) }, lane));
  return latencies;
}

/** The addon is asked for only where it is measured; it takes its way from XENSTORED_PATH. */
async function openThroughLibxenstore(): Promise<XenStore> {
  const provider = '@xenops/native';
  const { openLibxenstore } = (await import(provider)) as {
    readonly openLibxenstore: () => Promise<XenStore>;
  };
  return openLibxenstore();
}

const store =
  transport === 'libxenstore' ? await openThroughLibxenstore() : await openSocketStore(socketPath);
await store.write(KEY, VALUE);
await run(store, Number(count) / 10);
const begin = performance.now();
const latencies = await run(store, Number(count));
const seconds = (performance.now() - begin) / 1000;
const { median, p99 } = summarise(latencies);
process.stdout.write(`${latencies.length / seconds} ${median} ${p99}\n`);
await store[Symbol.asyncDispose]();
