import { SimHost } from './sim-host.test-helper.ts';
import { describeSlice } from './slice-suite.ts';

describeSlice('xenops on an embedded host', () => SimHost.start(), 30_000);
