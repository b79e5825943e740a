// What the peers on Node share: the same commands as dbus-sdbus.c. A driver knows how to do each with its library.
const [role, name, ...numbers] = process.argv.slice(2);
const [first, second] = numbers.map(Number);

/** Enough for the compiler of V8; a daemon runs for months. */
const WARM_UP = 15_000;

export const PATH = '/org/example/bench';
export const INTERFACE = 'org.example.Bench';
export const PROPERTIES = Array.from(
  { length: 148 },
  (_, index) => `property_${String(index).padStart(3, '0')}`,
);
export const TEXT = 'hello world 1234';

/** How many per second, and how many microseconds of this process's processor time each took. */
async function measure(count, act) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await act();
  const perSecond = (count * 1000) / (performance.now() - start);
  const { user, system } = process.cpuUsage(cpu);
  return `${perSecond.toFixed(0)} ${((user + system) / count).toFixed(2)}`;
}

async function callMany(call, inFlight, count) {
  let left = count;
  const one = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}

/** Runs the command line with a driver and prints what was measured. */
export async function run({ serve, openCall, openGetAll, openListeners }) {
  if (role === 'service') {
    await serve(name);
    process.stdout.write('ready\n');
    return;
  }
  let result;
  if (role === 'call') {
    const call = await openCall(name);
    await callMany(call, first, WARM_UP);
    result = await measure(second, () => callMany(call, first, second));
  } else if (role === 'get-all') {
    const getAll = await openGetAll(name);
    await callMany(getAll, 1, 2000);
    result = await measure(first, () => callMany(getAll, 1, first));
  } else {
    let missing = first * second;
    let finish;
    const finished = new Promise((resolve) => (finish = resolve));
    const emit = await openListeners(name, first, () => --missing === 0 && finish());
    result = await measure(second, async () => {
      await emit(second);
      await finished;
    });
  }
  process.stdout.write(`${result}\n`);
  process.exit();
}
