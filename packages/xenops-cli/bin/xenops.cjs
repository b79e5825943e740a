#!/usr/bin/env node
if (process.argv[2] === '--version') console.log(require('../package.json').version);
else require('../dist/xenops.bundle.cjs');
