import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { LabHost } from './lab-host.lab-helper.ts';
import { Xenops } from './slice-suite.ts';

/** Device models of HVM guests that wait in their firmware for something to boot from, on real Xen. */
const TEST_TIMEOUT_MS = 600_000;

/** Asks the device model of a domain; a list of the medium in hdc with its format, or an empty one. */
const QUERY_MEDIUM = `
exec python3 - "$1" << 'END'
import json, socket, sys
monitor = socket.socket(socket.AF_UNIX)
monitor.connect('/run/xen/qmp-libxl-' + sys.argv[1])
stream = monitor.makefile('rw')
for command in ['qmp_capabilities', 'query-block']:
    stream.write(json.dumps({'execute': command}) + '\\n')
stream.flush()
drives = [json.loads(stream.readline()) for _ in range(3)][2]['return']
media = [drive['inserted'] for drive in drives if drive['device'] == 'ide-5632' and 'inserted' in drive]
print(json.dumps([f"{m['file']} {m['drv']} {'ro' if m['ro'] else 'rw'}" for m in media]))
END
`;

/** The users of confined device models, as the documentation of Xen has them made. */
const ADD_RANGE =
  'useradd --system --no-create-home --uid 131072 --user-group xen-qemuuser-range-base 2>/dev/null';

/** How the processes of a user are confined, one after the other. */
const SHOW_USER = `
for pid in $(pgrep -U "$1"); do
  grep -E '^(Uid|CapEff|NoNewPrivs):' "/proc/$pid/status" | sed 's/[[:space:]]\\+/ /g'
  echo "root: $(readlink "/proc/$pid/root")"
  for space in mnt ipc; do
    test "$(readlink "/proc/$pid/ns/$space")" != "$(readlink "/proc/self/ns/$space")" || exit 1
  done
  echo 'mounts and IPC: its own'
  echo "most processes, most locked memory: $(awk '/^Max processes|^Max locked/ { printf "%s ", $3 == "memory" ? $4 : $3 }' "/proc/$pid/limits" | sed 's/ $//')"
done
`;

describe('device models on real Xen', () => {
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
    await host.sh(`cd ${host.folder} && truncate -s 8M disk.img`);
  }, TEST_TIMEOUT_MS);
  afterEach(async () => {
    await host.sh(`cd ${host.folder} && rm -f disk.img *.save *.iso`);
    expect(await host.fingerprint()).toBe(before);
    expect(await xenops.ok('doctor')).toBe('');
  }, TEST_TIMEOUT_MS);

  const disk = (domid: number): readonly string[] => [
    ...['-domid', String(domid), '-mode', 'w', '-phystype', 'file', '-virtpath', 'xvda'],
    ...['-physpath', `${host.folder}/disk.img`],
  ];
  /** An HVM guest that waits in its firmware for something to boot from. */
  const makeHvm = async (...words: readonly string[]): Promise<number> => {
    const domid = await xenops.create('-hvm', '-name', 'hvm');
    await xenops.ok('build_hvm', '-domid', String(domid), '-memory', '32M', ...words);
    return domid;
  };

  test(
    'a medium is put into an empty drive of an HVM guest, changed and taken out, for its device model and for xl',
    async () => {
      await host.sh(`cd ${host.folder} && truncate -s 1M a.iso && truncate -s 2M b.iso`);
      const domid = await makeHvm();
      const drive = ['-domid', String(domid), '-virtpath', 'hdc'];
      await xenops.ok(
        'add_vbd',
        ...drive,
        ...['-devtype', 'cdrom', '-mode', 'r', '-phystype', 'raw'],
      );
      await xenops.ok('add_dm', '-domid', String(domid));
      expect(await mediumOf(domid)).toEqual([]);
      for (const file of ['a.iso', 'b.iso']) {
        const path = `${host.folder}/${file}`;
        await xenops.ok('cd_insert', ...drive, '-physpath', path);
        expect(await mediumOf(domid)).toEqual([`${path} raw ro`]);
        expect(await host.sh('xl list -l "$1"', String(domid))).toContain(path);
      }
      await xenops.ok('cd_eject', ...drive);
      expect(await mediumOf(domid)).toEqual([]);
      await host.sh('xl cd-insert "$1" hdc "$2"', String(domid), `${host.folder}/a.iso`);
      await xenops.ok('cd_eject', ...drive);
      await xenops.destroy(domid);
    },
    TEST_TIMEOUT_MS,
  );
  /** What its device model has in the drive hdc. */
  const mediumOf = async (domid: number): Promise<unknown> =>
    JSON.parse(await host.sh(QUERY_MEDIUM, String(domid)));

  test(
    'a confined device model has given up root, the root folder and Xen, also after restoring, and leaves nothing',
    async () => {
      await host.sh(ADD_RANGE);
      const image = `${host.folder}/hvm.save`;
      const domid = await makeHvm('-dm_restrict');
      await xenops.ok('add_vbd', ...disk(domid));
      const drive = ['-domid', String(domid), '-virtpath', 'hdc'];
      await xenops.ok(
        'add_vbd',
        ...drive,
        ...['-devtype', 'cdrom', '-mode', 'r', '-phystype', 'raw'],
      );
      await xenops.ok('add_dm', '-domid', String(domid));
      expect(await confinementOf(domid)).toEqual(confined(domid));
      await host.sh(
        `cd ${host.folder} && truncate -s 1M a.iso && truncate -s 2M b.iso && chmod 600 *.iso`,
      );
      for (const file of ['a.iso', 'b.iso']) {
        await xenops.ok('cd_insert', ...drive, '-physpath', `${host.folder}/${file}`);
        expect(await mediumOf(domid)).toEqual([expect.stringMatching(/fdset.* raw ro$/)]);
      }
      await xenops.ok('cd_eject', ...drive);
      expect(await mediumOf(domid)).toEqual([]);
      await xenops.ok('cd_insert', ...drive, '-physpath', `${host.folder}/a.iso`);
      await xenops.ok('unpause_domain', '-domid', String(domid));
      await xenops.ok('chkpoint_domain', '-domid', String(domid), '-file', image);
      await xenops.ok('save_domain', '-domid', String(domid), '-file', image);
      expect(await confinementOf(domid)).toEqual([]);

      const again = Number(await xenops.ok('restore_domain', '-file', image));
      expect(await confinementOf(again)).toEqual(confined(again));
      await xenops.ok('unpause_domain', '-domid', String(again));
      await xenops.destroy(again);
      expect(await confinementOf(again)).toEqual([]);
      expect(await host.sh('ls -d /run/xen/qemu-root-* 2>&1 || true')).toContain('No such file');
    },
    TEST_TIMEOUT_MS,
  );
  const FIRST_UID = 131_072;
  /** What the kernel says of the processes of the domain's user. */
  const confinementOf = async (domid: number): Promise<readonly string[]> => {
    const text = await host.sh(SHOW_USER, String(FIRST_UID + domid));
    return text === '' ? [] : text.split('\n');
  };
  const confined = (domid: number): readonly string[] => [
    `Uid: ${`${FIRST_UID + domid} `.repeat(4).trim()}`,
    'CapEff: 0000000000000000',
    'NoNewPrivs: 1',
    `root: /run/xen/qemu-root-${domid}`,
    'mounts and IPC: its own',
    'most processes, most locked memory: 128 0',
  ];
});
