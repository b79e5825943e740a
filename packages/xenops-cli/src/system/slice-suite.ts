/**
 * The life of a PV guest by the `xenops` command, on any host: the same cases for the embedded host and for real Xen.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Outcome, SliceHost } from './slice-host.ts';

const MEMORY_KIB = 131_072;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A domain in `xenops list_domains --json`. */
export interface ListedDomain {
  readonly domid: number;
  readonly name: string | null;
  readonly uuid: string;
  readonly guestType: string;
  readonly memoryKib: number;
  readonly maxMemoryKib: number | null;
  readonly onlineVcpuCount: number;
  readonly maxVcpuId: number;
  readonly paused: boolean;
  readonly shutdown: boolean;
  readonly shutdownReason?: string;
}

/** `xenops` on a host, with the checks that every use of it wants. */
export class Xenops {
  readonly #host: SliceHost;

  constructor(host: SliceHost) {
    this.#host = host;
  }

  run(...words: readonly string[]): Promise<Outcome> {
    return this.#host.exec(['xenops', ...words]);
  }

  /** What the command prints, which must succeed and say nothing else. */
  async ok(...words: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(...words);
    expect({ words, status, stderr }).toEqual({ words, status: 0, stderr: '' });
    return stdout.trimEnd();
  }

  async create(...words: readonly string[]): Promise<number> {
    return Number(await this.ok('create_domain', ...words));
  }

  buildWords(domid: number, ...words: readonly string[]): readonly string[] {
    const { kernel, ramdisk } = this.#host;
    const disk = ramdisk === undefined ? [] : ['-ramdisk', ramdisk];
    const rest = [
      '-memory',
      String(MEMORY_KIB),
      '-kernel',
      kernel,
      ...disk,
      '-cmdline',
      'console=hvc0',
    ];
    return ['build_domain', '-domid', String(domid), ...rest, ...words];
  }

  async list(): Promise<readonly ListedDomain[]> {
    return JSON.parse(await this.ok('list_domains', '--json')) as readonly ListedDomain[];
  }

  async find(domid: number): Promise<ListedDomain | undefined> {
    return (await this.list()).find((domain) => domain.domid === domid);
  }

  destroy(domid: number): Promise<string> {
    return this.ok('destroy_domain', '-domid', String(domid));
  }

  /** A guest that is up. */
  async boot(...words: readonly string[]): Promise<number> {
    const domid = await this.create(...words);
    await this.ok(...this.buildWords(domid));
    await this.ok('unpause_domain', '-domid', String(domid));
    await this.#host.waitForConsole(domid, this.#host.upText);
    return domid;
  }
}

