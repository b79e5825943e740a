#!/usr/bin/env node
import '../dist/bin/xenops.js';
