/**
 * Words of a guest's command line that change how it behaves: `sim.NAME=CHOICE`. One table; the first choice of each is what a
 * well-behaved Linux does.
 */

export const TEMPERS = {
  /** `hang` never reaches xenstore; the others end the boot that way. */
  boot: ['ok', 'hang', 'crash', 'poweroff', 'reboot'],
  /** `ignore` does not react; `acknowledge` empties the node and goes on running. */
  shutdown: ['obey', 'ignore', 'acknowledge'],
  /** The same for a request to suspend; `crash` does that instead. */
  suspend: ['obey', 'ignore', 'acknowledge', 'crash'],
  /** `none` leaves its devices alone; `stall` goes half of the way. */
  connect: ['all', 'none', 'stall'],
  /** `ignore` keeps a device that is to go. */
  unplug: ['obey', 'ignore'],
  /** `slow` moves 1 MiB in 100 ms, `half` never gives back more than half, `stuck` nothing. */
  balloon: ['obey', 'slow', 'half', 'stuck'],
  /** `foreign` tries to write what belongs to others, and floods its own tree. */
  write: ['own', 'foreign'],
  /** How it ends by itself, `sim.life` after the boot. */
  end: ['none', 'crash', 'poweroff', 'reboot', 'watchdog'],
} as const;

type Tempers = typeof TEMPERS;

export type GuestTemper = { readonly [Name in keyof Tempers]: Tempers[Name][number] } & {
  /** `sim.life=MS`: how long it lives when `sim.end` says that it ends. */
  readonly lifeMs: number;
};

/** The temper that a command line asks for; unknown words are the guest's own and mean nothing. */
export function guestTemper(cmdline: string): GuestTemper {
  const words = new Map<string, string>();
  for (const word of cmdline.split(/\s+/)) {
    const { name, value } = /^sim\.(?<name>[a-z]+)=(?<value>\S*)$/.exec(word)?.groups ?? {};
    if (name !== undefined && value !== undefined) words.set(name, value);
  }
  const choose = <T extends string>(name: string, choices: readonly [T, ...T[]]): T =>
    choices.find((choice) => choice === words.get(name)) ?? choices[0];
  const lifeText = words.get('life') ?? '';
  return {
    boot: choose('boot', TEMPERS.boot),
    shutdown: choose('shutdown', TEMPERS.shutdown),
    suspend: choose('suspend', TEMPERS.suspend),
    connect: choose('connect', TEMPERS.connect),
    unplug: choose('unplug', TEMPERS.unplug),
    balloon: choose('balloon', TEMPERS.balloon),
    write: choose('write', TEMPERS.write),
    end: choose('end', TEMPERS.end),
    lifeMs: /^[0-9]{1,9}$/.test(lifeText) ? Number(lifeText) : 0,
  };
}

/** The word `sim.guest=NAME`, which chooses the script itself. */
export function guestName(cmdline: string): string | undefined {
  return /(?:^|\s)sim\.guest=(?<name>\S+)/.exec(cmdline)?.groups?.['name'];
}
