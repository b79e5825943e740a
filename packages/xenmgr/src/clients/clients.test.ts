import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DbusError, STANDARD_ERROR } from '@xenops/rpcgen/runtime';
import { startPrivateBus, type PrivateBus } from '../testing/private-bus.test-helper.ts';
import { runXecVm } from './run-xec-vm.ts';
import { runXec } from './run-xec.ts';
import { startStandIn, type StandIn } from './stand-in.test-helper.ts';

const ONE = '00000000-0000-0000-0000-000000000001';
const TWO = '00000000-0000-0000-0000-000000000002';
const THREE = '00000000-0000-0000-0000-000000000003';
const ONE_PATH = '/vm/00000000_0000_0000_0000_000000000001';

const calls: unknown[][] = [];
let bus: PrivateBus;
let service: StandIn;

beforeAll(async () => {
  bus = await startPrivateBus();
  const vms = [
    { uuid: TWO, properties: { name: 'Off', domid: -1, state: 'stopped' } },
    { uuid: THREE, properties: { name: 'Later', domid: 12, state: 'running' } },
    {
      uuid: ONE,
      properties: { name: 'Début', domid: 7, state: 'running', memory: 512 },
      methods: {
        start: () => undefined,
        set_db_key: (key: string, value: string) => void calls.push(['set_db_key', key, value]),
        list_net_firewall_rules: () => [
          new Map([
            ['id', '1'],
            ['a-key-that-is-longer-than-its-column', 'x'],
          ]),
          new Map(),
        ],
        delete: () => {
          throw new DbusError(STANDARD_ERROR.failed, '204:cannot remove running VM');
        },
      },
      disks: [{ 'phys-path': '/storage/a.vhd', 'utilization-bytes': 5_000_000_000n }, {}],
      nics: [{ mac: 'auto' }],
    },
  ];
  service = await startStandIn(bus.address, vms, {
    list_templates: () => [],
    create_vhd: (sizeMb: number) => `/storage/disks/${sizeMb}.vhd`,
  });
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await bus[Symbol.asyncDispose]();
});

