export { getHotplug } from './get-hotplug.ts';
export type {
  DiskStat,
  HotplugServices,
  LoopDevice,
  NetworkLink,
  ScriptCall,
  ScriptResult,
  UsedLoopDevice,
} from './hotplug-services.ts';
