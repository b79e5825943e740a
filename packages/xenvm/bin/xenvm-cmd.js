#!/usr/bin/env node
// The committed name of the command; the program is what the build makes.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
if (process.argv[2] === '--version') console.log(require('../package.json').version);
else require('../dist/xenvm-cmd.bundle.cjs');
