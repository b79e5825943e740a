/**
 * How the contract test exercises each method of the D-Bus interfaces: with which arguments, and what it has to answer.
 * In the order of the calls, which build on each other.
 */
import { expect } from '@jest/globals';
import path from 'node:path';
import { domid } from '@xenops/core/ids';
import { domainPath } from '@xenops/core/xenstore/path';
import { CONTRACT_VM, OTHER_VM } from './contract-vms.test-helper.ts';
import { diskPath, nicPath, vmPath } from './objects/paths.ts';
import { MACHINE } from './testing/machine.test-helper.ts';
import type { ManagerBench } from './testing/manager-bench.test-helper.ts';

const XENMGR = 'com.citrix.xenclient.xenmgr';
const DB = 'com.citrix.xenclient.db';
const ROOT = '/';
const HOST = '/host';
const VM = vmPath(CONTRACT_VM);
const OTHER = vmPath(OTHER_VM);
const DISK = diskPath(CONTRACT_VM, 0);
const NIC = nicPath(CONTRACT_VM, 0);
const IS_VM_PATH: unknown = expect.stringMatching(/^\/vm\/[0-9a-f_]{36}$/);

type Arguments = readonly unknown[];

/** One call and what becomes of it. */
export interface Exercise {
  readonly object: string;
  readonly interface: string;
  readonly member: string;
  /** Those that need to know where the bench has put things are a function. */
  readonly args: readonly unknown[] | ((bench: ManagerBench) => Arguments | Promise<Arguments>);
  /** The answer: nothing, the value, or all values. */
  readonly answer?: unknown;
  /** The last word of the name of the error that is right instead. */
  readonly error?: string;
}

type Rest = Pick<Exercise, 'answer' | 'error'>;
type Row = readonly [member: string, args: Exercise['args'], rest?: Rest];

function on(object: string, owner: string, rows: readonly Row[]): readonly Exercise[] {
  return rows.map(([member, args, rest = {}]) => ({
    ...{ object, interface: owner, member, args },
    ...rest,
  }));
}

const gives = (answer: unknown): Rest => ({ answer });
const fails = (error: string): Rest => ({ error });

const DATABASE = on(ROOT, DB, [
  ['write', ['/demo/a', '1']],
  ['read', ['/demo/a'], gives('1')],
  ['exists', ['/demo/b'], gives(false)],
  ['list', ['/demo'], gives(['a'])],
  ['inject', ['/demo/c', '{"d": "2"}']],
  ['dump', ['/demo/c'], gives(expect.stringContaining('"d"'))],
  ['rm', ['/demo']],
  ['read_binary', ['/vm'], fails('Failed')],
]);

const LISTS = on(ROOT, XENMGR, [
  ['list_vms', [], gives([VM, OTHER])],
  ['list_domids', [], gives([])],
  ['list_templates', [], gives(expect.arrayContaining(['new-vm', 'new-vm-linux']))],
  ['list_child_service_vm_templates', [], gives([])],
  ['list_ui_templates', [], gives(expect.arrayContaining([expect.any(Map)]))],
  ['list_extension_packs', [], gives([])],
  ['find_vm_by_uuid', [CONTRACT_VM], gives(VM)],
  ['find_vm_by_uuid', ['12345678-0000-4000-8000-000000000000'], fails('NotFound')],
  ['find_vm_by_domid', [4711], fails('NotFound')],
]);

const CREATION = [
  ...on(ROOT, XENMGR, [
    ['create_vm', [], gives(IS_VM_PATH)],
    ['create_vm_with_template', ['new-vm-linux'], gives(IS_VM_PATH)],
    ['create_vm_with_template_and_json', ['', '{"name": "x"}'], gives(IS_VM_PATH)],
    [
      'create_vm_with_template_and_uuid',
      ['new-vm-empty', 'aaaaaaaa-0000-4000-8000-000000000001'],
      gives('/vm/aaaaaaaa_0000_4000_8000_000000000001'),
    ],
    ['create_vm_with_ui', ['new-vm', 'name', 'text', 'images/vm.png'], gives(IS_VM_PATH)],
    ['create_vhd', [64], gives(expect.stringMatching(/\.vhd$/))],
  ]),
  ...on(ROOT, `${XENMGR}.unrestricted`, [
    ['unrestricted_create_vm', [], gives(IS_VM_PATH)],
    [
      'unrestricted_create_vm_with_template_and_json',
      ['new-vm', '{"slot": "0"}'],
      gives(IS_VM_PATH),
    ],
    ['unrestricted_delete_vm', ['aaaaaaaa-0000-4000-8000-000000000001']],
  ]),
];

