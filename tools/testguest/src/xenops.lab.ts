// The guest under our own command on real Xen: started, asked, saved, restored, shut down and gone.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { XlHost, type GuestType } from './xl-host.lab-helper.ts';

const TEST_TIMEOUT_MS = 300_000;
const IMAGE = '/var/tmp/testguest/image';

/** Xen's own judge of images, with the modules that Debian has put beside it. */
const VERIFY_STREAM = `
xen=$(echo /usr/lib/xen-4.*)
PYTHONPATH=$xen/lib/python "$xen/bin/verify-stream-v2" --format xl --in "$1"
`;

let host: XlHost;

beforeAll(async () => {
  host = await XlHost.start();
  await host.lab.pushWorkspace();
}, TEST_TIMEOUT_MS);
afterAll(() => host[Symbol.asyncDispose](), TEST_TIMEOUT_MS);

const xenops = (...words: readonly string[]): Promise<string> => host.sh('xenops "$@"', ...words);

test.each<GuestType>(['pv', 'pvh'])(
  'as %s it boots by xenops, answers, is saved and restored at work, and shuts down when it is asked to',
  async (type) => {
    const [create, build] =
      type === 'pv'
        ? [['create_domain'], 'build_domain']
        : [['create_domain', '--pvh'], 'build_pvh'];
    const domid = await xenops(...create, '--name', type);
    const guest = ['--memory', '4M', '--tsc', 'native', '--kernel', host.image];
    await xenops(build, '--domid', domid, ...guest);
    await xenops('unpause_domain', '--domid', domid);
    expect(await host.ask(type, 'ping')).toBe('ok');
    expect(await host.read(type, 'data/testguest/kind')).toBe(type);

    expect(await host.ask(type, 'work 1024 1')).toBe('ok');
    await xenops('save_domain', '--domid', domid, '--file', IMAGE);
    await host.sh(VERIFY_STREAM, IMAGE);
    const restored = await xenops('restore_domain', '--file', IMAGE);
    await xenops('unpause_domain', '--domid', restored);
    expect(await host.ask(type, 'uptime')).toMatch(/, 1 resumes$/);
    expect(await host.ask(type, 'check')).toMatch(/^ok /);

    await xenops('shutdown_domain', '--domid', restored, '--poweroff', '--sync');
    await xenops('destroy_domain', '--domid', restored);
    await host.sh('rm "$1"', IMAGE);
    expect(await host.leftovers()).toBe('');
  },
  TEST_TIMEOUT_MS,
);
