// Jest runs tests in a realm of their own, in which an error thrown by Node itself is not `instanceof Error`: code that
// looks at `error.code` would behave otherwise in a test than in life. Here `instanceof Error` holds for errors of any
// realm, as it does outside jest.
import { types } from 'node:util';
import { TestEnvironment } from 'jest-environment-node';

const ordinary = Function.prototype[Symbol.hasInstance];

export default class Environment extends TestEnvironment {
  async setup() {
    await super.setup();
    const RealmError = this.global.Error;
    Object.defineProperty(RealmError, Symbol.hasInstance, {
      value(candidate) {
        return (
          (this === RealmError && types.isNativeError(candidate)) || ordinary.call(this, candidate)
        );
      },
    });
  }
}
