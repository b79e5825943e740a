// The emulated machine, as QEMU's command line. Everything that decides whether a snapshot fits is here. Pure.

export type XenstoredName = 'oxenstored' | 'xenstored';

/** What a snapshot is made for. */
export interface MachineShape {
  readonly memoryMib: number;
  readonly cpus: number;
  readonly xenstored: XenstoredName;
}

export interface QemuCommandOptions extends MachineShape {
  readonly ramFile: string;
  readonly diskFile: string;
  readonly serialFile: string;
  /** A second QMP, on a unix socket, for whoever comes later. */
  readonly qmpSocket: string;
  /** `boot` writes to the RAM and the disk; `restore` waits for a state and leaves both files as they are. */
  readonly mode: 'boot' | 'restore';
}

/** Xen needs the rest for guests. */
const DOM0_MEMORY_MIB_MAX = 2048;

export function dom0MemoryMib(memoryMib: number): number {
  return Math.min(DOM0_MEMORY_MIB_MAX, Math.floor(memoryMib / 2));
}

/**
 * The processor, and what it must not have under TCG:
 * - SMAP and SMEP: the first page faults of Dom0 kill it.
 * - MONITOR: Xen's idle loop takes a general protection fault on MWAIT.
 * - XSAVE and AVX: QEMU 7.2 loses vector registers when several domains run, and processes of Dom0 crash at random: 4 in
 *   two minutes of starting programs beside a booting guest of two vcpus, none in 204 without.
 */
const CPU = 'EPYC,-smap,-smep,-monitor,-xsave,-avx,-avx2,-f16c,-fma';

/**
 * The program and its arguments; QMP is on its standard input and output. It must run in the image's folder, where
 * `xen`, `vmlinux` and `dom0-initrd` are: the list of multiboot modules cannot hold every path.
 */
export function qemuCommand(options: QemuCommandOptions): readonly string[] {
  const { mode } = options;
  const memoryMib = String(options.memoryMib);
  // Shared RAM is kept out of the state, so the file *is* the snapshot; restored labs map it copy-on-write.
  const ram = `size=${memoryMib}M,mem-path=${escapeOption(options.ramFile)},share=${mode === 'boot' ? 'on' : 'off'}`;
  // `snapshot=on` is an overlay in an unlinked file under TMPDIR: it cannot outlive the process.
  const overlay = mode === 'boot' ? '' : ',snapshot=on';
  const disk = `file=${escapeOption(options.diskFile)},format=qcow2,if=virtio,cache=unsafe,discard=unmap${overlay}`;
  return [
    'qemu-system-x86_64',
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-machine', 'q35,memory-backend=ram', '-accel', 'tcg,thread=multi'],
    ...['-cpu', CPU, '-smp', String(options.cpus), '-m', `${memoryMib}M`],
    ...['-object', `memory-backend-file,id=ram,reserve=off,${ram}`],
    ...['-kernel', 'xen', '-append', xenArguments(options)],
    ...['-initrd', `vmlinux ${dom0Arguments(options)},dom0-initrd`],
    ...['-drive', disk],
    // Port 0: the kernel chooses a free one while binding it, so no two labs can race for one.
    ...['-netdev', 'user,id=lan,restrict=on,hostfwd=tcp:127.0.0.1:0-:22'],
    ...['-device', 'e1000,netdev=lan,romfile='],
    ...[
      '-chardev',
      `file,id=serial,path=${escapeOption(options.serialFile)}`,
      '-serial',
      'chardev:serial',
    ],
    ...['-chardev', 'stdio,id=qmp,signal=off', '-mon', 'chardev=qmp,mode=control'],
    ...['-qmp', `unix:${escapeOption(options.qmpSocket)},server=on,wait=off`],
    ...(mode === 'restore' ? ['-incoming', 'defer'] : []),
  ];
}

/** The port on 127.0.0.1 that leads to Dom0's sshd, from the monitor's `info usernet`. */
export function findForwardedPort(infoUsernet: string): number | undefined {
  const match = /TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+22\s/.exec(infoUsernet);
  return match === null ? undefined : Number(match[1]);
}

function xenArguments({ memoryMib, cpus }: MachineShape): string {
  const dom0 = `${String(dom0MemoryMib(memoryMib))}M`;
  return [
    `dom0_mem=${dom0},max:${dom0}`,
    `dom0_max_vcpus=${String(cpus)}`,
    'console=com1 com1=115200,8n1 loglvl=info guest_loglvl=info',
    'cpuidle=0',
    // Memory that nobody touched stays a hole in the RAM file.
    'bootscrub=0',
  ].join(' ');
}

/** QEMU separates modules by commas, so none may be in here. */
function dom0Arguments({ xenstored }: MachineShape): string {
  return `root=/dev/vda rw console=hvc0 quiet xenlab.xenstored=${xenstored}`;
}

/** QEMU's option parser takes a doubled comma for one. */
function escapeOption(value: string): string {
  return value.replaceAll(',', ',,');
}
