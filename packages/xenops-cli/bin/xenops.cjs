#!/usr/bin/env node
require('../dist/xenops.bundle.cjs');
