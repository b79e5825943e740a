/** `xec-vm`: VMs, their disks and network interfaces, from a shell. */
import { vmUuid } from '@xenops/core/ids';
import { Xenmgr, type VmSelector } from '../client/xenmgr.ts';
import { readAction, type Help, type Misfit, type ObjectAction } from './action.ts';
import type { CommandContext } from './command-context.ts';
import { usageError, XecError } from './errors.ts';
import type { ObjectTarget, Session } from './object-interfaces.ts';
import { valueOf, type GivenOptions, type Reading } from './options.ts';
import { perform } from './perform.ts';
import { runProgram, type Program } from './run-program.ts';
import { didYouMean } from './suggest.ts';
import { vmTable } from './vm-table.ts';
import { settingsOf } from './xec-options.ts';
import { VM_SELECTORS, XEC_VM_OPTIONS } from './xec-vm-options.ts';

/** Without a VM, and without anything to do with it. */
interface ListVms {
  readonly kind: 'list-vms';
}

const XEC_VM: Program<ObjectAction | ListVms> = {
  help: {
    name: 'xec-vm',
    usage: [
      '[OPTIONS]',
      'VM [OPTIONS] get PROPERTY | set PROPERTY VALUE | getall | METHOD [ARGUMENT...]',
    ],
    text:
      'Uses a VM, or one of its disks or network interfaces. Without a VM it lists all VMs; without a command it\n' +
      'shows what the object has.',
    options: XEC_VM_OPTIONS,
  },
  readAction: readVmAction,
  async perform(session, { action, given }) {
    if (action.kind === 'list-vms') {
      return vmTable(await xenmgrOf(session, given).listVms(session.options));
    }
    return perform(session, await findTarget(session, given), action);
  },
};

/** Runs `xec-vm` and gives its exit status: 0, 1 with the reason on standard error, or 130 when interrupted. */
export async function runXecVm(context: CommandContext): Promise<number> {
  return runProgram(XEC_VM, context);
}

function readVmAction(reading: Reading): ObjectAction | ListVms | Help | Misfit {
  const { given } = reading;
  const action = readAction(reading);
  if (action.kind === 'help') return action;
  const list = DEVICE_LISTS.find((name) => given.has(name));
  if (list !== undefined) return { kind: 'call', method: list, args: [] };
  return action.kind === 'describe' && !saysWhich(given) ? { kind: 'list-vms' } : action;
}

const DEVICE_LISTS = ['list-disks', 'list-nics'] as const;
const DEVICES = ['disk', 'nic'] as const;

function saysWhich(given: GivenOptions): boolean {
  return [...VM_SELECTORS.map(({ name }) => name), ...DEVICES].some((name) => given.has(name));
}

async function findTarget(session: Session, given: GivenOptions): Promise<ObjectTarget> {
  const { busName, interfaceName } = settingsOf(given);
  const vm = await findVmPath(session, given);
  const isList = DEVICE_LISTS.some((name) => given.has(name));
  const device = isList ? undefined : DEVICES.find((name) => given.has(name));
  const path = device === undefined ? vm : `${vm}/${device}/${valueOf(given, device) ?? ''}`;
  return { busName, path, interfaceName };
}

async function findVmPath(session: Session, given: GivenOptions): Promise<string> {
  const object = valueOf(given, 'object');
  if (object !== undefined) return object;
  const xenmgr = xenmgrOf(session, given);
  const { selector, text } = selectorOf(given);
  const vm = await xenmgr.findVm(selector, session.options);
  if (vm !== undefined) return vm.path;
  const vms = 'name' in selector ? await xenmgr.listVms(session.options) : [];
  const names = vms.map(({ name }) => name);
  throw new XecError('XEC_NO_VM', { message: `vm '${text}' not found${didYouMean(text, names)}` });
}

/** Which VM the options mean, and the text that says so. Throws XEC_NO_VM when none does. */
function selectorOf(given: GivenOptions): { selector: VmSelector; text: string } {
  const name = valueOf(given, 'name');
  if (name !== undefined) return { selector: { name }, text: name };
  const uuid = valueOf(given, 'uuid');
  if (uuid !== undefined) return { selector: { uuid: vmUuid(uuid) }, text: uuid };
  const domid = valueOf(given, 'domid');
  if (domid === undefined) {
    throw new XecError('XEC_NO_VM', {
      message: 'which VM is meant? say it with --name, --uuid, --domid or --path',
    });
  }
  if (!/^\d{1,5}$/.test(domid)) throw usageError(`a domid is a whole number, not "${domid}"`);
  return { selector: { domid: Number(domid) }, text: domid };
}

function xenmgrOf({ bus }: Session, given: GivenOptions): Xenmgr {
  return new Xenmgr(bus, settingsOf(given).busName);
}
