import { expect, test } from '@jest/globals';
import { HandClock } from '../host/hand-clock.test-helper.ts';
import type { Host } from '../host/host.ts';
import { domid } from '../ids.ts';
import { markRecent, recentDomids } from './recent-domids.ts';

function hostWith(uri: string, files: Map<string, string>): Host {
  const parts: Pick<Host, 'uri'> & { services: Partial<Host['services']> } = {
    uri,
    services: {
      clock: new HandClock(),
      readText: async (path) => files.get(path),
      writePrivateFile: async (path, text) => void files.set(path, String(text)),
    },
  };
  // Only these parts are looked at.
  return parts as unknown as Host;
}

test("domids of the last minute are those of xl's history and our own, older ones are dropped", async () => {
  const files = new Map([
    ['/proc/uptime', '1000.25 900.00\n'],
    ['/run/xen/domid-history', '900 3\n941 4\n1700 5\nrubbish\n995 99999\n'],
  ]);
  const host = hostWith('xen:', files);
  expect([...(await recentDomids(host))]).toEqual([4]);
  await markRecent(host, domid(7));
  expect(files.get('/run/xen/domid-history')).toBe('941 4\n1000 7\n');
  expect([...(await recentDomids(host))]).toEqual([4, 7]);
});

test('a simulated host without a folder of its own has no history, and never the one of this machine', async () => {
  const files = new Map([['/run/xen/domid-history', '0 3\n']]);
  const host = hostWith('sim:', files);
  await markRecent(host, domid(7));
  expect([...(await recentDomids(host)), files.size]).toEqual([1]);
});

test('domains that end side by side are all on record', async () => {
  const files = new Map<string, string>([['/proc/uptime', '1000.25 900.00\n']]);
  const host = hostWith('xen:', files);
  const domids = [7, 8, 9, 10];
  // Each VM of a monitor has a connection to xenstore of its own.
  await Promise.all(domids.map((number) => markRecent({ ...host }, domid(number))));
  expect([...(await recentDomids(host))]).toEqual(domids);
});