const ROOT_OTHERS = [
  ...on(ROOT, 'com.citrix.xenclient.policy', [
    ['enforce', [OTHER_VM, 'block-audio-rec;block-cd-access']],
    ['retrieve', [OTHER_VM], gives('block-cd-access;block-audio-rec')],
  ]),
  ...on(ROOT, `${XENMGR}.diag`, [
    ['save', ['all'], gives(expect.stringContaining('diagnostics-'))],
    ['gather', ['file', '00ff'], fails('NoDiagnosticsRunning')],
    ['create_status_report', [true, false, 's', 'd', 'r', 't'], gives('/report.tar.gz')],
    ['status_report_screen', [true], fails('VmNotReady')],
    ['taas_agree_terms', ['u', 'p', '1'], fails('NetworkDown')],
    ['taas_authenticate_credentials', ['u', 'p'], fails('NetworkDown')],
    ['taas_upload', ['u', 'p', '1', '/f'], fails('NetworkDown')],
  ]),
  // We are no guest: it has no effect, and says no more than that.
  ...on(ROOT, `${XENMGR}.guestreq`, [['request_attention', []]]),
  ...on(ROOT, `${XENMGR}.testing`, [
    ['script_queue', ['one']],
    ['script_dequeue', [], gives('one')],
    ['script_dequeue', [], fails('NotFound')],
  ]),
];

const HOST_METHODS = [
  ...on(HOST, `${XENMGR}.host`, [
    ['assign_cd_device', [MACHINE.cdDrive, true, CONTRACT_VM]],
    ['get_cd_device_assignment', [MACHINE.cdDrive], gives([true, CONTRACT_VM])],
    ['list_cd_devices', [], gives([expect.any(Map)])],
    ['eject_cd_device', [MACHINE.cdDrive]],
    ['configure_gpu_placement', [MACHINE.gpu, 3]],
    ['get_gpu_placement', [MACHINE.gpu], gives(3)],
    ['get_gpu_placement', ['0000:09:00.0'], fails('NoSuchGpu')],
    ['get_seconds_from_epoch', [], gives(expect.any(Number))],
    [
      'list_sound_cards',
      [],
      gives([new Map(Object.entries({ id: '0', name: 'HDA-Intel - HDA Intel PCH' }))]),
    ],
    ['list_playback_devices', [], gives([expect.any(Map)])],
    ['list_capture_devices', [], gives([expect.any(Map)])],
    ['list_sound_card_controls', ['0'], gives([expect.any(Map)])],
    ['get_sound_card_control', ['0', 'Master'], gives('50% on')],
    ['set_sound_card_control', ['0', 'Master', '70% on']],
    ['is_service_running', ['org.example.Nobody'], gives(false)],
    ['is_service_running', [XENMGR], gives(true)],
    [
      'list_disk_devices',
      [],
      gives([new Map(Object.entries({ udi: '/sys/block/sda', 'block-device': '/dev/sda' }))]),
    ],
    ['list_gpu_devices', [], gives([expect.any(Map), expect.any(Map)])],
    ['list_gpus_for_displayhandler', [], gives([expect.any(Map), expect.any(Map)])],
    ['set_displayhandler_gpu', [MACHINE.gpu]],
    ['get_displayhandler_gpu', [], gives('0')],
    ['list_isos', [], gives(['tools.iso'])],
    ['list_pci_devices', [], gives(Array.from({ length: 4 }, () => expect.any(Map)))],
    ['list_ui_plugins', ['tabs'], gives(['one.js'])],
    ['list_ui_plugins', ['../..'], fails('BadValue')],
    ['set_license', ['2040-01-31 12:00:00 UTC', 'device', 'f'.repeat(64)]],
  ]),
  ...on(HOST, `${XENMGR}.installer`, [
    ['get_eula', [], gives('Be kind.')],
    ['get_installstate', [], gives(expect.any(Map))],
    ['progress_installstate', ['eula-accepted']],
    ['progress_installstate', ['something-else'], fails('BadValue')],
  ]),
  ...on(HOST, `${XENMGR}.powersettings`, [
    ['set_ac_lid_close_action', ['sleep']],
    ['get_ac_lid_close_action', [], gives('sleep')],
    ['set_battery_lid_close_action', ['dance'], fails('BadValue')],
    ['set_battery_lid_close_action', ['shutdown']],
    ['get_battery_lid_close_action', [], gives('shutdown')],
  ]),
];

