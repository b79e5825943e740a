import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { JsonValue } from '../rpc/json-text-codec.ts';
import { EventLog, type EventItem, type EventReader } from './event-log.ts';

const OBJECT = fc.constantFrom('vm', 'vbd/1', 'vif/0');

/** A client's picture of the VM, made of nothing but what it was sent. */
class Picture {
  objects = new Map<string, JsonValue>();
  sequence = -1;

  take(item: EventItem): void {
    if (item.kind === 'snapshot') this.objects = new Map(Object.entries(item.objects));
    // Without a snapshot between, no number is left out.
    else expect(item.sequence).toBe(this.sequence + 1);
    if (item.kind === 'set') this.objects.set(item.object, item.value);
    if (item.kind === 'removed') this.objects.delete(item.object);
    this.sequence = item.sequence;
  }
}

function drain(reader: EventReader, picture: Picture): void {
  for (let item = reader.next(); item !== undefined; item = reader.next()) picture.take(item);
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), object: OBJECT, value: fc.nat(3) }),
  fc.record({ kind: fc.constant('remove' as const), object: OBJECT }),
  fc.record({ kind: fc.constant('notice' as const) }),
  fc.record({ kind: fc.constant('read' as const) }),
  fc.record({ kind: fc.constant('reconnect' as const) }),
);

test('whoever reads now and then, and resumes, ends with the truth', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const log = new EventLog('one', 5);
      const picture = new Picture();
      let reader = log.read(undefined, () => undefined);
      for (const one of steps) {
        if (one.kind === 'set') log.set(one.object, one.value);
        if (one.kind === 'remove') log.remove(one.object);
        if (one.kind === 'notice') log.notice(0, ['ping']);
        if (one.kind === 'read') drain(reader, picture);
        if (one.kind === 'reconnect') {
          const { sequence } = picture;
          reader = log.read(sequence < 0 ? undefined : { epoch: 'one', sequence }, () => undefined);
        }
      }
      drain(reader, picture);
      expect(Object.fromEntries(picture.objects)).toEqual(log.snapshot().objects);
      expect(picture.sequence).toBe(log.snapshot().sequence);
    }),
  );
});

test('a position of another run, or of the future, gets a snapshot first', () => {
  const log = new EventLog('two');
  log.set('vm', 1);
  for (const from of [
    { epoch: 'one', sequence: 1 },
    { epoch: 'two', sequence: 99 },
    { epoch: 'two', sequence: -5 },
  ]) {
    expect(log.read(from, () => undefined).next()).toMatchObject({ kind: 'snapshot', sequence: 1 });
  }
});

test('a value that is as it was is no event, and a closed reader is not called', () => {
  const log = new EventLog('one');
  let calls = 0;
  const reader = log.read(undefined, () => (calls += 1));
  log.set('vm', { state: 'running' });
  log.set('vm', { state: 'running' });
  expect(calls).toBe(1);
  reader[Symbol.dispose]();
  log.set('vm', null);
  expect(calls).toBe(1);
});
