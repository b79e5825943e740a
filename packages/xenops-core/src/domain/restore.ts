/** A domain out of an image that we or `xl save` wrote. Nothing in it is trusted beyond what it is checked against. */
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { StreamError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid, VmUuid } from '../ids.ts';
import type { LongCallOptions } from '../hypervisor/hypervisor.ts';
import type { CleanupStack } from '../lifetime/cleanup-stack.ts';
import { throwIfAborted } from '../lifetime/deadline.ts';
import { readExact, writeAll } from '../streams/descriptor.ts';
import {
  checkEmulatorHeader,
  checkLibxlHeader,
  decodeRecordHeader,
  decodeXlConfig as decodeXlConfigText,
  decodeXlHeader,
  EMULATOR_HEADER_BYTES,
  invalid,
  LIBXL_HEADER_BYTES,
  paddingOf,
  RECORD_HEADER_BYTES,
  XL_HEADER_BYTES,
} from '../streams/image-format.ts';
import { applyLimits, assertMemory, introduceBuilt, prepareRings } from './build.ts';
import { checkBuild } from './build-config.ts';
import { unmarkBuild, markBuild } from './build-mark.ts';
import { createDomain, remakeDomain } from './create.ts';
import { destroyDomain } from './destroy.ts';
import { getDomain, getUnbuilt } from './record.ts';
import { withUndo } from './with-undo.ts';
import { decodeXlConfig, type DomainConfig } from './xl-config.ts';

const DESTROY_TIMEOUT_MS = 120_000;
/** What a device model keeps in xenstore is a few lines. */
const XENSTORE_DATA_BYTES_MAX = 1 << 16;
/** State of a device model: mostly video memory. */
const CONTEXT_BYTES_MAX = 512 * (1 << 20);
const COPY_BYTES = 1 << 18;

/** What is in an image before the memory. */
export async function readImageStart(fd: number): Promise<DomainConfig> {
  const { optionalBytes } = decodeXlHeader(await readExact(fd, XL_HEADER_BYTES));
  const config = decodeXlConfig(decodeXlConfigText(await readExact(fd, optionalBytes)));
  checkLibxlHeader(await readExact(fd, LIBXL_HEADER_BYTES));
  const { kind, bodyBytes } = decodeRecordHeader(await readExact(fd, RECORD_HEADER_BYTES));
  if (kind !== 'libxcContext' || bodyBytes !== 0)
    throw invalid('its memory does not follow its header');
  return config;
}

export interface RestoreOptions extends LongCallOptions {
  /** In place of the name in the image. */
  readonly name?: string | undefined;
  /** In place of the uuid in the image. */
  readonly uuid?: VmUuid | undefined;
  /** An empty domain of the same type to restore into, in place of a new one; its name and uuid stay. */
  readonly into?: Domid | undefined;
  /** Last word on the configuration that the image brings, before anything is made. */
  readonly check?: ((config: DomainConfig) => DomainConfig) | undefined;
}

/** A domain that has been restored and stays paused, without its devices. */
export interface RestoredDomain {
  readonly domid: Domid;
  readonly config: DomainConfig;
  /** State for the device model of an HVM guest, which the caller removes once that has started. */
  readonly statePath?: string;
}

/**
 * Makes a domain from what the descriptor brings. Its disks and interfaces are for the caller to attach, then its device model to start.
 * Rejects with STREAM_INVALID, STREAM_NOT_SUPPORTED, DOMAIN_NO_MEMORY, DOMAIN_NAME_TAKEN, ABORTED or the hypervisor's error; there is
 * no new domain then.
 */
