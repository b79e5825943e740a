import { key, type KeyTable } from '../config-key.ts';
import { listOf, optional } from '../value-type.ts';
import { BOOLEAN, integer, oneOf, ROOTED_PATH, textLike, UUID } from '../values/plain.ts';
import { NOTIFY, STARTUP } from '../values/small.ts';
import { END_ACTIONS, type MonitorConfig } from '../vm-config.ts';

const NAME = textLike(
  'name',
  /^(?!\d+$)[^\s/\p{Cc}]{1,255}$/u,
  'a name: up to 255 characters without spaces and slashes, and no number alone',
);
const NODE = textLike(
  'node',
  /^[\w.@-]+(\/[\w.@-]+)*$/,
  'the path of a node below the root of the domain, such as vm-data/state',
);
const ACTION = oneOf(END_ACTIONS);
const SECONDS = integer(1, 86_400);

export const MONITOR_KEYS: KeyTable<MonitorConfig> = {
  uuid: key('uuid', optional(UUID), undefined, {
    applies: 'monitor',
    doc: 'Identity of the VM, where the command line does not give it.',
  }),
  name: key('name', optional(NAME), undefined, {
    doc: 'Name of the domain; Domain-N without one.',
  }),
  debug: key('debug', BOOLEAN, false, {
    applies: 'monitor',
    doc: 'Log to a file in place of syslog.',
  }),
  outputPath: key('output', optional(ROOTED_PATH), undefined, {
    applies: 'monitor',
    doc: 'That file.',
  }),
  skipMemoryCheck: key('no_mem_check', BOOLEAN, false, {
    doc: 'Start without a look at free memory; Xen still refuses what it does not have.',
  }),
  startup: key(
    'startup',
    STARTUP,
    { kind: 'started' },
    {
      applies: 'monitor',
      doc: 'What happens when the monitor starts: started, paused, shutdown, restore FILE, restore-del FILE (removes the file afterwards).',
    },
  ),
  notify: key('notify', NOTIFY, undefined, {
    applies: 'at-once',
    doc: 'Where notifications go: tcp,ADDRESS:PORT, tcp6,[ADDRESS]:PORT, unix,PATH, dbus; nowhere without it.',
  }),
  onHalt: key('on_halt', ACTION, 'destroy', {
    applies: 'at-once',
    doc: 'When the guest powers off: restart, destroy, or preserve (the dead domain stays).',
  }),
  onRestart: key('on_restart', ACTION, 'restart', {
    applies: 'at-once',
    doc: 'When the guest reboots. Its domain is taken down first, so that preserve means: stay down as rebooted.',
  }),
  onCrash: key('on_crash', ACTION, 'destroy', {
    applies: 'at-once',
    doc: 'When the guest crashes.',
  }),
  onWatchdog: key('on_watchdog', ACTION, 'destroy', {
    applies: 'at-once',
    doc: "When the guest's watchdog runs out.",
  }),
  onSoftReset: key('on_soft_reset', ACTION, 'restart', {
    applies: 'at-once',
    doc: 'When the guest asks for a soft reset, for kexec.',
  }),
  restartMinLifeSeconds: key('restart-min-life', integer(0, 86_400), 120, {
    unit: 's',
    applies: 'at-once',
    doc: 'A guest that ends sooner is restarted after a growing delay.',
  }),
  restartLimit: key('restart-limit', integer(0, 1000), 5, {
    applies: 'at-once',
    doc: 'After so many quick ends in a row it is preserved.',
  }),
  localWatches: key('extra-local-watch', listOf(NODE), [], {
    applies: 'at-once',
    doc: 'Nodes below the root of the domain whose changes are notified.',
  }),
  vmWatches: key('extra-vm-watch', listOf(NODE), [], {
    applies: 'at-once',
    doc: 'Nodes below /vm/UUID whose changes are notified.',
  }),
  acknowledgeTimeoutSeconds: key('acknowledge-timeout', SECONDS, 30, {
    unit: 's',
    applies: 'at-once',
    doc: 'What a guest gets to acknowledge a request to shut down.',
  }),
  shutdownTimeoutSeconds: key('shutdown-timeout', SECONDS, 1800, {
    unit: 's',
    applies: 'at-once',
    doc: 'What it then gets to shut down.',
  }),
  suspendTimeoutSeconds: key('suspend-timeout', SECONDS, 60, {
    unit: 's',
    applies: 'at-once',
    doc: 'What a guest gets to suspend itself.',
  }),
};