interface Result {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function run(command: typeof runXec, words: readonly string[]): Promise<Result> {
  let out = '';
  let err = '';
  const status = await command({
    words: [`--bus=${bus.address}`, ...words],
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    signal: new AbortController().signal,
  });
  return { status, out, err };
}

const xec = (...words: string[]): Promise<Result> => run(runXec, words);
const xecVm = (...words: string[]): Promise<Result> => run(runXecVm, words);
const done = (out: string): Result => ({ status: 0, out, err: '' });
const failed = (err: string): Result => ({ status: 1, out: '', err: `${err}\n` });

describe('the output is that of the old clients', () => {
  test('xec-vm without a VM prints the table, by domid, the stopped ones last', async () => {
    expect(await xecVm('-q')).toEqual(
      done(
        [
          ' ID  | Name               | UUID                                 | State     ',
          '-----+--------------------+--------------------------------------+--------',
          `   7 | Début              | ${ONE} | running   `,
          `  12 | Later              | ${THREE} | running   `,
          `     | Off                | ${TWO} | stopped   `,
          '',
        ].join('\n'),
      ),
    );
  });

  test('a property is its value on a line', async () => {
    expect(await xecVm('-n', 'Début', 'get', 'memory')).toEqual(done('512\n'));
    expect(await xec('-o', ONE_PATH, '-g', 'name')).toEqual(done('Début\n'));
    expect(await xecVm('-n', 'Début', '-k', '0', 'get', 'utilization-bytes')).toEqual(
      done('5000000000\n'),
    );
    expect(await xecVm('-d', '7', '-c', '0', '--get', 'mac')).toEqual(done('auto\n'));
  });

  test('a list is one element a line, and an empty one an empty line', async () => {
    expect(await xecVm('-u', ONE, '--list-disks')).toEqual(
      done(`${ONE_PATH}/disk/0\n${ONE_PATH}/disk/1\n`),
    );
    expect(await xecVm('-o', ONE_PATH, '--list-nics')).toEqual(done(`${ONE_PATH}/nic/0\n`));
    expect(await xec('list-templates')).toEqual(done('\n'));
  });

  test('a dictionary has a key of 30 characters, indented by two, between braces', async () => {
    expect(await xecVm('-n', 'Début', 'list-net-firewall-rules')).toEqual(
      done(
        [
          '{',
          '  "id"                           = 1',
          '  "a-key-that-is-longer-than-its-column" = x',
          '}',
          '{',
          '}',
          '',
        ].join('\n'),
      ),
    );
  });

  test('getall prints each interface that has properties, with names of 35 characters', async () => {
    expect(await xecVm('-n', 'Début', '-c', '0', 'getall')).toEqual(
      done(
        [
          'com.citrix.xenclient.vmnic',
          '{',
          '  "backend-name"                      = ',
          '  "backend-uuid"                      = ',
          '  "enabled"                           = false',
          '  "mac"                               = auto',
          '  "mac-actual"                        = ',
          '  "model"                             = ',
          '  "network"                           = ',
          '  "wireless-driver"                   = false',
          '}',
          '',
        ].join('\n'),
      ),
    );
  });

  test('without a command it prints what the object has', async () => {
    const { out } = await xecVm('-n', 'Début', '-k', '1');
    expect(out.split('\n\n')[0]).toBe(
      [
        '/------- com.citrix.xenclient.vmdisk',
        '|     -  backend-name                 readwrite:s',
        '|     -  backend-uuid                 readwrite:s',
        '|     -  devtype                      readwrite:s',
        '|     -  enabled                      readwrite:b',
        '|     -  encryption-key-set           read:b',
        '|     -  managed-disktype             readwrite:s',
        '|     -  mode                         readwrite:s',
        '|     -  phys-path                    readwrite:s',
        '|     -  phys-type                    readwrite:s',
        '|     -  shared                       readwrite:b',
        '|     -  snapshot                     readwrite:s',
        '|     -  utilization-bytes            read:x',
        '|     -  virt-path                    readwrite:s',
        '|     -  virtual-size-mb              read:i',
        '|     +  attach-phy                   ( phy_path:s )',
        '|     +  attach-vhd                   ( vhd_path:s )',
        '|     +  delete                       (  )',
        '|     +  generate-crypto-key          ( keysize:i )',
        '|     +  generate-crypto-key-in       ( keysize:i, dirpath:s )',
        '|     +  mount                        ( dirpath:s, readonly:b )',
        '|     +  umount                       (  )',
      ].join('\n'),
    );
    expect(out.endsWith('value:v )\n\n')).toBe(true);
    expect(out).toContain(
      '|     +  Get                          ( interface_name:s, property_name:s, OUT value:v )',
    );
  });

  test('lists have a name a line, methods with dashes, and ignore what follows', async () => {
    const words = ['-o', `${ONE_PATH}/disk/0`, '-i', 'com.citrix.xenclient.vmdisk'];
    expect((await xec('-q', '--list-methods', ...words, 'att')).out).toBe(
      'attach-phy\nattach-vhd\ndelete\ngenerate-crypto-key\ngenerate-crypto-key-in\nmount\numount\n',
    );
    expect((await xec('--list-properties', ...words)).out.split('\n').slice(0, 2)).toEqual([
      'backend-name',
      'backend-uuid',
    ]);
    expect((await xec('--list-interfaces', '-o', '/host')).out).toBe(
      [
        'com.citrix.xenclient.xenmgr.host',
        'com.citrix.xenclient.xenmgr.installer',
        'com.citrix.xenclient.xenmgr.powersettings',
        'org.freedesktop.DBus.Peer',
        'org.freedesktop.DBus.Introspectable',
        'org.freedesktop.DBus.Properties',
        '',
      ].join('\n'),
    );
  });

  test('a call without results prints nothing, and so does a set', async () => {
    expect(await xecVm('-n', 'Début', 'start')).toEqual(done(''));
    expect(await xecVm('-n', 'Début', 'set', 'memory', '768')).toEqual(done(''));
    expect(service.valuesOf(ONE)).toMatchObject({ memory: 768 });
    expect(await xecVm('-n', 'Début', '-x', 'memory', '512')).toEqual(done(''));
    expect(service.valuesOf(ONE)).toMatchObject({ memory: 512 });
  });
});

describe('words and options', () => {
  test('dashes and underscores in the name of a method are the same', async () => {
    expect(await xec('create-vhd', '5')).toEqual(done('/storage/disks/5.vhd\n'));
    expect(await xec('create_vhd', '5')).toEqual(done('/storage/disks/5.vhd\n'));
  });

  test('an argument that looks like an option or a selector is an argument', async () => {
    expect(await xecVm('-n', 'Début', 'set-db-key', '-n', '--json')).toEqual(done(''));
    expect(calls.at(-1)).toEqual(['set_db_key', '-n', '--json']);
    expect(await xecVm('-n', 'Début', 'set', 'description', '-q')).toEqual(done(''));
    expect(service.valuesOf(ONE)).toMatchObject({ description: '-q' });
  });

  test('what the command cannot take is an option at the end', async () => {
    expect(await xec('create-vhd', '5', '--json')).toEqual(done('"/storage/disks/5.vhd"\n'));
    expect(await xecVm('get', 'name', '--domid', '7')).toEqual(done('Début\n'));
    expect(await xecVm('set-db-key', 'a', 'b', '-n', 'Début')).toEqual(done(''));
    expect(calls.at(-1)).toEqual(['set_db_key', 'a', 'b']);
    expect(await xec('--', 'create-vhd', '5', '--json')).toEqual(
      failed('xec: method create-vhd expects 1 args, but 2 were given; it takes size_mb:i'),
    );
  });

  test('of options that are given twice the first counts', async () => {
    expect(await xec('-o', ONE_PATH, '-o', '/host', 'get', 'name')).toEqual(done('Début\n'));
  });

  test('--path and --object are the same', async () => {
    expect(await xecVm('--path', ONE_PATH, 'get', 'name')).toEqual(done('Début\n'));
    expect(await xecVm('--object', ONE_PATH, 'get', 'name')).toEqual(done('Début\n'));
  });
});

describe('JSON', () => {
  test('of the table has what scripts need', async () => {
    const { out } = await xecVm('--json');
    expect(JSON.parse(out)).toEqual([
      { domid: 7, name: 'Début', uuid: ONE, state: 'running', path: ONE_PATH },
      { domid: 12, name: 'Later', uuid: THREE, state: 'running', path: expect.any(String) },
      { domid: null, name: 'Off', uuid: TWO, state: 'stopped', path: expect.any(String) },
    ]);
  });

  test('of results is the value, and null when there is none', async () => {
    expect((await xecVm('--json', '-n', 'Début', 'get', 'memory')).out).toBe('512\n');
    expect((await xecVm('--json', '-n', 'Début', 'start')).out).toBe('null\n');
    expect((await xec('--json', 'list-templates')).out).toBe('[]\n');
    expect((await xec('--json', '-o', '/host', 'get', 'build-info')).out).toBe('{"version":"1"}\n');
    const { out } = await xecVm('-n', 'Début', '-c', '0', 'getall', '--json');
    expect(JSON.parse(out)).toMatchObject({ 'com.citrix.xenclient.vmnic': { mac: 'auto' } });
  });

  test('of what an object has names members, arguments and types', async () => {
    const { out } = await xec('--json', '-i', 'com.citrix.xenclient.xenmgr.guestreq');
    expect(JSON.parse(out)).toEqual([
      {
        name: 'com.citrix.xenclient.xenmgr.guestreq',
        properties: [],
        methods: [{ name: 'request_attention', in: [], out: [] }],
        signals: [
          {
            name: 'requested_attention',
            args: [
              { name: 'uuid', type: 's' },
              { name: 'obj_path', type: 'o' },
            ],
          },
        ],
      },
    ]);
  });

  test('of an error has its code and the historical number', async () => {
    const { status, err } = await xecVm('--json', '-n', 'Début', 'delete');
    expect(status).toBe(1);
    expect(JSON.parse(err)).toEqual({
      error: {
        code: 'DBUS_ERROR',
        name: STANDARD_ERROR.failed,
        number: 204,
        message: '204:cannot remove running VM',
      },
    });
  });
});

describe('what goes wrong is told on standard error, with status 1', () => {
  test('an error reply is its name and its text', async () => {
    expect(await xecVm('-n', 'Début', 'delete')).toEqual(
      failed('org.freedesktop.DBus.Error.Failed: 204:cannot remove running VM'),
    );
  });

  test.each([
    [['-n', 'Debut', 'start'], `vm 'Debut' not found; did you mean "Début"?`],
    [['-d', '99', 'start'], `vm '99' not found`],
    [['-d', 'x', 'start'], 'a domid is a whole number, not "x"'],
    [['start'], 'which VM is meant? say it with --name, --uuid, --domid or --path'],
    [
      ['-u', 'x', 'start'],
      'A uuid has the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in hexadecimal, not "x"',
    ],
    [['-k', '0'], 'which VM is meant? say it with --name, --uuid, --domid or --path'],
    [['--nam', 'x'], 'there is no option "--nam"; did you mean "--name"?'],
    [['-n'], 'option --name is followed by NAME'],
    [['-n', 'Off', 'get'], 'get takes one PROPERTY'],
    [['-n', 'Off', 'set', 'x'], 'set takes one PROPERTY and its VALUE'],
    [['-n', 'Off', 'getall', 'x'], 'nothing follows getall'],
  ])('xec-vm %j', async (words, message) => {
    expect(await xecVm(...words)).toEqual(failed(`xec-vm: ${message}`));
  });

  test.each([
    [['creat-vm'], 'method creat-vm not found in any of the interfaces; did you mean "create-vm"?'],
    [
      ['-o', ONE_PATH, 'get', 'memry'],
      'property memry not found in any of the interfaces; did you mean "memory"?',
    ],
    [
      ['-i', 'com.citrix.xenclient.xenmgr', 'enforce'],
      'method enforce not found in interface com.citrix.xenclient.xenmgr',
    ],
    [
      ['-i', 'com.citrix.xenclient.xenmg', 'enforce'],
      'interface com.citrix.xenclient.xenmg not found; did you mean "com.citrix.xenclient.xenmgr"?',
    ],
    [
      ['create-vhd', '1.5'],
      'error parsing argument 1 (size_mb): expected a whole number from -2147483648 to 2147483647, and no more at character 2, not "1.5" (type i)',
    ],
    [
      ['-o', ONE_PATH, 'set', 'domid', 'x'],
      'error parsing the value of domid: expected a whole number from -2147483648 to 2147483647, not "x" (type i)',
    ],
    [
      ['-t', '5', 'list-vms'],
      'the bus of another domain is reached over argo, which this client cannot; forward it to a socket and give that to --bus',
    ],
    [['create-vhd'], 'method create-vhd expects 1 args, but 0 were given; it takes size_mb:i'],
    [
      ['--timeout', 'x', 'create-vhd', '5'],
      '--timeout takes a number of seconds up to 2147483, not "x"',
    ],
  ])('xec %j', async (words, message) => {
    expect(await xec(...words)).toEqual(failed(`xec: ${message}`));
  });

  test('an object that is not there', async () => {
    expect(await xec('-o', '/nowhere')).toMatchObject({
      status: 1,
      out: '',
      err: expect.stringMatching(/^org\.freedesktop\.DBus\.Error\.UnknownObject: /),
    });
  });

  test('no bus', async () => {
    let err = '';
    const status = await runXec({
      words: ['--bus', 'unix:path=/nonexistent', 'list-vms'],
      out: () => undefined,
      err: (text) => void (err += text),
      signal: new AbortController().signal,
    });
    expect(status).toBe(1);
    expect(err).toMatch(
      /^xec: Cannot connect to the bus; .* \(address: unix:path=\/nonexistent\): /,
    );
  });

  test('a service that is not there', async () => {
    expect(await xec('-s', 'com.example.None', 'x')).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^org\.freedesktop\.DBus\.Error\.ServiceUnknown: /),
    });
  });
});

