import { describe, expect, test } from '@jest/globals';
import type { ConnectOptions } from '@xenops/core/connect';
import { AbortedError, ConnectError, TimeoutError } from '@xenops/core/errors';
import { domid, vmUuid } from '@xenops/core/ids';
import type { DomainInfo } from '@xenops/core/hypervisor';
import { COMMANDS } from './commands/command-table.ts';
import { run } from './run.ts';
import { fakeHost, KeptStreams, type HostParts } from './testing.test-helper.ts';

const GUEST: DomainInfo = {
  domid: domid(7),
  uuid: vmUuid('00112233-4455-6677-8899-aabbccddeeff'),
  guestType: 'pv',
  dying: false,
  shutdown: false,
  paused: true,
  blocked: false,
  running: false,
  memoryKib: 262_144,
  maxMemoryKib: 263_168,
  outstandingKib: 0,
  sharedInfoFrame: 12n,
  cpuTimeNs: 1_500_000_000n,
  onlineVcpuCount: 1,
  maxVcpuId: 0,
  ssidref: 0,
  cpupoolId: 0,
};

interface Given extends HostParts {
  readonly program?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Thrown instead of opening the host. */
  readonly noHost?: Error;
}

/** Runs a command line on a host made of the given parts. */
async function runWith(words: readonly string[], given: Given = {}) {
  const { program = 'xenops', environment = {}, noHost, ...parts } = given;
  const streams = new KeptStreams();
  const opened: ConnectOptions[] = [];
  let disposals = 0;
  const status = await run({
    program,
    words,
    streams,
    environment,
    signal: new AbortController().signal,
    openHost: async (options) => {
      opened.push(options);
      if (noHost !== undefined) throw noHost;
      return fakeHost({ ...parts, dispose: async () => void (disposals += 1) });
    },
  });
  return { status, out: streams.outText, err: streams.errText, opened, disposals };
}

const withGuest: HostParts = {
  hypervisor: { findDomain: (id) => (id === GUEST.domid ? GUEST : undefined) },
};

describe('an unknown command', () => {
  test.each([['nonsense'], ['constructor'], ['--domid'], ['']])(
    '%j ends with 1 and the list of commands on stderr',
    async (word) => {
      const { status, out, err, opened } = await runWith([word]);
      expect({ status, out, opened }).toEqual({ status: 1, out: '', opened: [] });
      expect(err).toContain(`unknown command "${word}"`);
      for (const { name, summary } of COMMANDS) {
        expect(err).toContain(name);
        expect(err).toContain(summary);
      }
    },
  );

  test('is quoted without its control characters', async () => {
    const { err } = await runWith(['\x1b[2J']);
    expect(err).not.toContain('\x1b');
  });
});

describe('help', () => {
  test.each([[[]], [['help']], [['--help']], [['-help']], [['-h']]])(
    'for %j is the list on stdout, and ends with 0',
    async (words) => {
      const { status, out, err } = await runWith(words);
      expect({ status, err }).toEqual({ status: 0, err: '' });
      for (const { name, aliases } of COMMANDS) {
        for (const text of [name, ...aliases]) expect(out).toContain(text);
      }
    },
  );

  test('without words is the list also for a link that is named after a command', async () => {
    const { status, out, opened } = await runWith([], { program: 'list_domains' });
    expect({ status, opened }).toEqual({ status: 0, opened: [] });
    expect(out).toContain('destroy_domain');
  });

  test.each(COMMANDS.flatMap(({ name, aliases }) => [name, ...aliases]))(
    'of %s is the same asked either way, and opens no host',
    async (name) => {
      const asked = await runWith(['help', name]);
      const option = await runWith([name, '-help']);
      expect(asked).toEqual(option);
      expect(asked).toMatchObject({ status: 0, err: '', opened: [] });
      expect(asked.out).toContain('--connect');
    },
  );

  test('of an unknown command ends with 1 on stderr', async () => {
    const { status, out, err } = await runWith(['help', 'nonsense']);
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toContain('nonsense');
  });
});

