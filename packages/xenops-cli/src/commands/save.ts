/** Commands that write domains to images and make them from images. */
import { attachDevices, describeDevices } from '@xenops/core/devices';
import {
  adoptDeviceModel,
  deviceModelConfig,
  needsDeviceModel,
  startDomainDeviceModel,
} from '@xenops/core/dm';
import {
  destroyDomain,
  readDomainConfig,
  restoreDomain,
  saveDomainFile,
  updateXlFile,
  type DomainConfig,
} from '@xenops/core/domain';
import { StreamError } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import type { Domid } from '@xenops/core/ids';
import { open, rm } from 'node:fs/promises';
import { command, type Command, type CommandContext } from './command.ts';
import { DOMID, FILE, flag, MEMORY_KIB, optional, required, TEXT, VCPUS } from './option.ts';

const DESTROY_TIMEOUT_MS = 120_000;
/** They use files of this machine directly, which a plan cannot stand in for. */
const NO_PLAN = 'it reads and writes the image itself, step by step';

export const saveCommands: readonly Command[] = [
  command({
    name: 'save_domain',
    aliases: ['suspend'],
    summary: 'write a domain to an image, which xl restore reads too, and destroy it',
    example: '-domid 5 -file web.image',
    changes: true,
    noPlan: NO_PLAN,
    options: {
      domid: required(DOMID),
      file: required({
        ...FILE,
        doc: 'the image to make; a file in its place is replaced once the new one is whole',
      }),
      live: flag('copy most of the memory while the guest runs'),
    },
    async run(host, { domid, file, live }, context) {
      await save(host, { domid, file, live, keep: false }, context);
    },
  }),
  command({
    name: 'chkpoint_domain',
    aliases: ['chkpoint', 'checkpoint'],
    summary: 'write a domain to an image and let it run on',
    example: '-domid 5 -file web.image -live',
    changes: true,
    noPlan: NO_PLAN,
    options: {
      domid: required(DOMID),
      file: required({ ...FILE, doc: 'the image to make' }),
      live: flag('copy most of the memory while the guest runs'),
      uncooperative: flag(
        'let the guest go on as after a migration: it cannot cancel a suspension',
      ),
    },
    async run(host, { domid, file, live, uncooperative }, context) {
      await save(host, { domid, file, live, keep: true, isCooperative: !uncooperative }, context);
    },
  }),
  command({
    name: 'restore_domain',
    aliases: ['restore'],
    summary: 'make a domain from an image of save_domain or of xl save; it stays paused',
    example: '-file web.image',
    changes: true,
    noPlan: NO_PLAN,
    options: {
      file: required({ ...FILE, doc: 'the image' }),
      domid: optional({
        ...DOMID,
        doc: 'an empty domain from create_domain to fill, in place of a new one',
      }),
      name: optional({ ...TEXT, doc: 'name of the new domain; that of the image unless said' }),
      vcpus: optional({ ...VCPUS, doc: 'ignored; the image says it' }),
      memory: optional({ ...MEMORY_KIB, doc: 'ignored; the image says it' }),
    },
    async run(host, { file, domid: into, name }, context) {
      const domid = await restore(host, { file, into, name }, context);
      if (context.json) context.out.json({ domid });
      else context.out.line(String(domid));
    },
  }),
];

interface SaveCommand {
  readonly domid: Domid;
  readonly file: string;
  readonly live: boolean;
  readonly keep: boolean;
  readonly isCooperative?: boolean;
}

async function save(
  host: Host,
  { domid, file, live, keep, isCooperative }: SaveCommand,
  { out, json, signal }: CommandContext,
): Promise<void> {
  const model = await adoptDeviceModel(host, domid, { signal });
  try {
    await saveDomainFile(host, domid, file, {
      keep,
      isCooperative,
      live,
      signal,
      deviceModel: model,
      onProgress: ({ stage, done, total }) =>
        out.progress(
          `saving domain ${domid}: ${stage}${done === undefined || total === undefined || total === 0 ? '' : ` ${Math.floor((done * 100) / total)} %`}`,
        ),
    });
  } finally {
    await model?.[Symbol.asyncDispose]();
  }
  if (json) out.json({ domid, file });
}

async function restore(
  host: Host,
  {
    file,
    into,
    name,
  }: { readonly file: string; readonly into: Domid | undefined; readonly name: string | undefined },
  { out, signal }: CommandContext,
): Promise<Domid> {
  await using image = await open(file, 'r').catch((cause: unknown) => {
    throw new StreamError('STREAM_IO', {
      message: `The image ${file} cannot be read`,
      context: { file },
      cause,
    });
  });
  const { domid, config, statePath } = await restoreDomain(host, image.fd, {
    signal,
    into,
    name,
    onProgress: ({ stage }) => out.progress(`restoring ${file}: ${stage}`),
  });
  try {
    await attachDevices(host, describeDevices(domid, config), { signal });
    await startModel(host, domid, config, statePath, signal);
    await updateXlFile(host, domid);
    return domid;
  } catch (error) {
    await destroyDomain(host, domid, { timeoutMs: DESTROY_TIMEOUT_MS });
    throw error;
  } finally {
    if (statePath !== undefined) await rm(statePath, { force: true });
  }
}

async function startModel(
  host: Host,
  domid: Domid,
  config: DomainConfig,
  statePath: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (!needsDeviceModel(config)) return;
  const model = await startDomainDeviceModel(
    host,
    deviceModelConfig(domid, await readDomainConfig(host, domid), { statePath, serials: ['pty'] }),
    { signal },
  );
  if (statePath !== undefined) await model.continue({ signal });
  await model[Symbol.asyncDispose]();
}
