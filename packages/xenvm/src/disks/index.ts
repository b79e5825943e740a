/** Disks that need more than their image: snapshot layers, encryption, block devices of images. */
export { DISK_PLACES, type DiskPlaces } from './disk-actions.ts';
export { DiskKeeper, type DiskKeeperOptions } from './disk-keeper.ts';
export { runTool, type RunTool, type ToolCall } from './run-tool.ts';