describe('the name of the program', () => {
  test('is the command when it is that of one, or an alias', async () => {
    for (const program of ['dom-uuid', 'getuuid_domain']) {
      const { status, out } = await runWith(['-domid', '7'], { program, ...withGuest });
      expect({ status, out }).toEqual({ status: 0, out: `${GUEST.uuid}\n` });
    }
  });

  test('is none otherwise, and the first word is the command', async () => {
    const { out } = await runWith(['dom-uuid', '-domid=7'], { program: 'node', ...withGuest });
    expect(out).toBe(`${GUEST.uuid}\n`);
  });
});

describe('what is wrong on the command line', () => {
  test.each([
    ['an option that does not exist', ['pause', '-domid', '7', '--sideways']],
    ['an option without its value', ['pause', '-domid']],
    ['a word too many', ['pause', '-domid', '7', 'now']],
  ])('ends with 2 for %s, before any host is opened', async (_what, words) => {
    const { status, out, err, opened } = await runWith(words);
    expect({ status, out, opened }).toEqual({ status: 2, out: '', opened: [] });
    expect(err).toContain('pause_domain');
  });

  test.each([
    ['domid', ['pause']],
    ['domid', ['pause', '-domid', 'seven']],
    ['domid', ['destroy', '-domid', '-1']],
    ['kernel', ['build', '-domid', '7']],
    ['reason', ['shutdown', '-domid', '7']],
  ])('ends with 1 for a bad %s in %j, in the words of old', async (name, words) => {
    const { status, out, err, opened } = await runWith(words);
    expect({ status, out, opened }).toEqual({ status: 1, out: '', opened: [] });
    expect(err.split('\n')[0]).toBe(`error: "${name}" argument is not valid`);
  });

  test('says why a value cannot be read', async () => {
    const { err } = await runWith(['pause', '-domid', '40000']);
    expect(err).toContain('0 to 32751');
  });

  test('is JSON too when that was asked for', async () => {
    const { err } = await runWith(['pause', '-domid', 'seven', '--json']);
    expect(JSON.parse(err)).toMatchObject({
      error: { code: 'USAGE', causes: [{ code: 'CONFIG_BAD_VALUE' }] },
    });
  });
});

describe('the host', () => {
  test('is the one of --connect, else of the environment', async () => {
    const environment = { XENOPS_CONNECT: 'sim:/env', XENSTORED_PATH: '/socket' };
    const both = await runWith(['list', '--connect', 'sim:/word'], { environment });
    expect(both.opened).toEqual([{ uri: 'sim:/word', xenstoredPath: '/socket' }]);
    const one = await runWith(['list'], { environment });
    expect(one.opened).toEqual([{ uri: 'sim:/env', xenstoredPath: '/socket' }]);
    const none = await runWith(['list']);
    expect(none.opened).toEqual([{ uri: undefined, xenstoredPath: undefined }]);
  });

  test('is closed once, after success and after failure', async () => {
    const done = await runWith(['list'], { hypervisor: { listDomains: () => [] } });
    expect(done).toMatchObject({ status: 0, disposals: 1 });
    const failed = await runWith(['list']);
    expect(failed).toMatchObject({ status: 1, disposals: 1 });
  });

  test('that cannot be opened is reported with the status of its error', async () => {
    const noHost = new ConnectError('CONNECT_BAD_URI', { message: 'Names no host' });
    const { status, out, err } = await runWith(['list'], { noHost });
    expect({ status, out, err }).toEqual({ status: 2, out: '', err: 'xenops: Names no host\n' });
  });
});

