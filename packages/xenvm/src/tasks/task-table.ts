/**
 * The table of tasks: the one place that names them. What clients can call over JSON-RPC and D-Bus, the check of arguments, the check of
 * the state and the help are derived from it.
 */
import { STATE_NAMES, WITHOUT_DOMAIN, type LifeState } from '../life/states.ts';
import type { TaskCalls } from './task-calls.ts';
import {
  flag,
  maybeFlag,
  maybeText,
  number,
  numberOr,
  text,
  textOr,
  words,
  type TaskSpec,
} from './task.ts';

const ANY: readonly LifeState[] = STATE_NAMES;
/** There is a guest that runs, or could. */
const ALIVE: readonly LifeState[] = ['created', 'running', 'paused'];
/** Asking to stop what is stopped is fine, as it always was. */
const STOPPABLE: readonly LifeState[] = [...ALIVE, ...WITHOUT_DOMAIN, 'preserved'];
/** Where nothing is half made. */
const STABLE: readonly LifeState[] = [...ALIVE, ...WITHOUT_DOMAIN, 'preserved'];

const READ = {
  args: {},
  states: ANY,
  lane: 'read',
  answer: 'text',
  isCancellable: false,
  errors: [],
} as const;
const ACT = { states: ALIVE, lane: 'queue', answer: 'nothing', isCancellable: true } as const;
const EDIT = { states: ANY, lane: 'queue', answer: 'nothing', isCancellable: false } as const;

const START_ERRORS = [
  ...([
    'VM_NO_MEMORY',
    'VM_NEEDS_CAPABILITY',
    'VM_CONFIG_INCOMPLETE',
    'VM_NOT_SUPPORTED',
    'VM_OVERTAKEN',
  ] as const),
  ...(['DEVICE_FAILED', 'HOTPLUG_FAILED', 'DM_START_FAILED', 'TIMEOUT'] as const),
] as const;
const STOP_ERRORS = [
  'VM_NOT_LISTENING',
  'VM_WRONG_END',
  'VM_DID_NOT_SHUT_DOWN',
  'DOMAIN_LEFTOVERS',
] as const;

const MEDIUM_ERRORS = [
  ...(['VM_NO_DEVICE', 'DM_COMMAND_FAILED', 'DM_UNAVAILABLE'] as const),
  ...(['DEVICE_REFUSED', 'CONFIG_BAD_VALUE', 'HOTPLUG_FAILED'] as const),
] as const;

const LOCKED = 'Also when the guest has locked it in';
const DISK = 'Name of the disk in the guest, such as xvda';
const NIC = 'Number of the network interface';