export function describeSlice(
  name: string,
  start: () => Promise<SliceHost>,
  /** Room for the host: every wait of a test ends by itself much earlier when something is wrong. */
  timeoutMs: number,
): void {
  describe(name, () => {
    let host: SliceHost;
    let xenops: Xenops;
    let before: string;

    beforeAll(async () => {
      host = await start();
      xenops = new Xenops(host);
    }, timeoutMs);
    afterAll(async () => {
      await host[Symbol.asyncDispose]();
    }, timeoutMs);
    // Whatever a test does, the host is as it was at its end.
    beforeEach(async () => {
      before = await host.fingerprint();
    }, timeoutMs);
    afterEach(async () => {
      expect(await host.fingerprint()).toBe(before);
    }, timeoutMs);

    const on = (title: string, body: () => Promise<void>): void => {
      test(title, body, timeoutMs);
    };

    on(
      'a PV guest boots, is listed, shuts down cleanly with its reason, and leaves nothing',
      async () => {
        const domid = await xenops.create('-name', 'slice');
        expect(await xenops.find(domid)).toMatchObject({
          name: 'slice',
          paused: true,
          memoryKib: 0,
        });
        expect(await xenops.ok(...xenops.buildWords(domid, '-vcpus', '2'))).toBe(
          `built domain: ${domid}`,
        );
        expect(await xenops.ok('unpause_domain', '-domid', String(domid))).toBe(
          `unpaused domain: ${domid}`,
        );
        expect(await host.waitForConsole(domid, host.upText)).toContain(host.upText);

        const listed = await xenops.find(domid);
        expect(listed).toMatchObject({ guestType: 'pv', onlineVcpuCount: 2, maxVcpuId: 1 });
        expect(listed).toMatchObject({ paused: false, shutdown: false, memoryKib: MEMORY_KIB });
        expect(await xenops.ok('dom-uuid', '-domid', String(domid))).toBe(listed?.uuid);

        expect(
          await xenops.ok(
            'shutdown_domain',
            `-domid`,
            `${domid}`,
            '-poweroff',
            '-sync',
            '--timeout',
            '120',
          ),
        ).toBe(`shutdown domain: ${domid}\ndomain shutdowned correctly`);
        expect(await xenops.find(domid)).toMatchObject({
          shutdown: true,
          shutdownReason: 'poweroff',
        });
        await xenops.destroy(domid);
        expect(await xenops.find(domid)).toBeUndefined();
      },
    );

    on('a reboot request is acknowledged and its reason is seen', async () => {
      const domid = await xenops.boot();
      const answer = await xenops.ok(
        ...[
          'shutdown_domain',
          '-domid',
          String(domid),
          '-reboot',
          '-sync',
          '--timeout',
          '120',
          '--json',
        ],
      );
      expect(JSON.parse(answer)).toEqual({ domid, acknowledged: true, end: 'reboot' });
      const again = await xenops.run('shutdown', '-domid', String(domid), '-poweroff');
      expect(again.status).toBe(1);
      expect(again.stderr).toContain(`Domain ${domid} is down already`);
      await xenops.destroy(domid);
    });

    on('a guest that does not answer gives a time-out, and nothing is changed', async () => {
      const domid = await xenops.create();
      await xenops.ok(...xenops.buildWords(domid));
      const waiting = await host.fingerprint();
      const words = ['shutdown_domain', '-domid', String(domid), '-poweroff', '--timeout', '2'];
      const { status, stdout, stderr } = await xenops.run(...words);
      expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
      expect(stderr).toContain(
        `Waited 2 s in vain for the guest in domain ${domid} to acknowledge the poweroff request`,
      );
      expect(await host.readNode(`/local/domain/${domid}/control/shutdown`)).toBe('');
      expect(await host.fingerprint()).toBe(waiting);
      await xenops.destroy(domid);
    });

    on('a domain that was never built cannot be asked to shut down', async () => {
      const domid = await xenops.create();
      const { status, stderr } = await xenops.run('shutdown_domain', '-domid', `${domid}`, '-halt');
      expect(status).toBe(1);
      expect(stderr).toContain(`Domain ${domid} has not been built`);
      await xenops.destroy(domid);
    });

    on('pause and unpause show in the listing, and unpausing what runs is refused', async () => {
      const domid = await xenops.boot();
      const id = ['-domid', String(domid)];
      expect(await xenops.ok('pause_domain', ...id)).toBe(`paused domain: ${domid}`);
      expect(await xenops.find(domid)).toMatchObject({ paused: true });
      expect(await xenops.ok('unpause', ...id)).toBe(`unpaused domain: ${domid}`);
      expect(await xenops.find(domid)).toMatchObject({ paused: false });
      const refused = await xenops.run('unpause', ...id);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain('is not paused');
      await xenops.destroy(domid);
    });

    on('a hard shutdown puts the reason on record at once', async () => {
      const domid = await xenops.boot();
      expect(await xenops.ok('hard_shutdown_domain', '-domid', String(domid), '-crash')).toBe('');
      expect(await xenops.find(domid)).toMatchObject({ shutdown: true, shutdownReason: 'crash' });
      await xenops.destroy(domid);
    });

    describe('a build that fails leaves the domain and the host as they were', () => {
      let domid: number;
      let made: string;

      beforeEach(async () => {
        domid = await xenops.create();
        made = await host.fingerprint();
      }, timeoutMs);
      afterEach(async () => {
        await xenops.destroy(domid);
      }, timeoutMs);

      const failsWith = async (
        words: readonly string[],
        expected: { readonly status: number; readonly text: string | RegExp },
      ): Promise<void> => {
        const { status, stderr } = await xenops.run(...xenops.buildWords(domid, ...words));
        expect(stderr).toMatch(expected.text);
        expect(status).toBe(expected.status);
        expect(await host.fingerprint()).toBe(made);
      };

      on('the kernel is missing', async () => {
        const kernel = `${host.folder}/no-such-kernel`;
        await failsWith(['-kernel', kernel], { status: 1, text: kernel });
      });

      on('the file is no kernel', async () => {
        const kernel = `${host.folder}/not-a-kernel`;
        await host.writeFile(kernel, 'This is plain text.\n'.repeat(1000));
        await failsWith(['-kernel', kernel], { status: 1, text: kernel });
      });

      on('the ramdisk cannot be read', async () => {
        const ramdisk = `${host.folder}/no-such-ramdisk`;
        await failsWith(['-ramdisk', ramdisk], { status: 1, text: ramdisk });
      });

      on('the host has too little memory', async () => {
        const memory = String(host.tooMuchMemoryKib);
        await failsWith(['-memory', memory], { status: 1, text: 'KiB of memory and the host has' });
      });

      on('the guest has too little memory for its kernel', async () => {
        await failsWith(['-memory', String(host.tooLittleMemoryKib)], {
          status: 1,
          text: /domain \d+/i,
        });
      });

      on('the number of vcpus makes no sense', async () => {
        await failsWith(['-vcpus', '0'], { status: 1, text: '"vcpus" argument is not valid' });
        await failsWith(['-vcpus', '99999'], { status: 3, text: '1 to 8192 vcpus' });
      });

      on('the command is stopped half-way', async () => {
        await host.killDuringBuild(xenops.buildWords(domid), 'SIGTERM');
        expect(await host.fingerprint()).toBe(made);
      });

      on('the command is killed half-way: the next one puts the domain in order', async () => {
        await host.killDuringBuild(xenops.buildWords(domid), 'SIGKILL');
        const next = await xenops.run('setmaxmem', '-domid', '32000');
        expect(next.stderr).toContain(`the build of domain ${domid} had been cut off`);
        expect(await host.fingerprint()).toBe(made);
      });

      on('and it can be built after that', async () => {
        await failsWith(['-kernel', `${host.folder}/absent`], { status: 1, text: 'absent' });
        await xenops.ok(...xenops.buildWords(domid));
        const again = await xenops.run(...xenops.buildWords(domid));
        expect(again.status).toBe(1);
        expect(again.stderr).toContain('has been built already');
      });
    });

    on('a domid that no domain has is status 5, in every command that takes one', async () => {
      const commands = [
        ['destroy_domain'],
        ['pause_domain'],
        ['unpause_domain'],
        ['setmaxmem'],
        ['dom-uuid'],
        ['list_devices'],
        ['shutdown_domain', '-poweroff'],
        ['hard_shutdown_domain', '-poweroff'],
        ['build_domain', '-kernel', host.kernel],
      ];
      for (const words of commands) {
        const { status, stdout, stderr } = await xenops.run(...words, '-domid', '31999');
        expect({ words, status, stdout }).toEqual({ words, status: 5, stdout: '' });
        expect(stderr).toBe('xenops: No domain has the domid 31999\n');
      }
    });

    on('Dom0 cannot be destroyed', async () => {
      const { status, stderr } = await xenops.run('destroy_domain', '-domid', '0');
      expect(status).toBe(1);
      expect(stderr).toContain('Domain 0 is the host itself');
    });

    on('two domains cannot have one name, and uuids are as given', async () => {
      const uuid = '6a6c1ee3-57f3-4e5a-9c62-7c7a7a1b2c3d';
      const first = await xenops.create('-name', 'only', '-uuid', uuid);
      const second = await xenops.run('create_domain', '-name', 'only');
      expect(second.status).toBe(1);
      expect(second.stderr).toContain(`Domain ${first} has the name "only" already`);
      expect(await xenops.ok('getuuid_domain', '--domid', String(first))).toBe(uuid);
      await xenops.destroy(first);
    });

    on('setmaxmem sets the limit that Xen keeps', async () => {
      const domid = await xenops.create();
      await xenops.ok('setmaxmem', '-domid', String(domid), '-memory', '64M');
      expect(await xenops.find(domid)).toMatchObject({ maxMemoryKib: 65_536 });
      await xenops.destroy(domid);
    });

    on('list_devices shows the console of a built domain', async () => {
      const domid = await xenops.create();
      expect(await xenops.ok('list_devices', '-domid', String(domid))).toBe('');
      await xenops.ok(...xenops.buildWords(domid));
      expect(await xenops.ok('list_devices', '-domid', String(domid))).toBe(
        'console[0] is unknown to dom(0) ty(console) devid(0 ) state(initialising)',
      );
      await xenops.destroy(domid);
    });

    on('the listings have the historical columns', async () => {
      const [header, dom0] = (await xenops.ok('list_domains')).split('\n');
      expect(header?.split(' | ').map((title) => title.trim())).toEqual([
        'id',
        'state',
        'cpu_time',
        'uuid',
      ]);
      expect(dom0?.split(' | ')[3]?.trim()).toMatch(UUID);
      const [verbose] = (await xenops.ok('list_domains', '-v')).split('\n');
      expect(verbose?.split(' | ').map((title) => title.trim())).toEqual(
        'id,state,shutdown code,total MiB,max MiB,sif,cpu time,vcpus online,max vcpu id,ssidref,uuid'.split(
          ',',
        ),
      );
    });

    on('the host shows itself', async () => {
      expect(await xenops.ok('physinfo')).toMatch(/^nr_cpus = \d+$/m);
      const info = JSON.parse(await xenops.ok('physinfo', '--json')) as Record<string, number>;
      expect(info['totalMemoryKib']).toBeGreaterThan(info['freeMemoryKib'] ?? Infinity);
      const cpus = (await xenops.ok('pcpuinfo')).split('\n');
      expect(cpus).toHaveLength(info['cpuCount'] ?? 0);
      expect(cpus[0]).toMatch(/^cpu: 0 {2}idle: \d+$/);
      expect(await xenops.ok('capabilities')).toContain('xen-3.0-x86_64');
      expect(await xenops.ok('dmesg')).toMatch(/\S/);
    });
  });
}
