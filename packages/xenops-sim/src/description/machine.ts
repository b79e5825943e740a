/** The machine that a description describes, with everything said. */
import {
  findPciAddress,
  sbdfFromPciAddress,
  type CpuTopology,
  type PciAddress,
} from '@xenops/core/hypervisor';
import type { FlaskDescription, HostDescription } from './host-description.ts';

export interface MachineNode {
  readonly memoryKib: number;
  readonly distances: readonly number[];
}

export interface MachinePci {
  readonly address: PciAddress;
  /** Equal for devices that can only be given away together. */
  readonly group: string;
}

export interface Machine {
  readonly memoryKib: number;
  readonly dom0MemoryKib: number;
  readonly cpuKhz: number;
  readonly threadsPerCore: number;
  readonly coresPerSocket: number;
  readonly cpus: readonly CpuTopology[];
  readonly nodes: readonly MachineNode[];
  readonly scheduler: 'credit' | 'credit2';
  readonly scrubKibPerSecond: number | undefined;
  readonly hasIommu: boolean;
  /** By machine SBDF number. */
  readonly pci: ReadonlyMap<number, MachinePci>;
  readonly flask: FlaskDescription | undefined;
}

const DEFAULT_MEMORY_KIB = 8_388_608;
const DEFAULT_DOM0_MEMORY_KIB = 1_048_576;
const DEFAULT_CPU_COUNT = 4;
const CPU_KHZ = 2_400_000;
const LOCAL_DISTANCE = 10;
const REMOTE_DISTANCE = 20;

/** Fills in what the description leaves out. One node is one socket. */
export function machineOf(description: HostDescription): Machine {
  const { threadsPerCore = 1, scheduler = 'credit2', hasIommu = false, flask } = description;
  const nodes = description.nodes ?? [
    {
      memoryKib: description.memoryKib ?? DEFAULT_MEMORY_KIB,
      cpuCount: description.cpuCount ?? DEFAULT_CPU_COUNT,
    },
  ];
  const memoryKib = nodes.reduce((all, node) => all + node.memoryKib, 0);
  const cpuNodes = nodes.flatMap(({ cpuCount }, node) => Array<number>(cpuCount).fill(node));
  const firstOfNode = nodes.map((_, node) => cpuNodes.indexOf(node));
  return {
    memoryKib,
    dom0MemoryKib: description.dom0MemoryKib ?? Math.min(DEFAULT_DOM0_MEMORY_KIB, memoryKib / 2),
    cpuKhz: CPU_KHZ,
    threadsPerCore,
    coresPerSocket: Math.max(1, Math.ceil((nodes[0]?.cpuCount ?? 1) / threadsPerCore)),
    cpus: cpuNodes.map((node, cpu) => ({
      cpu,
      core: Math.floor((cpu - (firstOfNode[node] ?? 0)) / threadsPerCore),
      socket: node,
      node,
    })),
    nodes: nodes.map((node, index) => ({
      memoryKib: node.memoryKib,
      distances: nodes.map(
        (_, other) =>
          node.distances?.[other] ?? (other === index ? LOCAL_DISTANCE : REMOTE_DISTANCE),
      ),
    })),
    scheduler,
    scrubKibPerSecond: description.scrubKibPerSecond,
    hasIommu,
    pci: pciDevices(description),
    flask,
  };
}

function pciDevices({ pci = [] }: HostDescription): ReadonlyMap<number, MachinePci> {
  const devices = new Map<number, MachinePci>();
  for (const { address: text, group } of pci) {
    const address = findPciAddress(text);
    if (address === undefined) continue;
    devices.set(sbdfFromPciAddress(address), { address, group: `${group ?? text}` });
  }
  return devices;
}
