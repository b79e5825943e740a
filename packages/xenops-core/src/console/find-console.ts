/** Where the consoles of a domain are: terminals of Dom0 that xenconsoled, or the device model, offers. */
import { getDomain } from '../domain/record.ts';
import { adoptDeviceModel } from '../dm/device-model.ts';
import { DeviceError, hasCode } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import type { WaitOptions } from '../lifetime/deadline.ts';
import { deviceFrontendPath, domainPath, RELEASE_DOMAIN } from '../xenstore/path.ts';
import { waitFor } from '../xenstore/wait.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import { terminalPath } from './terminal-path.ts';

export interface ConsoleChoice {
  /** `pv`: the paravirtual console; `serial`: the serial port that the device model emulates. */
  readonly kind: 'pv' | 'serial';
  /** Which of them; 0 is the first. */
  readonly number: number;
}

/** The console that a domain speaks on unless told otherwise. Rejects with DOMAIN_NOT_FOUND. */
export async function defaultConsole(host: Host, domid: Domid): Promise<ConsoleChoice> {
  const { guestType } = await getDomain(host, domid);
  return { kind: guestType === 'hvm' ? 'serial' : 'pv', number: 0 };
}

/** The terminal of a console. Rejects with DOMAIN_NOT_FOUND, or DEVICE_NOT_FOUND when it has no such console, or not yet. */
export async function getConsole(
  host: Host,
  domid: Domid,
  choice: ConsoleChoice,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  await getDomain(host, domid);
  const found =
    choice.kind === 'pv'
      ? await findTerminal(host.store, ttyPath(domid, choice.number))
      : await serialTerminal(host, domid, choice.number, signal);
  if (found !== undefined) return found;
  throw new DeviceError('DEVICE_NOT_FOUND', {
    message: `Domain ${domid} has no ${choice.kind === 'pv' ? 'console' : 'serial port'} ${choice.number} with a terminal, or not yet`,
    context: { domid, kind: choice.kind, number: choice.number },
  });
}

/** The same, waited for. Rejects with DOMAIN_NOT_FOUND also when the domain goes meanwhile, TIMEOUT or ABORTED. */
export async function waitForConsole(
  host: Host,
  domid: Domid,
  choice: ConsoleChoice,
  options: WaitOptions,
): Promise<string> {
  const node = choice.kind === 'pv' ? ttyPath(domid, choice.number) : domainPath(domid, 'serial');
  return waitFor(
    host.store,
    {
      what: `the ${choice.kind === 'pv' ? 'console' : 'serial port'} ${choice.number} of domain ${domid}`,
      paths: [node, RELEASE_DOMAIN],
      look: async () => {
        try {
          return await getConsole(host, domid, choice, options);
        } catch (error) {
          if (hasCode(error, 'DEVICE_NOT_FOUND')) return undefined;
          throw error;
        }
      },
    },
    { ...options, clock: options.clock ?? host.services.clock },
  );
}

function ttyPath(domid: Domid, number: number): string {
  if (number === 0) return domainPath(domid, 'console/tty');
  const address = { frontend: domid, kind: 'console', devid: number };
  return `${deviceFrontendPath({ ...address, backend: domid, backendKind: 'console' })}/tty`;
}

async function findTerminal(tree: XenStoreTree, path: string): Promise<string | undefined> {
  const value = await tree.find(path);
  return value === undefined || value === ''
    ? undefined
    : terminalPath(value, await tree.getPermissions(path));
}

/** Asked of the device model itself, and believed only where it names a terminal. */
async function serialTerminal(
  host: Host,
  domid: Domid,
  number: number,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  await using model = await adoptDeviceModel(host, domid, { signal });
  return (await model?.serialTerminals({ signal }))?.get(number);
}
