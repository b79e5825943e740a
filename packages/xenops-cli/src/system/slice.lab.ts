import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { LabHost } from './lab-host.lab-helper.ts';
import { describeSlice, Xenops } from './slice-suite.ts';

const TEST_TIMEOUT_MS = 300_000;

/** What `xl console` shows up to the line that says the guest is up; it would go on for as long as the guest does. */
const XL_CONSOLE = `
coproc CONSOLE { exec xl console "$1"; }
sed -u '/GUEST-UP/q' <&"\${CONSOLE[0]}"
kill "$CONSOLE_PID"
`;

describeSlice('xenops on real Xen', () => LabHost.start(), TEST_TIMEOUT_MS);

/** Guests have the ring of xenstored from Xen itself, and xenconsoled needs no more of a console than its type, limit, port and ring (ADR 14). */
const READ_BY_NOBODY = /DOMID\/(?:store|console\/(?:backend|output)|memory\/videoram)\b/;

describe('xenops beside xl on real Xen', () => {
  let host: LabHost;
  let xenops: Xenops;
  let before: string;

  beforeAll(async () => {
    host = await LabHost.start();
    xenops = new Xenops(host);
  }, TEST_TIMEOUT_MS);
  afterAll(() => host[Symbol.asyncDispose](), TEST_TIMEOUT_MS);
  beforeEach(async () => {
    before = await host.fingerprint();
  }, TEST_TIMEOUT_MS);
  afterEach(async () => {
    expect(await host.fingerprint()).toBe(before);
  }, TEST_TIMEOUT_MS);

  test(
    'xl shows our guest, reads its console and destroys it; nothing of it is left',
    async () => {
      const domid = await xenops.create('-name', 'ours');
      await xenops.ok(...xenops.buildWords(domid));
      await xenops.ok('unpause_domain', '-domid', String(domid));
      expect(await host.sh('xl domid ours')).toBe(String(domid));
      expect(await host.sh('xl list ours')).toMatch(/^ours +\d+ +128 +1 /m);
      const console = await host.sh(XL_CONSOLE, String(domid));
      expect(console).toContain('GUEST-UP');
      await host.sh('xl destroy "$1"', String(domid));
      expect(await xenops.find(domid)).toBeUndefined();
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'xenops shows a guest of xl as it is and removes it completely',
    async () => {
      const uuid = '11111111-2222-4333-8444-555555555555';
      const config = [
        'name="theirs"',
        `uuid="${uuid}"`,
        `kernel="${host.kernel}"`,
        `ramdisk="${host.ramdisk}"`,
        'extra="console=hvc0"',
        'memory=96',
        'maxmem=128',
        'vcpus=2',
      ];
      await host.writeFile(`${host.folder}/theirs.cfg`, `${config.join('\n')}\n`);
      await host.sh('xl create -q "$1"', `${host.folder}/theirs.cfg`);
      const domid = Number(await host.sh('xl domid theirs'));
      // Its second vcpu comes online in the course of the boot.
      await host.waitForConsole(domid, host.upText);
      expect(await xenops.find(domid)).toMatchObject({
        name: 'theirs',
        uuid,
        guestType: 'pv',
        memoryKib: 98_304,
        onlineVcpuCount: 2,
        maxVcpuId: 1,
        paused: false,
        shutdown: false,
      });
      await xenops.destroy(domid);
      expect(await host.sh('xl list | grep -c theirs || true')).toBe('0');
      expect(await host.sh('ls /var/lib/xen | grep -c "$1" || true', uuid)).toBe('0');
      await host.sh(`rm ${host.folder}/theirs.cfg`);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'the nodes of our guest are those that xl writes, but for a few that nobody reads',
    async () => {
      const domid = await xenops.create('-name', 'ours');
      await xenops.ok(...xenops.buildWords(domid));
      const config = [
        'name="theirs"',
        `kernel="${host.kernel}"`,
        `ramdisk="${host.ramdisk}"`,
        'extra="console=hvc0"',
        'memory=128',
      ];
      await host.writeFile(`${host.folder}/theirs.cfg`, `${config.join('\n')}\n`);
      await host.sh('xl create -q -p "$1"', `${host.folder}/theirs.cfg`);
      const theirs = Number(await host.sh('xl domid theirs'));
      /** Paths below the domain with their permissions, the domid taken out. */
      const shape = async (id: number): Promise<readonly string[]> => {
        const lines = (await host.sh('xenstore-ls -fp | grep "^/local/domain/$1/"', `${id}`)).split(
          '\n',
        );
        return lines
          .map((line) =>
            line
              .replace(/ = ".*" +\(/, ' (')
              .replaceAll(new RegExp(`\\b([nrwb]?)${id}\\b`, 'g'), '$1DOMID'),
          )
          .sort();
      };
      const read = (await shape(theirs)).filter((line) => !READ_BY_NOBODY.test(line));
      expect(await shape(domid)).toEqual(read);
      await xenops.destroy(domid);
      await xenops.destroy(theirs);
      await host.sh(`rm ${host.folder}/theirs.cfg`);
    },
    TEST_TIMEOUT_MS,
  );
});
