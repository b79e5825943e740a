#!/usr/bin/env node
import '../dist/xenops.bundle.js';