export async function restoreDomain(
  host: Host,
  fd: number,
  options: RestoreOptions = {},
): Promise<RestoredDomain> {
  const found = await readImageStart(fd);
  const kept =
    options.into === undefined
      ? undefined
      : await getUnbuilt(host, await getDomain(host, options.into));
  const named = {
    ...found,
    uuid: kept?.uuid ?? options.uuid ?? found.uuid,
    name: kept?.name ?? options.name ?? found.name,
  };
  const config = options.check?.(named) ?? named;
  const { name, build } = config;
  throwIfAborted(options.signal, `the restoration of ${name}`);
  return withUndo(`Restoring ${name}`, async (undo) => {
    const domid = await emptyDomain(host, config, options.into, undo);
    const info = await getDomain(host, domid);
    await markBuild(host, domid, info.uuid);
    const identity = await getUnbuilt(host, info);
    const memory = checkBuild(build, info);
    await assertMemory(host, domid, memory);
    await applyLimits(host, domid, build, memory);
    const rings = await prepareRings(host, domid);
    const frames = await host.hypervisor.restoreDomain(
      domid,
      {
        fd,
        guestType: build.kind,
        memoryKib: memory.targetKib,
        maxMemoryKib: memory.staticMaxKib,
        ...rings,
      },
      options,
    );
    const statePath = await readDeviceModel(host, fd, domid, build.kind === 'hvm');
    if (statePath !== undefined) undo.push(statePath, () => rm(statePath, { force: true }));
    await introduceBuilt(host, domid, identity, { ...frames, ...rings, config: build, memory });
    return { domid, config, ...(statePath === undefined ? {} : { statePath }) };
  });
}

/** A new domain, or the one to restore into made anew; both are undone as they were. */
async function emptyDomain(
  host: Host,
  { uuid, name, build }: DomainConfig,
  into: Domid | undefined,
  undo: CleanupStack,
): Promise<Domid> {
  if (into === undefined) {
    const domid = await createDomain(host, {
      uuid,
      guestType: build.kind,
      name,
      maxVcpus: build.vcpus,
    });
    undo.push(`domain ${domid}`, () =>
      destroyDomain(host, domid, { timeoutMs: DESTROY_TIMEOUT_MS, clock: host.services.clock }),
    );
    return domid;
  }
  const identity = await getUnbuilt(host, await getDomain(host, into));
  undo.push(`domain ${into} as it was`, async () => {
    await remakeDomain(host, into, identity);
    await unmarkBuild(host, into);
  });
  if (identity.maxVcpus !== build.vcpus) {
    await remakeDomain(host, into, { ...identity, maxVcpus: build.vcpus });
  }
  return into;
}

/** Reads the records after the memory; the path of the device model's state when there is one. */
async function readDeviceModel(
  host: Host,
  fd: number,
  domid: Domid,
  isHvm: boolean,
): Promise<string | undefined> {
  let statePath: string | undefined;
  try {
    for (;;) {
      const { kind, bodyBytes } = decodeRecordHeader(await readExact(fd, RECORD_HEADER_BYTES));
      switch (kind) {
        case 'end':
          if (isHvm && statePath === undefined)
            throw invalid("its device model's state is missing");
          return statePath;
        case 'emulatorContext':
          if (statePath !== undefined) throw invalid("it has its device model's state twice");
          statePath = `${host.services.stateFolder ?? '/var/lib/xen'}/qemu-resume.${domid}`;
          await copyContext(fd, bodyBytes, statePath);
          break;
        case 'emulatorXenstoreData':
        case undefined:
          if (bodyBytes > XENSTORE_DATA_BYTES_MAX)
            throw invalid(`a record cannot have ${bodyBytes} bytes`);
          await readExact(fd, bodyBytes + paddingOf(bodyBytes).length);
          break;
        case 'libxcContext':
        case 'checkpointEnd':
        case 'checkpointState':
          throw new StreamError('STREAM_NOT_SUPPORTED', {
            message: `The image cannot be read: it has a record (${kind}) of replication`,
          });
      }
    }
  } catch (error) {
    if (statePath !== undefined) await rm(statePath, { force: true });
    throw error;
  }
}

async function copyContext(fd: number, bodyBytes: number, statePath: string): Promise<void> {
  if (bodyBytes < EMULATOR_HEADER_BYTES || bodyBytes > CONTEXT_BYTES_MAX) {
    throw invalid(`its device model's state cannot have ${bodyBytes} bytes`);
  }
  checkEmulatorHeader(await readExact(fd, EMULATOR_HEADER_BYTES));
  await rm(statePath, { force: true });
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  await using file = await open(statePath, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  for (let left = bodyBytes - EMULATOR_HEADER_BYTES; left > 0;) {
    const part = await readExact(fd, Math.min(left, COPY_BYTES));
    await writeAll(file.fd, part);
    left -= part.length;
  }
  await readExact(fd, paddingOf(bodyBytes).length);
}
