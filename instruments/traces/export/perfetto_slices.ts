/**
 * Mappings as a trace of Perfetto: TrackEvents in protocol buffers.
 *
 * A device is a track with lanes below it; a mapping is a slice on the lowest lane that is free, from
 * its map to its unmap. A counter beside them shows how many are live: with a leak it only rises.
 *
 * @see Perfetto, protos/perfetto/trace: trace_packet, track_event, track_descriptor
 */
import { PbfWriter } from "pbf";
import type { TracedMapping } from "../ledger/traced_mapping.ts";
import { deviceName, type SliceEnd, type SliceSink } from "./mapping_slices.ts";

/** Numbers of fields, by their names in the definitions. */
const TRACE = { packet: 1 } as const;
const PACKET = {
  timestamp: 8,
  trustedPacketSequenceId: 10,
  trackEvent: 11,
  sequenceFlags: 13,
  trackDescriptor: 60,
} as const;
const DESCRIPTOR = { uuid: 1, name: 2, parentUuid: 5, counter: 8 } as const;
const EVENT = {
  debugAnnotations: 4,
  type: 9,
  trackUuid: 11,
  categories: 22,
  name: 23,
  counterValue: 30,
} as const;
const ANNOTATION = { uintValue: 3, stringValue: 6, name: 10 } as const;

const TYPE = { begin: 1, end: 2, counter: 4 } as const;
/** `SEQ_INCREMENTAL_STATE_CLEARED`: nothing from before is needed to understand what comes. */
const STATE_CLEARED = 1;
const SEQUENCE = 1;
const NS_PER_S = 1e9;
/** Bytes that are gathered before they are written. */
const FLUSH_AT_BYTES = 1 << 16;
/** Of more mappings at once only the number is shown. */
const MOST_LANES = 256;

interface DeviceTrack {
  readonly uuid: number;
  readonly counter: number;
  readonly lanes: Lane[];
  live: number;
}

interface Lane {
  readonly uuid: number;
  /** What is on it now, or null. */
  mapping: TracedMapping | null;
  freeSince: number;
}

type Annotations = Readonly<Record<string, string | number | null>>;

