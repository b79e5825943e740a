/** How a guest follows `memory/target`, as drivers/xen/xen-balloon.c does: by the difference to the target it started with. */
import type { GuestLife } from './shutdown-control.ts';

const SLOW_STEP_KIB = 1024;
const SLOW_STEP_MS = 100;

/** Follows the target until the guest's life is over. */
export async function followTarget({ machine, store, temper, signal }: GuestLife): Promise<void> {
  const startKib = machine.memoryKib;
  let offsetKib: number | undefined;
  const watch = await store.watch('memory/target', { signal });
  for await (const _event of watch) {
    await machine.runnable();
    const text = await store.find('memory/target');
    if (text === undefined || !/^[0-9]{1,12}$/.test(text)) continue;
    const targetKib = Number(text);
    offsetKib ??= machine.memoryKib - targetKib;
    const wantedKib = targetKib + offsetKib;
    switch (temper.balloon) {
      case 'obey':
        machine.setMemory(wantedKib);
        break;
      case 'half':
        machine.setMemory(Math.max(wantedKib, startKib / 2));
        break;
      case 'slow':
        await balloonSlowly(machine, wantedKib);
        break;
      case 'stuck':
        break;
    }
  }
}

/** In small steps, until there or until the host gives no more. */
async function balloonSlowly(machine: GuestLife['machine'], wantedKib: number): Promise<void> {
  for (let hasKib = machine.memoryKib; hasKib !== wantedKib;) {
    const stepKib = Math.min(SLOW_STEP_KIB, Math.abs(wantedKib - hasKib));
    await machine.sleep(SLOW_STEP_MS);
    await machine.runnable();
    const nowKib = machine.setMemory(hasKib + (wantedKib > hasKib ? stepKib : -stepKib));
    if (nowKib === hasKib) return;
    hasKib = nowKib;
  }
}
