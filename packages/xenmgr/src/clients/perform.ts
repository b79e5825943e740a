/** Does something with an object. */
import type { ObjectAction } from './action.ts';
import { callMethod } from './call-method.ts';
import { listingJson, namesOf, renderListing } from './listing.ts';
import { introspect, type ObjectTarget, type Session } from './object-interfaces.ts';
import type { Outcome } from './outcome.ts';
import { getAllProperties, getProperty, setProperty } from './properties.ts';

/** Does it. Throws XecError for what the object does not have. */
export async function perform(
  session: Session,
  target: ObjectTarget,
  action: ObjectAction,
): Promise<Outcome> {
  switch (action.kind) {
    case 'describe': {
      const interfaces = await introspect(session, target);
      return { text: renderListing(interfaces), json: listingJson(interfaces) };
    }
    case 'list': {
      const names = namesOf(await introspect(session, target), action.what);
      return { text: names.map((name) => `${name}\n`).join(''), json: names };
    }
    case 'get':
      return getProperty(session, target, action.property);
    case 'get-all':
      return getAllProperties(session, target);
    case 'set':
      return setProperty(session, target, action);
    case 'call':
      return callMethod(session, target, action);
  }
}
