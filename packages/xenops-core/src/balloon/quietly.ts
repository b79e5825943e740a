import { hasCode } from '../errors.ts';

/** What a look at a domain gives, or undefined when it is not in a state to be looked at. */
export async function findQuietly<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (hasCode(error, 'DOMAIN_NOT_FOUND', 'DOMAIN_WRONG_STATE')) return undefined;
    throw error;
  }
}