const SETTINGS = [
  ...on(VM, `${XENMGR}.vm`, [
    ['add_disk', [], gives(diskPath(CONTRACT_VM, 1))],
    ['list_disks', [], gives([DISK, diskPath(CONTRACT_VM, 1)])],
    ['add_nic', [], gives(nicPath(CONTRACT_VM, 1))],
    ['list_nics', [], gives([NIC, nicPath(CONTRACT_VM, 1)])],
    ['add_argo_firewall_rule', ['MYSELF -> 0:5000']],
    ['add_argo_firewall_rule', ['nonsense'], fails('BadFirewallRule')],
    ['list_argo_firewall_rules', [], gives(['myself -> 0:5000'])],
    ['delete_argo_firewall_rule', ['myself -> 0:5000']],
    ['add_net_firewall_rule', [7, 'in', '10.0.0.1', '']],
    ['add_net_firewall_rule', [7, 'up', '10.0.0.1', ''], fails('BadFirewallRule')],
    ['list_net_firewall_rules', [], gives([expect.any(Map)])],
    ['delete_net_firewall_rule', [7]],
    ['set_db_key', ['config.memory', '16']],
    ['get_db_key', ['config.memory'], gives('16')],
    ['set_domstore_key', ['a.b', 'c']],
    ['get_domstore_key', ['a.b'], gives('c')],
    ['read_icon', [], gives(new Uint8Array(Buffer.from('PNG')))],
    ['create_child_service_vm', ['nothing'], fails('BadValue')],
  ]),
  ...on(OTHER, `${XENMGR}.vm.auth`, [
    // The daemon of the dialogue is not there.
    ['auth', [], fails('PeerAbsent')],
    ['auth_required', [], gives(true)],
  ]),
  ...on(VM, `${XENMGR}.vm.pci`, [
    ['add_pt_rule', ['0x0300', '0x10de', 'any']],
    ['add_pt_rule_bdf', ['0000:01:00.1@1f']],
    ['list_pt_rules', [], gives([expect.any(Map), expect.any(Map)])],
    ['list_pt_pci_devices', [], gives([expect.any(Map), expect.any(Map)])],
    ['delete_pt_rule', ['0x0300', '0x10de', '']],
    ['delete_pt_rule_bdf', ['0000:01:00.1@1f']],
  ]),
  ...on(VM, `${XENMGR}.vm.product`, [
    ['list_product_properties', [], gives([expect.any(Map)])],
    ['set_product_property', ['port', '80']],
    ['set_product_property', ['port', '70000'], fails('BadValue')],
    ['get_product_property', ['port'], gives('80')],
    ['get_ovf_env_xml', [], gives(expect.stringContaining('oe:value="80"'))],
  ]),
];

const DEVICES = [
  ...on(DISK, 'com.citrix.xenclient.vmdisk', [
    ['attach_phy', ['/dev/demo']],
    ['attach_vhd', (bench) => [path.join(bench.places.disks, 'demo.vhd')]],
    ['generate_crypto_key_in', [256, '/no/such/folder'], fails('BadValue')],
    ['generate_crypto_key_in', (bench) => [256, path.join(bench.places.config, 'keys')]],
    ['generate_crypto_key', [100], fails('BadValue')],
    ['mount', (bench) => [bench.folder, true], fails('BadValue')],
    ['mount', (bench) => [path.join(bench.places.mounts, 'demo'), true]],
    ['umount', []],
    ['umount', [], fails('BadValue')],
  ]),
  ...on(diskPath(CONTRACT_VM, 1), 'com.citrix.xenclient.vmdisk', [['delete', []]]),
  ...on(nicPath(CONTRACT_VM, 1), 'com.citrix.xenclient.vmnic', [['delete', []]]),
];

/** As a guest that is shown says. */
async function isShown({ host, manager }: ManagerBench): Promise<Arguments> {
  const node = domainPath(domid(manager.life.domid(CONTRACT_VM)), 'switcher', 'ready');
  await host.store.write(node, 'true');
  return [];
}

/** The reboot goes on after its call has ended. */
async function isBackAgain(bench: ManagerBench): Promise<Arguments> {
  await bench.until(() => bench.manager.life.publicState(CONTRACT_VM) === 'running');
  return [];
}

const LIFE = on(VM, `${XENMGR}.vm`, [
  ['start', []],
  ['start', []],
  ['pause', []],
  ['unpause', []],
  ['switch', isShown, fails('PeerAbsent')],
  ['sleep', [], fails('NeedsPvAddons')],
  // It does not sleep.
  ['resume', [], fails('CannotWake')],
  ['suspend_to_file', (bench) => [path.join(bench.places.memoryImages, 'image')]],
  ['resume_from_file', (bench) => [path.join(bench.places.memoryImages, 'image')]],
  ['reboot', []],
  ['hibernate', isBackAgain, fails('NeedsPvAddons')],
  ['shutdown', []],
  ['start_internal', []],
  ['delete', [], fails('CannotRemoveRunning')],
  ['destroy', []],
]);

/** The host is simulated: what is run for its power is nothing. */
const POWER = on(HOST, `${XENMGR}.host`, [
  ['sleep', []],
  ['hibernate', []],
  ['shutdown', []],
  ['reboot', []],
  ['shutdown_idle', []],
]);

const END = on(OTHER, `${XENMGR}.vm`, [['delete', []]]);

/** All of them. */
export const EXERCISES: readonly Exercise[] = [
  ...DATABASE,
  ...LISTS,
  ...CREATION,
  ...ROOT_OTHERS,
  ...HOST_METHODS,
  ...SETTINGS,
  ...DEVICES,
  ...LIFE,
  ...POWER,
  ...END,
];
