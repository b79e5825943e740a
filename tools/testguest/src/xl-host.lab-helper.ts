/** A lab with the test guest in it, driven by xl as an administrator would. */
import path from 'node:path';
import { startLab, type Lab } from 'xenlab';
import { askTestguest, buildTestguest } from './index.ts';

/** Longest wait for one command under emulation, on a machine that has other work; what takes longer hangs. */
const COMMAND_TIMEOUT_MS = 600_000;
/** Longest wait for the next event of a watch, in seconds. */
const EVENT_TIMEOUT_S = 300;
const FOLDER = '/var/tmp/testguest';
const DISK_IMAGE = '/var/tmp/testguest/disk.img';
const DISK_SECTORS = 4096;
const SECTOR_BYTES = 512;
const PING_TIMEOUT_S = 120;

/** Unpauses a domain with a console at hand, and tells how many milliseconds later a text was there. */
const TIME_BOOT = `
import ctypes, glob, os, sys, time
domid, tty, text = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()
xc = ctypes.CDLL(glob.glob('/usr/lib/x86_64-linux-gnu/libxenctrl.so.4.*')[0])
xc.xc_interface_open.restype = ctypes.c_void_p
handle = ctypes.c_void_p(xc.xc_interface_open(None, None, 0))
console, seen = os.open(tty, os.O_RDWR), b''
start = time.monotonic()
assert xc.xc_domain_unpause(handle, domid) == 0
while text not in seen: seen += os.read(console, 4096)
print(round((time.monotonic() - start) * 1000, 1))
`;

/** Reboots a domain and returns when xl has made the next one of that name. */
const REBOOT = `
coproc WATCH { exec xenstore-watch @introduceDomain; }
watch_pid=$WATCH_PID
trap 'kill "$watch_pid"' EXIT
old=$(xl domid "$1")
xl reboot "$1" >/dev/null
while new=$(xl domid "$1" 2>/dev/null); [ -z "$new" ] || [ "$new" = "$old" ]; do
  read -r -t ${EVENT_TIMEOUT_S} -u "\${WATCH[0]}" _
done
`;

/** Writes a node and waits until another has a value. */
const WRITE_AND_WAIT = `
coproc WATCH { exec xenstore-watch "$3"; }
watch_pid=$WATCH_PID
trap 'kill "$watch_pid"' EXIT
[ -z "$1" ] || xenstore-write "$1" "$2"
while [ "$(xenstore-read "$3" 2>/dev/null)" != "$4" ]; do read -r -t ${EVENT_TIMEOUT_S} -u "\${WATCH[0]}" _ || exit 1; done
`;

/** Waits for the console's terminal, which xenconsoled makes in its own time, and runs TIME_BOOT. */
const TIME_BOOT_OF = `
node=/local/domain/$2/console/tty
coproc WATCH { exec xenstore-watch "$node"; }
watch_pid=$WATCH_PID
trap 'kill "$watch_pid"' EXIT
until tty=$(xenstore-read "$node" 2>/dev/null); do read -r -t ${EVENT_TIMEOUT_S} -u "\${WATCH[0]}" _ || exit 1; done
python3 -c "$1" "$2" "$tty" "$3"
`;

/** Waits until a node is no longer there. */
const WAIT_UNTIL_GONE = `
coproc WATCH { exec xenstore-watch "$1"; }
watch_pid=$WATCH_PID
trap 'kill "$watch_pid"' EXIT
while xenstore-exists "$1"; do read -r -t ${EVENT_TIMEOUT_S} -u "\${WATCH[0]}" _ || exit 1; done
`;

/** The first line of a console with a text; the console's reader would go on for as long as the guest does. */
const READ_CONSOLE = `
coproc CONSOLE { exec xl console "$1"; }
trap 'kill "$CONSOLE_PID"' EXIT
sed -u -n "/$2/{p;q}" <&"\${CONSOLE[0]}"
`;

export type GuestType = 'pv' | 'pvh';

export interface GuestOptions {
  readonly name: string;
  readonly type: GuestType;
  readonly memoryMib?: number;
  readonly maxMemoryMib?: number;
  readonly extra?: string;
  /** Lines of xl.cfg(5). */
  readonly lines?: readonly string[];
}

export class XlHost implements AsyncDisposable {
  readonly lab: Lab;
  readonly image: string;
  /** A block device for guests, of DISK_SECTORS. */
  readonly disk: string;

  private constructor(lab: Lab, image: string, disk: string) {
    this.lab = lab;
    this.image = image;
    this.disk = disk;
  }

  /** A lab of its own. XENLAB_RELEASE and XENLAB_XENSTORED choose which Xen and which xenstored. */
  static async start(): Promise<XlHost> {
    const release = process.env['XENLAB_RELEASE'] === 'trixie' ? 'trixie' : 'bookworm';
    const xenstored = process.env['XENLAB_XENSTORED'] === 'xenstored' ? 'xenstored' : 'oxenstored';
    const [lab, image] = await Promise.all([startLab({ release, xenstored }), buildTestguest()]);
    await lab.push([image], { to: FOLDER });
    const disk = await lab.sh(
      `truncate -s ${DISK_SECTORS * SECTOR_BYTES} ${DISK_IMAGE} && losetup --find --show ${DISK_IMAGE}`,
    );
    // A guest under emulation may take longer to answer ARP than the usual three seconds.
    await lab.sh(`sysctl -qw net.ipv4.neigh.xenbr0.mcast_solicit=${PING_TIMEOUT_S}`);
    return new XlHost(lab, path.posix.join(FOLDER, path.basename(image)), disk.trim());
  }

