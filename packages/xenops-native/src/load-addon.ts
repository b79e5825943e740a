/**
 * Finding the addon and the hypervisor, and saying in one sentence what is missing and how to get it. Nothing is loaded
 * before somebody asks: the package can be imported on any machine.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { HypervisorError } from '@xenops/core/errors';
import type { XenVersion } from '@xenops/core/hypervisor';
import { isAddon, type Addon, type AddonFailure, type XcInterface } from './addon.ts';
import { findAddonFailure } from './errno.ts';

/**
 * What stands between us and the hypervisor: `addon` is not built, or for another version of this package; `library` a
 * library of Xen that it was built with; `xen` the hypervisor itself, or its device; `permission` to use it; `release`
 * the running hypervisor is of another release than the libraries.
 */
export type MissingPart = 'addon' | 'library' | 'xen' | 'permission' | 'release';

export type Availability =
  | { readonly available: true; readonly version: XenVersion }
  | {
      readonly available: false;
      readonly missing: MissingPart;
      /** What was found, a sentence without its full stop. */
      readonly reason: string;
      /** What to do about it, likewise. */
      readonly remedy: string;
    };

/** Where the addon comes from; the built one unless a test says otherwise. */
export interface AddonSource {
  exists(): boolean;
  load(): unknown;
}

/** A loaded addon and its connection to a hypervisor that answers. */
export interface OpenedXen {
  readonly addon: Addon;
  readonly xc: XcInterface;
  readonly version: XenVersion;
}

const ADDON_PATH = fileURLToPath(new URL('../build/Release/xenops.node', import.meta.url));

export const BUILT_ADDON: AddonSource = {
  exists: () => existsSync(ADDON_PATH),
  load: () => createRequire(import.meta.url)(ADDON_PATH) as unknown,
};

const REMEDY: Readonly<Record<MissingPart, string>> = {
  addon: 'Install the headers of Xen (apt-get install libxen-dev) and run npx xenops-native-build',
  library:
    'Install the libraries of the Xen release that the addon was built for, or build it again here with npx xenops-native-build',
  xen: 'Run this in Dom0 of a machine that was booted with Xen, or use the embedded host (sim:)',
  permission: 'Run this as root in Dom0',
  release:
    'Install libxen-dev of the running Xen release and build the addon again with npx xenops-native-build',
};

/** Whether the hypervisor can be used from here, and if not, what is missing. */
export function isAvailable(source: AddonSource = BUILT_ADDON): Availability {
  try {
    const { addon, xc, version } = connect(source);
    addon.closeInterface(xc);
    return { available: true, version };
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    const { part, message: reason } = error;
    return { available: false, missing: part, reason, remedy: REMEDY[part] };
  }
}

/** Loads the addon, connects, and checks that Xen answers. Throws HYPERVISOR_UNAVAILABLE that names what is missing. */
export function openXen(source: AddonSource = BUILT_ADDON): OpenedXen {
  return withRemedy(() => connect(source));
}

/** The addon alone, for what needs no hypervisor. Throws HYPERVISOR_UNAVAILABLE that names what is missing. */
export function openAddon(source: AddonSource = BUILT_ADDON): Addon {
  return withRemedy(() => loadAddon(source));
}

function withRemedy<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    const { part, message: reason, cause } = error;
    throw new HypervisorError('HYPERVISOR_UNAVAILABLE', {
      message: `${reason}. ${REMEDY[part]}`,
      context: { missing: part },
      cause,
    });
  }
}

/** What `connect` found missing; never leaves this file. */
class Missing extends Error {
  readonly part: MissingPart;

  constructor(part: MissingPart, reason: string, cause?: unknown) {
    super(reason, { cause });
    this.part = part;
  }
}

function connect(source: AddonSource): OpenedXen {
  const addon = loadAddon(source);
  const xc = attempt('There is no Xen to talk to here', () => addon.openInterface());
  try {
    const version = attempt('Xen does not answer', () => addon.version(xc));
    // A domctl, which Xen refuses to tools of another release and to unprivileged domains.
    const { recordBytes } = addon.domainLayout();
    const record = new ArrayBuffer(recordBytes);
    attempt('Xen does not tell of its domains', () => addon.findDomain(xc, 0, record));
    return { addon, xc, version };
  } catch (error) {
    addon.closeInterface(xc);
    throw error;
  }
}

function loadAddon(source: AddonSource): Addon {
  if (!source.exists()) throw new Missing('addon', 'The addon of @xenops/native is not built');
  let module: unknown;
  try {
    module = source.load();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Missing('library', `The addon cannot be loaded: ${why}`, error);
  }
  if (isAddon(module)) return module;
  throw new Missing('addon', 'The addon was built from another version of @xenops/native');
}

/** Runs a first call; its failure says which part is missing. */
function attempt<T>(reason: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const failure = findAddonFailure(error);
    if (failure === undefined) throw error;
    throw new Missing(partOfFailure(failure), reason, error);
  }
}

function partOfFailure({ errno, call }: AddonFailure): MissingPart {
  if (errno === constants.errno.EPERM) return 'permission';
  if (errno !== constants.errno.EACCES) return 'xen';
  // The device says EACCES for want of a right; Xen says it for a call of another interface version.
  return call === 'xc_interface_open' ? 'permission' : 'release';
}
