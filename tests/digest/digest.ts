/** What a run comes to, as one short text: the same for the same lines. */
import { LAB_TABLES } from "@dmalab/devices";
import { formatEventText } from "@dmalab/lang/render";
import { EVENT_NAMES, type Machine } from "@dmalab/runtime";
import { MachineRecording } from "@dmalab/runtime/recording";

/** Events of one machine that are reported in words too. */
const FORMATTED_EVENTS = 300;

/** Pages of memory that are looked at in the end. */
const MAX_PAGES = 64;

/** Takes what happens, a line each. */
export type Sink = (line: string) => void;

/** Two of FNV-1a's kind side by side: one of 32 bits would be the same by chance too often. */
export class Digest {
  #low = 0x811c9dc5;
  #high = 0x9747b28c;
  #lines = 0;

  readonly add: Sink = (line) => {
    let low = this.#low;
    let high = this.#high;
    for (let index = 0; index < line.length; index++) {
      const code = line.charCodeAt(index);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x85ebca6b) ^ (high >>> 15);
    }
    this.#low = Math.imul(low ^ 10, 0x01000193);
    this.#high = Math.imul(high ^ 10, 0x85ebca6b);
    this.#lines++;
  };

  /** How many lines, and what they come to. */
  get text(): string {
    return `${this.#lines} ${word(this.#low)}${word(this.#high)}`;
  }
}

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

/** What learns of a machine. */
export interface Watch {
  /** To be called at the end: tells the state that the machine has come to. */
  readonly end: () => void;
}

/**
 * Tells every event of a machine from here on, up to so many of them.
 *
 * @param machine One on which nothing has happened yet.
 */
export function watchMachine(machine: Machine, sink: Sink, mostEvents = Infinity): Watch {
  const recording = new MachineRecording(machine, LAB_TABLES);
  const stop = machine.events.listen((event) => {
    sink(JSON.stringify(event));
    if (event.seq <= FORMATTED_EVENTS) sink(formatEventText(event, 0));
    if (event.seq < mostEvents) return;
    stop();
    recording.stop();
  });
  return {
    end: () => {
      stop();
      emitTables(recording, sink);
      emitState(machine, sink);
    },
  };
}

/** Every row that was there, with its lifetime. */
function emitTables(recording: MachineRecording, sink: Sink): void {
  recording.stop();
  for (const [name, table] of recording.tables) {
    const now = recording.log.count;
    for (const at of [now >> 1, now]) {
      for (const row of table.rowsAt(at)) {
        sink(`${name} at ${at}: ${JSON.stringify(table.row(row))}`);
      }
    }
  }
}

function emitState(machine: Machine, sink: Sink): void {
  const { checker, clock, events, iommu, memory, pages, swiotlb, warnings } = machine;
  for (const [id, name] of EVENT_NAMES.entries()) {
    if (events.count(id) > 0) sink(`${events.count(id)} times ${name}`);
  }
  sink(`time ${clock.nowNs}, memory ${pages.takenBytes}, slots ${swiotlb.usedSlots}`);
  sink(`mappings ${iommu.liveMappings}, stale accesses ${iommu.staleAccesses}`);
  sink(`warnings ${warnings.total}`);
  if (checker !== null) {
    const { errorCount, lastSerial, records } = checker;
    sink(`checker ${errorCount} ${lastSerial} ${records}`);
    checker.forEachMapping(0, (...mapping) => sink(`mapped ${mapping}`));
  }
  swiotlb.forEachBuffer((buffer) => sink(`bounced ${JSON.stringify(buffer)}`));
  iommu.iotlb.forEach((...entry) => sink(`IOTLB ${entry}`));
  for (const { flushQueue, iova, name, table } of iommu.domains) {
    sink(`${name}: ${iova.ranges.count} ranges`);
    iova.ranges.forEach((lo, hi) => sink(`range ${lo} ${hi}`));
    table.forEachLeaf(0, table.lastAddress, (...leaf) => sink(`leaf ${leaf}`));
    flushQueue?.forEach((...entry) => sink(`queued ${entry}`));
  }
  let left = MAX_PAGES;
  memory.forEachPage((phys, bytes) => {
    if (--left >= 0) sink(`page ${phys} ${sumOf(bytes)}`);
  });
}

function sumOf(bytes: Uint8Array): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let sum = 0x811c9dc5;
  for (let index = 0; index < words.length; index++) {
    sum = Math.imul(sum ^ words[index]!, 0x01000193);
    sum ^= sum >>> 15;
  }
  return sum >>> 0;
}
