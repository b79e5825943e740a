/** Writing a domain to an image that we and `xl restore` read. */
import { open, rm, stat } from 'node:fs/promises';
import { DomainError } from '../errors.ts';
import type { DeviceModel } from '../dm/device-model.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import type { LongCallOptions } from '../hypervisor/hypervisor.ts';
import { writeAll } from '../streams/descriptor.ts';
import {
  encodeEmulatorHeader,
  encodeImageStart,
  encodeRecord,
  encodeRecordHeader,
  EMULATOR_HEADER_BYTES,
  paddingOf,
} from '../streams/image-format.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { recordPath } from '../xenstore/path.ts';
import { readDomainConfig } from './config-record.ts';
import { domainRecordPath, parseDomainRecord } from './domain-record.ts';
import { resumeGuest, suspendGuest } from './suspend.ts';
import { encodeXlConfig } from './xl-config.ts';

export interface SaveOptions extends LongCallOptions {
  /** Copy most of the memory while the guest runs. */
  readonly live?: boolean | undefined;
  /** The device model of an HVM guest. */
  readonly deviceModel?: DeviceModel | undefined;
  /** What the guest gets to suspend itself. */
  readonly suspendTimeoutMs?: number | undefined;
}

/**
 * Writes the domain to a descriptor and leaves it suspended: destroy it, or let it run on with `resumeSaved`. Rejects with
 * DOMAIN_NOT_FOUND, DOMAIN_WRONG_STATE, DOMAIN_NOT_SUPPORTED, TIMEOUT, ABORTED, or the error of the stream; the guest runs on then.
 */
export async function saveDomain(
  host: Host,
  domid: Domid,
  fd: number,
  options: SaveOptions = {},
): Promise<void> {
  const { signal, onProgress, live = false, deviceModel, suspendTimeoutMs } = options;
  const config = await readDomainConfig(host, domid);
  await assertSavable(host, domid, config.build.kind, deviceModel);
  const progress = { isSuspended: false };
  try {
    await writeAll(fd, encodeImageStart(encodeXlConfig(config)));
    await host.hypervisor.saveDomain(
      domid,
      {
        fd,
        live,
        suspend: async () => {
          await suspendGuest(host, domid, {
            signal,
            ...(suspendTimeoutMs === undefined ? {} : { timeoutMs: suspendTimeoutMs }),
          });
          progress.isSuspended = true;
          await deviceModel?.stop({ signal });
        },
        ...(deviceModel === undefined
          ? {}
          : {
              setQemuDirtyTracking: (enabled) => deviceModel.setDirtyTracking(enabled, { signal }),
            }),
      },
      { signal, onProgress },
    );
    if (deviceModel !== undefined) await writeDeviceModel(host, { domid, fd, live }, deviceModel);
    await writeAll(fd, encodeRecord('end', Buffer.alloc(0)));
  } catch (error) {
    if (progress.isSuspended) await resumeSaved(host, domid, deviceModel);
    throw error;
  }
}

/** Lets a guest run on that was saved; how is `resumeGuest`'s. */
export async function resumeSaved(
  host: Host,
  domid: Domid,
  deviceModel: DeviceModel | undefined,
  how: { readonly isCooperative?: boolean | undefined } = {},
): Promise<void> {
  await deviceModel?.continue();
  await resumeGuest(host, domid, how);
}

async function assertSavable(
  host: Host,
  domid: Domid,
  kind: string,
  deviceModel: DeviceModel | undefined,
): Promise<void> {
  const devices = await listChildren(host.store, recordPath(domid, 'device', 'pci'));
  const record = parseDomainRecord(await host.store.find(domainRecordPath(domid)));
  const why =
    devices.length > 0
      ? 'it has a PCI device of the host, whose state cannot be saved'
      : record?.limits?.nestedVirt === true
        ? 'it may run a hypervisor of its own, whose state cannot be saved'
        : kind === 'hvm' && deviceModel === undefined
          ? 'its device model does not run'
          : undefined;
  if (why === undefined) return;
  throw new DomainError('DOMAIN_WRONG_STATE', {
    message: `Domain ${domid} cannot be saved: ${why}`,
    context: { domid },
  });
}

/** The records of the device model: what it kept in xenstore (nothing, since Xen 4.13), and its devices. */
async function writeDeviceModel(
  host: Host,
  { domid, fd, live }: { readonly domid: Domid; readonly fd: number; readonly live: boolean },
  deviceModel: DeviceModel,
): Promise<void> {
  const statePath = `${host.services.stateFolder ?? '/var/lib/xen'}/qemu-save.${domid}`;
  await rm(statePath, { force: true });
  try {
    await deviceModel.saveState(statePath, { isLive: live });
    const { size } = await stat(statePath);
    await writeAll(fd, encodeRecord('emulatorXenstoreData', encodeEmulatorHeader()));
    await writeAll(fd, encodeRecordHeader('emulatorContext', EMULATOR_HEADER_BYTES + size));
    await writeAll(fd, encodeEmulatorHeader());
    await using state = await open(statePath, 'r');
    for await (const chunk of state.createReadStream({
      autoClose: false,
      highWaterMark: 1 << 18,
    })) {
      await writeAll(fd, chunk as Buffer);
    }
    await writeAll(fd, paddingOf(EMULATOR_HEADER_BYTES + size));
  } finally {
    await rm(statePath, { force: true });
  }
}
