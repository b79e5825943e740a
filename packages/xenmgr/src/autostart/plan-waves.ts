/**
 * In which order VMs start and stop, decided before anything is started. A plan is a list of waves: the VMs of one
 * wave may start at the same time, and a wave begins when those before it are ready or have been given up. A VM comes
 * after its dependencies, which are started for it if need be, and otherwise after those of higher priority.
 */

/** What the plan needs to know of a VM. */
export interface StartCandidate {
  readonly uuid: string;
  /** Whether it starts by itself; others are started only as dependencies. */
  readonly isWanted: boolean;
  /** Higher starts earlier. */
  readonly priority: number;
  readonly slot: number;
  /** Uuids of the VMs that must run before it. */
  readonly dependencies: readonly string[];
  readonly isRunning: boolean;
}

/** Why a VM is not in the plan. */
export type BlockedReason =
  /** It needs itself, by way of these VMs. */
  | { readonly kind: 'cycle'; readonly through: readonly string[] }
  /** It needs a VM that does not exist. */
  | { readonly kind: 'missing'; readonly uuid: string }
  /** It needs a VM that cannot be started. */
  | { readonly kind: 'dependency'; readonly uuid: string };

export interface BlockedVm {
  readonly uuid: string;
  readonly reason: BlockedReason;
}

export interface StartPlan {
  readonly waves: readonly (readonly string[])[];
  readonly blocked: readonly BlockedVm[];
}

type Candidates = ReadonlyMap<string, StartCandidate>;
/** How many rounds of starting a VM comes after; VMs that cannot start have none. */
type Depths = ReadonlyMap<string, number>;

/** The plan for all VMs that are wanted and do not run. One that cannot start blocks only those that need it. */
export function planStart(candidates: readonly StartCandidate[]): StartPlan {
  const byUuid = new Map(candidates.map((vm) => [vm.uuid, vm]));
  const depths = findDepths(candidates);
  const wanted = candidates.filter((vm) => vm.isWanted && !vm.isRunning).sort(byPriority);
  const blocked = wanted
    .filter(({ uuid }) => !depths.has(uuid))
    .map((vm) => ({ uuid: vm.uuid, reason: blockedReason(vm, byUuid, depths) }));
  const startable = wanted.filter(({ uuid }) => depths.has(uuid));
  return { waves: wavesOf(startable, byUuid, depths), blocked };
}

function byPriority(one: StartCandidate, other: StartCandidate): number {
  const byName = one.uuid < other.uuid ? -1 : 1;
  return other.priority - one.priority || one.slot - other.slot || byName;
}

/** Goes by rounds: in each, those can start whose dependencies all run or could start in earlier rounds. */
function findDepths(candidates: readonly StartCandidate[]): Depths {
  const depths = new Map<string, number>();
  for (const vm of candidates) if (vm.isRunning) depths.set(vm.uuid, 0);
  let waiting = candidates.filter((vm) => !vm.isRunning);
  for (let depth = 1; waiting.length > 0; depth += 1) {
    const next = waiting.filter(({ dependencies }) => dependencies.every((it) => depths.has(it)));
    if (next.length === 0) break;
    for (const { uuid } of next) depths.set(uuid, depth);
    waiting = waiting.filter(({ uuid }) => !depths.has(uuid));
  }
  return depths;
}

function blockedReason(vm: StartCandidate, byUuid: Candidates, depths: Depths): BlockedReason {
  const through = wayBack(vm, byUuid, depths);
  if (through !== undefined) return { kind: 'cycle', through };
  const uuid = vm.dependencies.find((it) => !depths.has(it)) ?? vm.uuid;
  return byUuid.has(uuid) ? { kind: 'dependency', uuid } : { kind: 'missing', uuid };
}

/** A way from a VM over blocked dependencies to itself, without its end; undefined when there is none. */
function wayBack(
  vm: StartCandidate,
  byUuid: Candidates,
  depths: Depths,
): readonly string[] | undefined {
  const seen = new Set<string>();
  const ways: (readonly string[])[] = [[vm.uuid]];
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const last = byUuid.get(way.at(-1) ?? '');
    for (const uuid of last?.dependencies ?? []) {
      if (uuid === vm.uuid) return way;
      if (depths.has(uuid) || seen.has(uuid)) continue;
      seen.add(uuid);
      ways.push([...way, uuid]);
    }
  }
  return undefined;
}

/** Priority by priority, each with what it needs in front of it. */
function wavesOf(
  startable: readonly StartCandidate[],
  byUuid: Candidates,
  depths: Depths,
): readonly (readonly string[])[] {
  const placed = new Set<string>();
  const priorities = [...new Set(startable.map(({ priority }) => priority))];
  return priorities.flatMap((priority) => {
    const members = startable.filter((vm) => vm.priority === priority);
    const needed = withDependencies(members, byUuid).filter(({ uuid }) => !placed.has(uuid));
    for (const { uuid } of needed) placed.add(uuid);
    return byDepth(needed, depths);
  });
}

function withDependencies(
  vms: readonly StartCandidate[],
  byUuid: Candidates,
): readonly StartCandidate[] {
  const found = new Set(vms);
  // A set hands out what is added to it while it is gone through.
  for (const vm of found) {
    for (const uuid of vm.dependencies) {
      const dependency = byUuid.get(uuid);
      // What runs has what it needs, or does without.
      if (dependency?.isRunning === false) found.add(dependency);
    }
  }
  return [...found];
}

function byDepth(vms: readonly StartCandidate[], depths: Depths): readonly (readonly string[])[] {
  const waves = new Map<number, StartCandidate[]>();
  for (const vm of vms) {
    const depth = depths.get(vm.uuid) ?? 0;
    waves.set(depth, [...(waves.get(depth) ?? []), vm]);
  }
  return [...waves]
    .sort(([one], [other]) => one - other)
    .map(([, wave]) => wave.sort(byPriority).map(({ uuid }) => uuid));
}

/** What the order of stopping needs to know of a running VM. */
export interface StopCandidate {
  readonly uuid: string;
  /** Higher stops earlier. */
  readonly shutdownPriority: number;
  readonly dependencies: readonly string[];
}

/**
 * Stages in which running VMs stop: a VM after those that need it, and otherwise by shutdown priority; the VMs of a
 * stage stop at the same time. In a cycle, which cannot have been started but may have been made since, the priority
 * alone decides.
 */
export function planStop(vms: readonly StopCandidate[]): readonly (readonly string[])[] {
  const stages: string[][] = [];
  let left = [...vms];
  while (left.length > 0) {
    const needed = new Set(left.flatMap((vm) => vm.dependencies.filter((it) => it !== vm.uuid)));
    const free = left.filter(({ uuid }) => !needed.has(uuid));
    const eligible = free.length === 0 ? left : free;
    const highest = Math.max(...eligible.map(({ shutdownPriority }) => shutdownPriority));
    const stage = eligible.filter(({ shutdownPriority }) => shutdownPriority === highest);
    stages.push(stage.map(({ uuid }) => uuid).sort());
    left = left.filter((vm) => !stage.includes(vm));
  }
  return stages;
}
