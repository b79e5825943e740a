/** The command that gives a domain its device model: a process of Dom0, a stub domain, or agents of other domains. */
import {
  deviceModelConfig,
  startDomainDeviceModel,
  startStubDomain,
  type DeviceModelConfig,
} from '@xenops/core/dm';
import { agentDevices, assignDevices, listAgents, startAgentModels } from '@xenops/core/dmagent';
import { readDomainConfig, recordDirectKernel, updateXlFile } from '@xenops/core/domain';
import { ConfigError } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import { listPciOwners } from '@xenops/core/pci';
import { command, type Command, type CommandContext } from './command.ts';
import {
  DOMID,
  FILE,
  flag,
  MEMORY_KIB,
  NUMBER,
  optional,
  required,
  TEXT,
  withDefault,
  type Values,
} from './option.ts';

/** What a stub domain gets to serve (LIBXL_STUBDOM_START_TIMEOUT), and an agent's model (LIBXL_DEVICE_MODEL_START_TIMEOUT). */
const STUB_TIMEOUT_MS = 30_000;
const AGENTS_TIMEOUT_MS = 60_000;

const options = {
  domid: required(DOMID),
  vcpus: optional({ ...NUMBER, doc: 'ignored; the domain says it' }),
  memory: optional({ ...TEXT, doc: 'ignored; the domain says it' }),
  boot: withDefault({ ...TEXT, doc: 'boot order: c disk, d CD, n network' }, 'cd'),
  vnc: optional({ ...TEXT, doc: 'address of a VNC screen; none unless said' }),
  kernel: optional({ ...TEXT, doc: 'kernel that the firmware starts in place of a disk' }),
  ramdisk: optional({ ...TEXT, doc: 'its ramdisk' }),
  cmdline: withDefault({ ...TEXT, doc: 'its command line' }, ''),
  stubdom_kernel: optional({
    ...FILE,
    doc: 'kernel of a stub domain that is its device model, in place of a process of Dom0; its domid is printed',
  }),
  stubdom_ramdisk: optional({ ...FILE, doc: 'ramdisk of the stub domain' }),
  stubdom_cmdline: withDefault({ ...TEXT, doc: 'command line of the stub domain' }, ''),
  stubdom_memory: optional({ ...MEMORY_KIB, doc: 'memory of the stub domain; 128M unless said' }),
  agents: flag('let agents in other domains emulate its devices, each what it can'),
} as const;

export const deviceModelCommands: readonly Command[] = [
  command({
    name: 'add_dm',
    summary:
      'start the device model of a domain that has been built, and print the port of its screen',
    example: '-domid 5 -boot dc -vnc 127.0.0.1',
    changes: true,
    options,
    async run(host, values, context) {
      const { domid, boot, vnc, kernel, ramdisk: ramdiskPath, cmdline } = values;
      if (values.agents && values.stubdom_kernel !== undefined) {
        throw new ConfigError('CONFIG_BAD_VALUE', {
          message: 'Its devices are emulated by a stub domain or by agents, not by both',
        });
      }
      if (kernel !== undefined) {
        await recordDirectKernel(host, domid, { kernelPath: kernel, ramdiskPath, cmdline });
        await updateXlFile(host, domid);
      }
      const config = deviceModelConfig(domid, await readDomainConfig(host, domid), {
        bootOrder: boot,
        serials: ['pty'],
        ...(vnc === undefined ? {} : { vnc: { listen: vnc } }),
      });
      if (values.agents) await startAgents(host, config, context);
      else if (values.stubdom_kernel === undefined) await startProcess(host, config, context);
      else await startStub(host, values, values.stubdom_kernel, context);
    },
  }),
];

async function startProcess(
  host: Host,
  config: DeviceModelConfig,
  { out, json, signal }: CommandContext,
): Promise<void> {
  await using model = await startDomainDeviceModel(host, config, { signal });
  const screen = await model.vnc({ signal });
  if (!json) {
    out.line(String(screen?.port ?? -1));
    return;
  }
  const serial = (await model.serialTerminals({ signal })).get(0);
  const { pid } = model.identity;
  out.json({
    domid: config.domid,
    pid,
    vncPort: screen?.port ?? null,
    serial: serial ?? null,
  });
}

async function startStub(
  host: Host,
  { domid, ...values }: Values<typeof options>,
  kernelPath: string,
  { out, json, signal, timeoutMs }: CommandContext,
): Promise<void> {
  const stub = await startStubDomain(
    host,
    domid,
    {
      kernelPath,
      ramdiskPath: values.stubdom_ramdisk,
      cmdline: values.stubdom_cmdline,
      memoryKib: values.stubdom_memory,
      model: { bootOrder: values.boot },
    },
    { signal, timeoutMs: timeoutMs(STUB_TIMEOUT_MS) },
  );
  if (json) out.json({ domid, stubDomid: stub });
  else out.line(String(stub));
}

async function startAgents(
  host: Host,
  config: DeviceModelConfig,
  { out, json, signal, timeoutMs }: CommandContext,
): Promise<void> {
  const { domid } = config;
  const given = (await listPciOwners(host.store)).filter((owner) => owner.domid === domid);
  const addresses = given.map(({ address }) => address);
  const models = assignDevices(domid, agentDevices(config, addresses), await listAgents(host));
  await startAgentModels(host, domid, models, { signal, timeoutMs: timeoutMs(AGENTS_TIMEOUT_MS) });
  if (json) {
    const shown = models.map(({ agent, dmid, model, devices }) => ({
      agent,
      dmid,
      model,
      devices: devices.map(({ type }) => type),
    }));
    out.json({ domid, models: shown });
  } else out.line('-1');
}
