/** Sound cards, served by a program (xen/include/public/io/sndif.h). */
import { DOM0, type Domid } from '../../ids.ts';
import type { DeviceDescription } from '../device.ts';

export interface SoundStream {
  readonly uniqueId: string;
  readonly direction: 'playback' | 'capture';
}

export interface VsndConfig {
  readonly devid: number;
  readonly backendDomid?: Domid;
  readonly shortName?: string;
  readonly longName?: string;
  /** Hertz. */
  readonly sampleRates?: readonly number[];
  readonly sampleFormats?: readonly string[];
  readonly channels?: { readonly min: number; readonly max: number };
  readonly bufferBytes?: number;
  /** PCM devices with their streams. */
  readonly pcms?: readonly { readonly name?: string; readonly streams: readonly SoundStream[] }[];
}

/** Describes a sound card. */
export function describeVsnd(frontend: Domid, config: VsndConfig): DeviceDescription {
  const { devid, shortName, longName, sampleRates, sampleFormats, channels, bufferBytes } = config;
  return {
    address: {
      frontend,
      kind: 'vsnd',
      devid,
      backend: config.backendDomid ?? DOM0,
      backendKind: 'vsnd',
    },
    backend: 'program',
    backendKeys: {},
    frontendKeys: {
      ...(longName === undefined ? {} : { 'long-name': longName }),
      ...(shortName === undefined ? {} : { 'short-name': shortName }),
      ...(sampleRates === undefined ? {} : { 'sample-rates': sampleRates.join(',') }),
      ...(sampleFormats === undefined ? {} : { 'sample-formats': sampleFormats.join(',') }),
      ...(channels === undefined
        ? {}
        : { 'channels-min': String(channels.min), 'channels-max': String(channels.max) }),
      ...(bufferBytes === undefined ? {} : { 'buffer-size': String(bufferBytes) }),
      ...pcmKeys(config),
    },
    hotplug: { kind: 'none' },
  };
}

function pcmKeys({ pcms = [] }: VsndConfig): Readonly<Record<string, string>> {
  const entries = pcms.flatMap(({ name, streams }, pcm) => [
    ...(name === undefined ? [] : [[`${pcm}/name`, name]]),
    ...streams.flatMap(({ uniqueId, direction }, stream) => [
      [`${pcm}/${stream}/unique-id`, uniqueId],
      [`${pcm}/${stream}/type`, direction === 'playback' ? 'p' : 'c'],
    ]),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}