  /** What a bash script prints, without its last line's end; it must succeed. */
  async sh(script: string, ...args: readonly string[]): Promise<string> {
    const argv = ['bash', '-c', script, 'xl-host', ...args];
    const result = await this.lab.exec({ argv, timeoutMs: COMMAND_TIMEOUT_MS });
    if (result.status !== 0) {
      throw new Error(`"${args.join(' ')}" ended with ${result.status}: ${result.stderr}`);
    }
    return result.stdout.trimEnd();
  }

  xl(...words: readonly string[]): Promise<string> {
    return this.sh('xl "$@"', ...words);
  }

  /** Starts a guest from the test guest's image. */
  async create(options: GuestOptions, ...flags: readonly string[]): Promise<void> {
    const { name, type, memoryMib = 4, maxMemoryMib = memoryMib, extra = '', lines = [] } = options;
    const config = [
      `name="${name}"`,
      `type="${type}"`,
      `kernel="${this.image}"`,
      `memory=${memoryMib}`,
      `maxmem=${maxMemoryMib}`,
      `extra="${extra}"`,
      // libxl reckons the pool for page tables before it puts in the usual number of vcpus, and 4 MiB of a PVH guest without any get 16 KiB.
      'vcpus=1',
      'on_crash="preserve"',
      ...(type === 'pvh' ? ['tsc_mode="native"'] : []),
      ...lines,
    ];
    await this.createFrom(name, config, ...flags);
  }

  async createFrom(
    name: string,
    config: readonly string[],
    ...flags: readonly string[]
  ): Promise<void> {
    const file = `${FOLDER}/${name}.cfg`;
    await this.lab.exec({ argv: ['tee', file], stdin: `${config.join('\n')}\n` });
    await this.xl('create', '-q', ...flags, file);
  }

  async domid(name: string): Promise<number> {
    return Number(await this.xl('domid', name));
  }

  /** The guest's answer. */
  async ask(name: string, request: string): Promise<string> {
    return this.sh('"$@"', ...askTestguest(await this.domid(name), request));
  }

  /** The next line of the console with this text. */
  async readConsole(name: string, text: string): Promise<string> {
    return (await this.sh(READ_CONSOLE, name, text)).trimEnd();
  }

  async type(name: string, line: string): Promise<void> {
    const tty = `/local/domain/${await this.domid(name)}/console/tty`;
    await this.sh('printf "%s\\n" "$2" >"$(xenstore-read "$1")"', tty, line);
  }

  /** Milliseconds from unpausing a paused guest to a text on its console. */
  async timeBoot(name: string, text: string): Promise<number> {
    const domid = await this.domid(name);
    return Number(await this.sh(TIME_BOOT_OF, TIME_BOOT, String(domid), text));
  }

  async reboot(name: string): Promise<void> {
    await this.sh(REBOOT, name);
  }

  /** Shuts it down, and waits until the xl that waits for its end has destroyed it. */
  async shutdown(name: string): Promise<void> {
    const domid = await this.domid(name);
    await this.xl('shutdown', name);
    await this.sh(WAIT_UNTIL_GONE, `/local/domain/${domid}`);
  }

  /** Waits for the answer to one ICMP echo. */
  async ping(address: string): Promise<void> {
    await this.sh(`ping -c 1 -w ${PING_TIMEOUT_S} "$1"`, address);
  }

  /** A node of the guest, by its name below the guest's folder. */
  async read(name: string, node: string): Promise<string> {
    return this.sh('xenstore-read "$1"', `/local/domain/${await this.domid(name)}/${node}`);
  }

  async waitFor(path: string, value: string): Promise<void> {
    await this.sh(WRITE_AND_WAIT, '', '', path, value);
  }

  async writeAndWait(
    written: { readonly path: string; readonly value: string },
    awaited: { readonly path: string; readonly value: string },
  ): Promise<void> {
    await this.sh(WRITE_AND_WAIT, written.path, written.value, awaited.path, awaited.value);
  }

  /** The CRC-32 of sectors of the disk's image. */
  diskCrc(sector: number, count: number): Promise<string> {
    const script = `import zlib,sys
with open('${DISK_IMAGE}', 'rb') as file:
  file.seek(${sector * SECTOR_BYTES})
  print('%08x' % zlib.crc32(file.read(${count * SECTOR_BYTES})))`;
    return this.sh('python3 -c "$1"', script);
  }

  /** What guests leave in xenstore. */
  leftovers(): Promise<string> {
    return this.sh(
      "xenstore-ls -f | grep -E '^/local/domain/([1-9]|0/backend/[a-z]+/[0-9])' || true",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}