describe('other services', () => {
  test('are used by what they say of themselves', async () => {
    const names = (await xec('-s', 'org.freedesktop.DBus', 'ListNames')).out.split('\n');
    expect(names).toContain('com.citrix.xenclient.xenmgr');
    const { out } = await xec('-s', 'org.freedesktop.DBus', 'NameHasOwner', 'a.b');
    expect(out).toBe('false\n');
    expect(
      (await xec('-s', 'org.freedesktop.DBus', '-o', '/org/freedesktop/DBus', 'get', 'Features'))
        .status,
    ).toBe(0);
  });
});

describe('help', () => {
  test('tells how to use the program, with status 0', async () => {
    const { status, out } = await xec('--help');
    expect(status).toBe(0);
    expect(out).toMatch(/^Usage: xec \[OPTIONS\] get PROPERTY/);
    expect(out).toContain('  -o, --object PATH ');
    expect(out).toContain('  com.citrix.xenclient.xenmgr.host\n      The host and its devices.');
    expect((await xecVm('-h')).out).toContain('  -o, --object, --path PATH ');
  });

  test('tells what the IDL says about a member', async () => {
    expect((await xec('create-vhd', '--help')).out).toBe(
      [
        'method create-vhd, of com.citrix.xenclient.xenmgr',
        '',
        '  Creates an empty VHD image and gives its path. Fails when the image cannot be made.',
        '',
        '  in  size_mb:i  In MiB.',
        '  out path:o',
        '',
      ]
        .join('\n')
        .replace('path:o', 'path:s'),
    );
    expect((await xecVm('--help', 'mac-actual')).out).toBe(
      'property mac-actual (s, read), of com.citrix.xenclient.vmnic\n\n' +
        '  MAC address in use. Error 222 when the interface is gone.\n',
    );
    expect((await xec('--help', 'com.citrix.xenclient.vmnic')).out).toContain('  method delete ');
    expect(await xec('--help', 'stat')).toMatchObject({
      status: 1,
      err: expect.stringContaining('did you mean "state"'),
    });
  });
});
