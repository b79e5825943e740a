#!/usr/bin/env node
// The committed name of the command; the program is what the build makes.
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';

// A daemon keeps what its heap for young objects once grew to, up to 48 MiB; this one is kept at its first size.
setFlagsFromString('--semi-space-growth-factor=1');
const require = createRequire(import.meta.url);
if (process.argv[2] === '--version') console.log(require('../package.json').version);
else require('../dist/xenvm.bundle.cjs');
