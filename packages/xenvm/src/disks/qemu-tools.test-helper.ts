/** Tests with the real programs of QEMU, pending where they are not installed (Debian's package qemu-utils). */
import { existsSync } from 'node:fs';
import { test } from '@jest/globals';

const isInstalled = ['qemu-img', 'qemu-io'].every((name) => existsSync(`/usr/bin/${name}`));

/** A test that makes and reads images. */
export const testImages: typeof test = isInstalled ? test : (test.skip as typeof test);
