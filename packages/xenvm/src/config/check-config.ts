/** What no single key can know: whether the keys go together. */
import { guestTypeOf } from './guest-type.ts';
import { problem, type ConfigProblem, type Position } from './problem.ts';
import { findDuplicate } from './find-duplicate.ts';
import { CONFIG_KEYS } from './config-keys.ts';
import { NIC_ID_MAX } from './values/nic-line.ts';
import type { NumberRange } from './values/small.ts';
import type { ConfigField, VmConfig } from './vm-config.ts';

/** Where a field was set last, or its item of that index. */
export type PlaceOf = (field: ConfigField, item?: number) => Position;

interface Finding {
  readonly kind: ConfigProblem['kind'];
  readonly field: ConfigField;
  readonly item?: number;
  readonly message: string;
}

/** Everything that does not fit together. */
export function checkConfig(config: VmConfig, placeOf: PlaceOf): readonly ConfigProblem[] {
  return [
    ...checkMemory(config),
    ...checkGuest(config),
    ...checkVcpus(config),
    ...checkDevices(config),
    ...checkRanges('ioPorts', config.ioPorts),
    ...checkRanges('mmio', config.mmio),
  ].map(({ kind, field, item, message }) =>
    problem(kind, placeOf(field, item), { key: CONFIG_KEYS[field].name, message }),
  );
}

function checkMemory({ memoryKib, memoryMaxKib, videoRamKib = 0 }: VmConfig): readonly Finding[] {
  if (memoryKib === undefined) {
    return [
      {
        kind: 'missing-key',
        field: 'memoryKib',
        message: 'The amount of memory is needed: memory = MIB',
      },
    ];
  }
  return [
    ...(memoryMaxKib !== undefined && memoryMaxKib < memoryKib
      ? [
          conflict(
            'memoryMaxKib',
            `The maximum of ${memoryMaxKib} KiB is less than the memory of ${memoryKib} KiB`,
          ),
        ]
      : []),
    ...(videoRamKib >= memoryKib
      ? [
          conflict(
            'videoRamKib',
            `${videoRamKib} KiB of video memory leave nothing of ${memoryKib} KiB`,
          ),
        ]
      : []),
  ];
}

function checkGuest(config: VmConfig): readonly Finding[] {
  const type = guestTypeOf(config);
  const { guestType, hvm, kernelPath, modulePaths, stubdom, videoRamKib } = config;
  return [
    ...(guestType !== undefined && guestType !== 'hvm' && hvm
      ? [conflict('guestType', `It is ${guestType}, but hvm says that the guest is fully virtual`)]
      : []),
    ...(type !== 'hvm' && kernelPath === ''
      ? [
          {
            kind: 'missing-key',
            field: 'kernelPath',
            message: `A ${type} guest needs a kernel: kernel = PATH`,
          } as const,
        ]
      : []),
    ...(type !== 'pvh' && modulePaths.length > 0
      ? [noEffect('modulePaths', 'Only PVH kernels get further files')]
      : []),
    ...(type !== 'hvm' && stubdom !== undefined
      ? [noEffect('stubdom', 'Only HVM guests have a device model that a stub domain could run')]
      : []),
    ...(type !== 'hvm' && (videoRamKib ?? 0) > 0
      ? [noEffect('videoRamKib', 'Only HVM guests have an emulated card')]
      : []),
  ];
}

function checkVcpus({ vcpus, onlineVcpus, affinity, softAffinity }: VmConfig): readonly Finding[] {
  const beyond = (
    field: 'affinity' | 'softAffinity',
    list: VmConfig['affinity'],
  ): readonly Finding[] =>
    list.flatMap(({ vcpu }, item) =>
      vcpu < vcpus
        ? []
        : [conflict(field, `There is no vcpu ${vcpu}: it has ${vcpus}, counted from 0`, item)],
    );
  return [
    ...(onlineVcpus !== undefined && onlineVcpus > vcpus
      ? [conflict('onlineVcpus', `It cannot have ${onlineVcpus} of ${vcpus} vcpus online`)]
      : []),
    ...beyond('affinity', affinity),
    ...beyond('softAffinity', softAffinity),
  ];
}

function checkDevices({ disks, nics, pci }: VmConfig): readonly Finding[] {
  const sameDisk = findDuplicate(disks.map(({ vdev }) => vdev));
  const sameNic = findDuplicate(nics.map(({ devid }, index) => devid ?? `unnumbered ${index}`));
  const samePci = findDuplicate(pci.map(({ address }) => JSON.stringify(address)));
  return [
    ...(sameDisk === undefined
      ? []
      : [conflict('disks', `There is a disk ${disks[sameDisk]?.vdev ?? ''} already`, sameDisk)]),
    ...(sameNic === undefined
      ? []
      : [
          conflict(
            'nics',
            `There is a network interface ${nics[sameNic]?.devid ?? ''} already`,
            sameNic,
          ),
        ]),
    ...(samePci === undefined
      ? []
      : [conflict('pci', 'This device of the host is given already', samePci)]),
    ...(nics.length > NIC_ID_MAX + 1
      ? [conflict('nics', `At most ${NIC_ID_MAX + 1} network interfaces have numbers`)]
      : []),
  ];
}

function checkRanges(
  field: 'ioPorts' | 'mmio',
  ranges: readonly NumberRange[],
): readonly Finding[] {
  return ranges.flatMap(({ first, last }, item) => {
    const other = ranges.slice(0, item).find((range) => first <= range.last && range.first <= last);
    return other === undefined
      ? []
      : [conflict(field, `It overlaps with ${other.first}-${other.last}`, item)];
  });
}

const conflict = (field: ConfigField, message: string, item?: number): Finding => ({
  kind: 'conflict',
  field,
  message,
  ...(item === undefined ? {} : { item }),
});

const noEffect = (field: ConfigField, message: string): Finding => ({
  kind: 'no-effect',
  field,
  message,
});