export const TASKS: { readonly [Name in keyof TaskCalls]: TaskSpec<TaskCalls[Name]> } = {
  quit: {
    args: {},
    states: ANY,
    lane: 'read',
    answer: 'nothing',
    isCancellable: false,
    errors: [],
    doc: 'Ends the monitor; the VM goes on.',
  },
  destroy: {
    args: {},
    states: ANY,
    lane: 'overtake',
    answer: 'nothing',
    isCancellable: false,
    errors: ['DOMAIN_LEFTOVERS', 'TIMEOUT'],
    doc: 'Takes the domain away at once.',
  },
  halt: {
    ...ACT,
    args: { forced: flag(false, 'Do not ask the guest') },
    states: STOPPABLE,
    overtakesWith: 'forced',
    errors: STOP_ERRORS,
    doc: 'Shuts the guest down and takes its domain away.',
  },
  reboot: {
    ...ACT,
    args: {
      forced: flag(false, 'Do not ask the guest'),
      'auto-start': flag(false, 'Start it again; else it stays rebooted, for a manager to start'),
    },
    overtakesWith: 'forced',
    errors: [...STOP_ERRORS, ...START_ERRORS],
    doc: 'Shuts the guest down for a reboot.',
  },
  start: {
    ...ACT,
    args: { paused: flag(false, 'Leave the guest paused') },
    states: WITHOUT_DOMAIN,
    errors: START_ERRORS,
    doc: 'Starts the VM.',
  },
  pause: { ...ACT, args: {}, errors: [], doc: 'Stops the guest where it is.' },
  unpause: { ...ACT, args: {}, errors: [], doc: 'Lets the guest go on.' },
  suspend: {
    ...ACT,
    args: {
      live: flag(false, 'Copy most of the memory while the guest runs'),
      file: text('Image to write'),
    },
    states: ['running', 'paused'],
    errors: ['VM_NOT_SUPPORTED', 'STREAM_IO', 'TIMEOUT', 'DOMAIN_LEFTOVERS'],
    doc: 'Writes the guest to an image and takes its domain away.',
  },
  restore: {
    ...ACT,
    args: {
      file: text('Image to read'),
      paused: flag(false, 'Leave the guest paused'),
      delete: flag(true, 'Remove the image afterwards'),
    },
    states: WITHOUT_DOMAIN,
    errors: [...START_ERRORS, 'STREAM_INVALID', 'STREAM_NOT_SUPPORTED', 'STREAM_IO'],
    doc: 'Starts the VM from an image.',
  },
  checkpoint: {
    ...ACT,
    args: {
      file: text('Image to write'),
      live: flag(false, 'Copy most of the memory while the guest runs'),
    },
    states: ['running', 'paused'],
    errors: ['VM_NOT_SUPPORTED', 'STREAM_IO', 'TIMEOUT'],
    doc: 'Writes the guest to an image and lets it go on.',
  },
  s3suspend: {
    ...ACT,
    args: { timeout: numberOr(30, 'Seconds', { minimum: 1, maximum: 86_400 }) },
    states: ['running'],
    errors: ['VM_NOT_SUPPORTED', 'TIMEOUT'],
    doc: 'Has an HVM guest sleep (ACPI S3).',
  },
  s4suspend: {
    ...ACT,
    args: { timeout: numberOr(30, 'Seconds', { minimum: 1, maximum: 86_400 }) },
    states: ['running'],
    errors: ['VM_NOT_SUPPORTED', 'TIMEOUT', 'DOMAIN_LEFTOVERS'],
    doc: 'Has an HVM guest hibernate (ACPI S4).',
  },
  'get-domid': { ...READ, doc: 'The domid; -1 without a domain.' },
  'get-stubdomid': { ...READ, doc: "The domid of the device model's domain; -1 without one." },
  'get-status': { ...READ, doc: 'The state.' },
  'get-acpi-state': { ...READ, doc: '0 awake, 3 sleeping, 4 hibernated, 5 off.' },
  'get-vnc': { ...READ, doc: 'The port of the screen; empty without one.' },
  'get-info': {
    ...READ,
    answer: 'json',
    doc: 'Everything known about the VM: state and detail, domid, memory, vcpus, devices, what runs and waits.',
  },
  'get-config': {
    ...READ,
    answer: 'json',
    args: {
      which: textOr(
        'next',
        'current: what the running guest has; next: what its next boot will have',
      ),
    },
    doc: 'The configuration by key, secrets as stars.',
  },
  trigger: {
    ...ACT,
    args: {
      params: words('One of power, sleep, reset, nmi, init, s3resume', { isRequired: true }),
    },
    states: ['running', 'paused'],
    errors: ['VM_NOT_SUPPORTED'],
    doc: 'Presses a button of the guest.',
  },
  device: {
    ...EDIT,
    args: {
      type: text('disk, vbd, nic, vif or pci'),
      cmd: text('list, add, del or rm'),
      extra: words('A line as in the configuration (add), or what is to go (del)', {
        isRequired: false,
      }),
    },
    states: STABLE,
    answer: 'text',
    errors: ['VM_NO_DEVICE', 'VM_NOT_SUPPORTED'],
    doc: 'Lists, adds or removes a device.',
  },
  get: {
    ...READ,
    args: { field: text('A key of the configuration, or required-to-boot-kib') },
    errors: ['CONFIG_BAD_VALUE'],
    doc: 'A key as the next boot will have it. Memory is in KiB.',
  },
  set: {
    ...EDIT,
    args: { field: text('A key of the configuration'), value: text('Its value; lines for a list') },
    errors: ['CONFIG_BAD_VALUE'],
    doc: 'Changes a key for the next boot. Memory is in KiB.',
  },
  'disk-add': {
    ...EDIT,
    args: {
      path: text('On the host'),
      device: text(DISK),
      type: text('phy, file, vhd, qcow2, ...'),
      mode: text('r or w'),
      devtype: text('disk or cdrom'),
      now: flag(false, 'Give it to the running guest too'),
    },
    states: STABLE,
    errors: ['CONFIG_BAD_VALUE', 'DEVICE_EXISTS', 'DEVICE_FAILED', 'HOTPLUG_FAILED'],
    doc: 'Adds a disk: at the next boot, and now if wanted.',
  },
  'disk-del': {
    ...EDIT,
    args: { device: text(DISK), forced: flag(false, 'Do not wait for the guest to let go') },
    states: STABLE,
    errors: ['VM_NO_DEVICE', 'DEVICE_REFUSED', 'TIMEOUT'],
    doc: 'Removes a disk, from a running guest too.',
  },
  'disk-list': { ...READ, doc: 'The disks, a line each.' },
  'nic-add': {
    ...EDIT,
    args: {
      bridge: maybeText('Bridge or network'),
      mac: maybeText('Address; from the uuid without it'),
      model: maybeText('Emulated card'),
      now: flag(false, 'Give it to the running guest too'),
    },
    states: STABLE,
    errors: ['CONFIG_BAD_VALUE', 'DEVICE_FAILED', 'HOTPLUG_FAILED'],
    doc: 'Adds a network interface: at the next boot, and now if wanted.',
  },
  'nic-del': {
    ...EDIT,
    args: {
      id: number(NIC, { minimum: 0, maximum: 31 }),
      forced: flag(false, 'Do not wait for the guest to let go'),
    },
    states: STABLE,
    errors: ['VM_NO_DEVICE', 'DEVICE_REFUSED', 'TIMEOUT'],
    doc: 'Removes a network interface, from a running guest too.',
  },
  'nic-list': { ...READ, doc: 'The network interfaces as a table.' },
  'pci-add': {
    ...EDIT,
    args: {
      id: number('Group', { minimum: 0, maximum: 255 }),
      domain: number('Of its address', { minimum: 0, maximum: 0xffff }),
      bus: number('Of its address', { minimum: 0, maximum: 255 }),
      slot: number('Of its address', { minimum: 0, maximum: 31 }),
      func: number('Of its address', { minimum: 0, maximum: 7 }),
      msitranslate: maybeFlag('The key pci-msitranslate without it'),
      power_mgmt: maybeFlag('The key pci-power-management without it'),
      bind: flag(true, 'Take it from its driver first'),
      now: flag(false, 'Give it to the running guest too'),
    },
    states: STABLE,
    errors: [
      'CONFIG_BAD_VALUE',
      'DEVICE_NOT_FOUND',
      'DEVICE_EXISTS',
      'DEVICE_FAILED',
      'HOTPLUG_FAILED',
    ],
    doc: 'Adds a PCI device: at the next boot, and now if wanted.',
  },
  'pci-del': {
    ...EDIT,
    args: {
      domain: number('Of its address', { minimum: 0, maximum: 0xffff }),
      bus: number('Of its address', { minimum: 0, maximum: 255 }),
      slot: number('Of its address', { minimum: 0, maximum: 31 }),
      func: number('Of its address', { minimum: 0, maximum: 7 }),
      forced: flag(false, 'Do not wait for the guest to let go'),
    },
    states: STABLE,
    errors: ['VM_NO_DEVICE', 'DEVICE_REFUSED', 'DOMAIN_LEFTOVERS', 'TIMEOUT'],
    doc: 'Removes a PCI device, from a running guest too.',
  },
  'pci-list': { ...READ, doc: 'The PCI devices as a table.' },
  'cd-eject': {
    ...ACT,
    args: { virtpath: text(DISK), forced: flag(false, LOCKED) },
    errors: MEDIUM_ERRORS,
    doc: 'Takes the medium out of a CD drive.',
  },
  'cd-insert-file': {
    ...ACT,
    args: { virtpath: text(DISK), physpath: text('Image of a CD'), forced: flag(false, LOCKED) },
    errors: MEDIUM_ERRORS,
    doc: 'Puts an image into a CD drive.',
  },
  'cd-insert-real': {
    ...ACT,
    args: {
      virtpath: text(DISK),
      physpath: text('Drive of the host'),
      forced: flag(false, LOCKED),
    },
    errors: MEDIUM_ERRORS,
    doc: 'Shows a drive of the host in a CD drive.',
  },
  'nic-network-switch': {
    ...ACT,
    args: {
      id: number(NIC, { minimum: 0, maximum: 31 }),
      network: text('Network to connect it to'),
    },
    errors: ['VM_NO_DEVICE', 'HOTPLUG_FAILED', 'DEVICE_FAILED'],
    doc: 'Moves a network interface of a running guest to another network.',
  },
  'set-nic-backend-dom': {
    ...EDIT,
    args: {
      id: number(NIC, { minimum: 0, maximum: 31 }),
      domid: number('Domain that serves it', { minimum: 0, maximum: 0x7fef }),
    },
    states: STABLE,
    errors: ['VM_NO_DEVICE', 'DEVICE_FAILED'],
    doc: 'Has another domain serve a network interface.',
  },
  'set-mem-target': {
    ...ACT,
    args: { mb: number('MiB', { minimum: 1, maximum: 2 ** 32 }) },
    errors: ['CONFIG_BAD_VALUE'],
    doc: 'Has the guest balloon to this much memory.',
  },
  'set-vcpus': {
    ...ACT,
    args: { count: number('Of those it can have', { minimum: 1, maximum: 512 }) },
    errors: ['CONFIG_BAD_VALUE'],
    doc: 'Has the guest run on so many vcpus.',
  },
  'read-config': {
    ...EDIT,
    args: { path: maybeText('File; the one the monitor was started with, without it') },
    errors: ['CONFIG_BAD_VALUE'],
    doc: 'Reads the configuration for the next boot. A file with errors changes nothing.',
  },
  help: { ...READ, doc: 'The tasks and their arguments.' },
};
