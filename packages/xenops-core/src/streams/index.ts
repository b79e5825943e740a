export * from './image-format.ts';
export { readExact, writeAll } from './descriptor.ts';