export class PerfettoSlices implements SliceSink {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #devices = new Map<string, DeviceTrack>();
  readonly #lanes = new Map<TracedMapping, Lane>();
  #pbf = new PbfWriter();
  #uuids = 0;
  #packets = 0;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  begin(mapping: TracedMapping, seconds: number): void {
    const device = this.#device(deviceName(mapping));
    this.#count(device, 1, seconds);
    const lane = this.#lane(device, mapping, seconds);
    if (lane === null) return;
    this.#lanes.set(mapping, lane);
    this.#event(lane.uuid, TYPE.begin, seconds, `0x${mapping.addr.toString(16)}`, mapping.kind, {
      bytes: mapping.sizeBytes,
      direction: mapping.dir,
      line: mapping.mappedAt.line,
      physical: mapping.phys === null ? null : `0x${mapping.phys.toString(16)}`,
      task: mapping.task === "" ? null : `${mapping.task}-${mapping.pid}`,
      request: mapping.request,
    });
  }

  end(mapping: TracedMapping, seconds: number, end: SliceEnd): void {
    this.#count(this.#device(deviceName(mapping)), -1, seconds);
    const lane = this.#lanes.get(mapping);
    if (lane === undefined) return;
    this.#lanes.delete(mapping);
    lane.mapping = null;
    lane.freeSince = seconds;
    const annotations: Annotations = end.how === "unmapped"
      ? { "unmapped in line": end.line }
      : { end: "not in the trace" };
    this.#event(lane.uuid, TYPE.end, seconds, null, null, annotations);
  }

  finish(): void {
    if (this.#pbf.pos > 0) this.#flush();
  }

  #device(name: string): DeviceTrack {
    let device = this.#devices.get(name);
    if (device !== undefined) return device;
    device = { uuid: ++this.#uuids, counter: ++this.#uuids, lanes: [], live: 0 };
    this.#devices.set(name, device);
    this.#track(device.uuid, name, null, false);
    this.#track(device.counter, "live mappings", device.uuid, true);
    return device;
  }

  /** Slices of one track must not overlap: the lowest lane that is free at this time. */
  #lane(device: DeviceTrack, mapping: TracedMapping, seconds: number): Lane | null {
    for (const lane of device.lanes) {
      if (lane.mapping === null && lane.freeSince <= seconds) {
        lane.mapping = mapping;
        return lane;
      }
    }
    if (device.lanes.length === MOST_LANES) return null;
    const lane: Lane = { uuid: ++this.#uuids, mapping, freeSince: 0 };
    device.lanes.push(lane);
    this.#track(lane.uuid, "mappings", device.uuid, false);
    return lane;
  }

  #count(device: DeviceTrack, change: number, seconds: number): void {
    device.live += change;
    this.#packet(
      seconds,
      (pbf) =>
        pbf.writeMessage(PACKET.trackEvent, (value: number, event: PbfWriter) => {
          event.writeVarintField(EVENT.type, TYPE.counter);
          event.writeVarintField(EVENT.trackUuid, device.counter);
          event.writeVarintField(EVENT.counterValue, value);
        }, device.live),
    );
  }

  #track(uuid: number, name: string, parent: number | null, isCounter: boolean): void {
    this.#packet(
      null,
      (pbf) =>
        pbf.writeMessage(PACKET.trackDescriptor, (_: null, track: PbfWriter) => {
          track.writeVarintField(DESCRIPTOR.uuid, uuid);
          track.writeStringField(DESCRIPTOR.name, name);
          if (parent !== null) track.writeVarintField(DESCRIPTOR.parentUuid, parent);
          if (isCounter) track.writeMessage(DESCRIPTOR.counter, () => {}, null);
        }, null),
    );
  }

  #event(
    track: number,
    type: number,
    seconds: number,
    name: string | null,
    category: string | null,
    annotations: Annotations,
  ): void {
    this.#packet(
      seconds,
      (pbf) =>
        pbf.writeMessage(PACKET.trackEvent, (_: null, event: PbfWriter) => {
          for (const [key, value] of Object.entries(annotations)) {
            if (value !== null) {
              event.writeMessage(EVENT.debugAnnotations, annotation, { key, value });
            }
          }
          event.writeVarintField(EVENT.type, type);
          event.writeVarintField(EVENT.trackUuid, track);
          if (category !== null) {
            event.writeStringField(EVENT.categories, category);
          }
          if (name !== null) event.writeStringField(EVENT.name, name);
        }, null),
    );
  }

  #packet(seconds: number | null, fill: (pbf: PbfWriter) => void): void {
    const isFirst = this.#packets++ === 0;
    this.#pbf.writeMessage(TRACE.packet, (_: null, pbf: PbfWriter) => {
      if (seconds !== null) pbf.writeVarintField(PACKET.timestamp, Math.round(seconds * NS_PER_S));
      pbf.writeVarintField(PACKET.trustedPacketSequenceId, SEQUENCE);
      if (isFirst) pbf.writeVarintField(PACKET.sequenceFlags, STATE_CLEARED);
      fill(pbf);
    }, null);
    if (this.#pbf.pos >= FLUSH_AT_BYTES) this.#flush();
  }

  #flush(): void {
    this.#write(this.#pbf.finish());
    this.#pbf = new PbfWriter();
  }
}

function annotation(
  { key, value }: { readonly key: string; readonly value: string | number },
  pbf: PbfWriter,
): void {
  pbf.writeStringField(ANNOTATION.name, key);
  if (typeof value === "number") pbf.writeVarintField(ANNOTATION.uintValue, value);
  else pbf.writeStringField(ANNOTATION.stringValue, value);
}