describe('a command that fails', () => {
  const timeout = new TimeoutError({
    message: 'Waited in vain',
    context: { timeoutMs: 5 },
    cause: new Error('below'),
  });
  const failing: HostParts = { hypervisor: { listDomains: () => Promise.reject(timeout) } };

  test('writes the reasons to stderr, nothing to stdout, and has the status of the error', async () => {
    expect(await runWith(['list'], failing)).toMatchObject({
      status: 4,
      out: '',
      err: 'xenops: Waited in vain\n  because: below\n',
    });
  });

  test('writes one line of JSON when that was asked for', async () => {
    const { status, out, err } = await runWith(['list', '--json'], failing);
    expect({ status, out }).toEqual({ status: 4, out: '' });
    expect(err.trimEnd()).not.toContain('\n');
    expect(JSON.parse(err)).toMatchObject({
      error: { code: 'TIMEOUT', message: 'Waited in vain', context: { timeoutMs: 5 } },
    });
  });

  test('writes all that is known with --debug', async () => {
    const { err } = await runWith(['list', '--debug'], failing);
    expect(err).toContain('xenops: Waited in vain\n');
    expect(err).toContain('run.test');
  });

  test('on a domain that is not there ends with 5', async () => {
    for (const words of [['dom-uuid'], ['pause'], ['destroy'], ['list_devices']]) {
      const { status, out } = await runWith([...words, '-domid', '8'], withGuest);
      expect({ status, out }).toEqual({ status: 5, out: '' });
    }
  });

  test('because it was interrupted ends with 130', async () => {
    const aborted = new AbortedError({ message: 'Stopped' });
    const given = { hypervisor: { listDomains: () => Promise.reject(aborted) } };
    expect(await runWith(['list'], given)).toMatchObject({ status: 130 });
  });

  test.each([['text'], [undefined], [{ odd: true }]])(
    'by throwing %j does not make run throw',
    async (thrown) => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      const given = { hypervisor: { listDomains: () => Promise.reject(thrown) } };
      expect(await runWith(['list'], given)).toMatchObject({ status: 1, disposals: 1 });
    },
  );
});

describe('showing domains', () => {
  const listing: HostParts = {
    hypervisor: { ...withGuest.hypervisor, listDomains: () => [GUEST] },
  };

  test('is a table with the columns of old', async () => {
    expect((await runWith(['list_domains'], listing)).out).toBe(
      [
        'id |  state |   cpu_time |                                 uuid',
        ' 7 |   P    | 1500000000 | 00112233-4455-6677-8899-aabbccddeeff',
        '',
      ].join('\n'),
    );
  });

  test('with -v has all the columns', async () => {
    const { out } = await runWith(['list', '-v'], listing);
    const [header, row] = out.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
    expect(header).toEqual([
      'id',
      'state',
      'shutdown code',
      'total MiB',
      'max MiB',
      'sif',
      'cpu time',
      'vcpus online',
      'max vcpu id',
      'ssidref',
      'uuid',
    ]);
    expect(row).toEqual([
      ...['7', 'P', '0', '256', '257', '12', '1500000000', '1', '0', '0', GUEST.uuid],
    ]);
  });

  test('shows each state by its letter in its place', async () => {
    const all = { dying: true, shutdown: true, blocked: true, running: true };
    const given = {
      hypervisor: { listDomains: () => [{ ...GUEST, ...all, guestType: 'hvm' as const }] },
    };
    expect((await runWith(['list'], given)).out).toContain(' | DSPBRH | ');
  });

  test('as JSON keeps large numbers as text, and null for what is not there', async () => {
    const unlimited = { ...GUEST, maxMemoryKib: Infinity };
    const given = { hypervisor: { listDomains: () => [unlimited] } };
    const { out } = await runWith(['list', '--json'], given);
    expect(JSON.parse(out)).toEqual([
      expect.objectContaining({
        domid: 7,
        name: null,
        maxMemoryKib: null,
        cpuTimeNs: '1500000000',
        sharedInfoFrame: '12',
      }),
    ]);
  });
});

describe('pausing', () => {
  test('pauses that very domain and says so', async () => {
    const paused: number[] = [];
    const pause = (id: number): void => void paused.push(id);
    const findDomain = (): DomainInfo => ({ ...GUEST, paused: false });
    const given = { hypervisor: { findDomain, pause } };
    const { status, out } = await runWith(['pause_domain', '-domid', '7'], given);
    expect({ status, out, paused }).toEqual({ status: 0, out: 'paused domain: 7\n', paused: [7] });
  });
});
