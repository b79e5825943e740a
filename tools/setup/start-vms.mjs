// The second half of `npm start`: a bus of its own, the service of the host on it with its monitor of VMs, and two VMs
// from a template, one of which needs the other. Works through commands alone, so that it is the same on every host.
import { StageError } from './stages.mjs';

const SERVICE = 'com.citrix.xenclient.xenmgr';
const VM_INTERFACE = `${SERVICE}.vm`;

const BUS_CONFIG = `<busconfig>
  <type>system</type>
  <listen>unix:path=FOLDER/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
`;

/** What leads programs to the bus and the monitor in that folder. */
export function serviceEnvironment(folder) {
  return {
    DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${folder}/bus`,
    XENVM_SOCKET_DIR: `${folder}/xenvm`,
  };
}

/** Starts bus and service in a folder of the host; `run` runs a command there and gives its outcome. */
export async function startServices({ run, folder, show }) {
  const config = BUS_CONFIG.replace('FOLDER', folder);
  const script = [
    'set -e',
    'mkdir -p "$1" "$1/xenvm" "$1/xenmgr/storage"',
    'chmod 700 "$1"',
    'printf %s "$2" > "$1/bus.conf"',
    'dbus-daemon --config-file="$1/bus.conf" --fork --nopidfile --nosyslog --print-pid > "$1/bus.pid"',
  ].join('\n');
  await expectDone(run, ['sh', '-c', script, 'sh', folder, config]);
  show(`\nA bus listens on ${folder}/bus, and the service of the host on it:\n`);
  const words = ['xenmgr', '--root', `${folder}/xenmgr`, `--writepid=${folder}/xenmgr.pid`];
  await expectDone(run, words);
}

/** Ends what `startServices` has started; guests are stopped before. */
export async function stopServices({ run, folder }) {
  await run(['sh', '-c', 'kill "$(cat "$1/xenmgr.pid")"', 'sh', folder]);
  await run(['xenvm-cmd', 'control', 'quit']);
  await run(['sh', '-c', 'kill "$(cat "$1/bus.pid")"', 'sh', folder]);
}

async function expectDone(run, words) {
  const { status, stdout, stderr } = await run(words);
  if (status !== 0) throw new StageError(`${words[0]} ended with ${status}: ${stdout}${stderr}`);
}

/** The settings of a VM as JSON, on top of the empty template. */
function vmJson({ name, memory, kernel, ramdisk, ...others }) {
  const config = {
    'virt-type': 'pv',
    memory: String(memory),
    kernel,
    ...(ramdisk === undefined ? {} : { initrd: ramdisk }),
    cmdline: 'console=hvc0',
  };
  return JSON.stringify({ name, config, ...others });
}

/** Makes, starts, shows and stops the two VMs. `shown` shows a command with its result. */
export async function vmStory({ shown, kernel, ramdisk, isLeftRunning }) {
  const create = (vm) =>
    shown('xec', 'create-vm-with-template-and-json', 'new-vm-empty', vmJson(vm));
  const common = { kernel, ramdisk };
  await create({ ...common, name: 'storage', memory: 160 });
  const needed = await shown('xec-vm', '-n', 'storage', 'get', 'uuid');
  const path = await create({ ...common, name: 'desktop', memory: 192 });
  await shown('xec-vm', '-n', 'desktop', 'set', 'depends-on', needed);
  await shown('xec-vm');
  await shown('xec-vm', '-n', 'desktop', 'start');
  await shown('xec-vm');
  const get = ['org.freedesktop.DBus.Properties', 'Get', 'ss', VM_INTERFACE];
  await shown('busctl', 'call', SERVICE, path, ...get, 'state');
  await shown('xec-vm', '-n', 'desktop', 'get', 'dependencies');
  await shown('xenops', 'list_domains', '-v');
  if (isLeftRunning) return;
  await shown('xec-vm', '-n', 'desktop', 'shutdown');
  await shown('xec-vm', '-n', 'storage', 'shutdown');
  await shown('xec-vm');
}
