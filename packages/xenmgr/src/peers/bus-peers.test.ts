import { beforeEach, describe, expect, test } from '@jest/globals';
import { BusError, DbusError, STANDARD_ERROR, type Bus } from '@xenops/rpcgen/runtime';
import { agentBusName, busPeers } from './bus-peers.ts';
import type { Peers } from './peers.ts';

interface Made {
  readonly destination: string;
  readonly member: string;
  readonly timeoutMs: unknown;
}

let made: Made[];
let answer: () => readonly unknown[];
let peers: Peers;
beforeEach(() => {
  made = [];
  answer = () => [];
  const call = async (
    { destination, member }: { destination: string; member: string },
    _args: readonly unknown[],
    options: { timeoutMs?: number } = {},
  ): Promise<readonly unknown[]> => {
    made.push({ destination, member, timeoutMs: options.timeoutMs });
    return answer();
  };
  peers = busPeers({ call } as unknown as Bus);
});

const everyCall = (): readonly (() => Promise<unknown>)[] => [
  () => peers.isOwned('a.b'),
  () => peers.input.switchFocus(1, false),
  () => peers.input.setSlot(1, 2),
  () => peers.input.updateSeamlessMouseSettings('u'),
  () => peers.input.isAuthOnBoot(),
  () => peers.input.beginAuth(),
  () => peers.input.setAuthContext('u', '', 1),
  () => peers.input.lock(true),
  () => peers.input.focusDomid(),
  () => peers.network.isPresent(),
  () => peers.network.isInitialized(),
  () => peers.network.network('/a'),
  () => peers.network.networkBackend('/a'),
  () => peers.network.moveToNetwork('v', '/a'),
  () => peers.network.ndvmStatus('u', 1, 1),
  () => peers.display.visibleDomids(),
  () => peers.display.beforeS3(),
  () => peers.display.afterS3(),
  () => peers.usb.vmStarted(1),
  () => peers.usb.vmStopped(1),
  () => peers.agent.isPresent('u'),
  () => peers.agent.request('u', 'sleep'),
];

describe('a call of another daemon', () => {
  test('always has a time limit', async () => {
    for (const call of everyCall()) await call();
    expect(made).toHaveLength(everyCall().length);
    expect(new Set(made.map(({ timeoutMs }) => timeoutMs))).toEqual(new Set([10_000]));
  });

  test('says that nobody is there, or what the daemon said', async () => {
    answer = () => {
      throw new DbusError(STANDARD_ERROR.serviceUnknown, 'no such name');
    };
    await expect(peers.input.lock(true)).rejects.toMatchObject({ code: 'PEER_ABSENT' });
    answer = () => {
      throw new DbusError('a.b.Busy', 'busy');
    };
    await expect(peers.usb.vmStarted(1)).rejects.toMatchObject({
      code: 'IO',
      message: 'com.citrix.xenclient.usbdaemon: busy',
    });
    answer = () => {
      throw new BusError('DBUS_CLOSED', { message: 'closed' });
    };
    await expect(peers.display.afterS3()).rejects.toMatchObject({ code: 'IO' });
  });

  test('gives no network where the daemon has none at that path', async () => {
    answer = () => {
      throw new DbusError(STANDARD_ERROR.unknownObject, 'none');
    };
    expect(await peers.network.network('/a')).toBeUndefined();
    answer = () => [
      new Map([
        ['bridge', { signature: 's', value: 'br0' }],
        ['type', { signature: 's', value: 'wifi' }],
      ]),
    ];
    expect(await peers.network.network('/a')).toEqual({
      ...{ path: '/a', name: '', bridge: 'br0', backendUuid: '', isWireless: true },
    });
  });

  test('of an agent goes to the name of its guest', async () => {
    await peers.agent.request('a-b', 'shutdown');
    expect(made.map(({ destination, member }) => [destination, member])).toEqual([
      [agentBusName('a-b'), 'request_shutdown'],
    ]);
    expect(agentBusName('a-b')).toBe('com.citrix.xenclient.guest.uuid_a_b');
  });
});
