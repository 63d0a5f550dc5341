/** A machine that is recorded while it runs, and its tables held to what it holds. */
import { assertEquals, AssertionError } from "@std/assert";
import { type Lab, LAB_TABLES } from "@dmalab/devices";
import type { NvmeRequest } from "@dmalab/devices/nvme";
import type { Machine, MachineEvent } from "@dmalab/runtime";
import type { AnyTableSpec } from "@dmalab/runtime/recording";
import { MachineRecording } from "@dmalab/runtime/recording/machine_recording";
import { DISK_TABLES, lookAtDisks } from "./disk_rows.ts";
import { ENDS_RECORDS, realRows, type Row, translates } from "./real_rows.ts";

export type { Row } from "./real_rows.ts";

/** Activities of one machine after each of which its tables are compared; then every so many. */
const ALL_UP_TO = 100;
const THEN_EVERY = 211;

/** A run is looked at up to about so many events: the longest of all has 4.4 million. */
const RECORDED_EVENTS = 50_000;

/** Events of one machine that are compared with what the log frees. */
const COMPARED_EVENTS = 5000;

/** Events after each of which live mappings are counted, and how often at most. */
const CHANGES_MAPPINGS: ReadonlySet<string> = new Set(["dma.map", "dma.unmap", "nvme.unmap"]);
const COUNTED = 2000;

/** What of a row a machine can be asked for, where that is not all of it. */
const COMPARED: Readonly<Record<string, readonly string[]>> = {
  // Caches keep ranges in sizes of powers of two: what was asked for is not kept.
  iova: ["device", "start"],
  // Links that lie side by side are one record, wherever their memory is.
  mappings: ["device", "dma", "size_bytes"],
};

/** Fields that move with a row's beginning, where the machine puts together what lies side by side. */
const JOINED: Readonly<Record<string, readonly string[]>> = {
  page_table: ["iova", "phys"],
  odp_pages: ["virt", "dma"],
  mappings: ["dma"],
};

export interface WatchedRun {
  readonly lab: Lab;
  readonly machine: Machine;
  readonly recording: MachineRecording;
  readonly events: MachineEvent[];
  activities: number;
  /** The checker's last record when the machine was ready. */
  readonly serial: number;
  /** Requests that were ever seen on their way. */
  readonly seen: Map<number, NvmeRequest>;
  /** It has been long enough: nothing more is recorded. */
  ended: boolean;
}

/** Watches machines: after each activity every table is compared with what the machine holds. */
export class Watch {
  readonly watched: WatchedRun[] = [];
  looks = 0;
  /** How often live mappings were counted. */
  counts = 0;
  readonly wrongCounts: string[] = [];
  /** The first difference: who runs the machine may take what an activity throws for its end. */
  difference: AssertionError | null = null;
  /** Rows of the machines that were compared. */
  rows = 0;

  /** @param specs Tables that are kept and compared. */
  constructor(readonly specs: readonly AnyTableSpec[] = LAB_TABLES) {}

  attach(lab: Lab): void {
    const { machine } = lab;
    const recording = new MachineRecording(machine, this.specs);
    const serial = machine.checker?.lastSerial ?? 0;
    const watched: WatchedRun = {
      lab,
      machine,
      recording,
      serial,
      events: [],
      seen: new Map(),
      activities: 0,
      ended: false,
    };
    const tableOfMappings = recording.tables.get("mappings");
    const stop = machine.events.listen((event) => {
      if (isCounted(event, machine) && this.counts++ < COUNTED) {
        const rows = tableOfMappings?.liveRows().map((row) => tableOfMappings.row(row));
        const wrong = rows === undefined ? null : wrongCount(lab, rows, event);
        if (wrong !== null) this.wrongCounts.push(wrong);
      }
      if (watched.events.length < COMPARED_EVENTS) watched.events.push(event);
      if (event.seq < RECORDED_EVENTS) return;
      stop();
      watched.recording.stop();
      watched.ended = true;
    });
    const runNext = machine.activities.runNext.bind(machine.activities);
    machine.activities.runNext = () => {
      const ran = runNext();
      if (watched.ended) return ran;
      const count = ++watched.activities;
      if (count <= ALL_UP_TO || count % THEN_EVERY === 0) this.#note(() => this.look(watched));
      return ran;
    };
    this.watched.push(watched);
  }

  #note(look: () => void): void {
    try {
      look();
    } catch (error) {
      if (!(error instanceof AssertionError)) throw error;
      this.difference ??= error;
    }
  }

  /** Looks once more. @throws {AssertionError} What differed first. */
  end(watched: WatchedRun): void {
    if (this.difference !== null) throw this.difference;
    assertEquals(this.wrongCounts, []);
    if (watched.ended) return;
    this.look(watched);
    assertEquals(watched.recording.log.count, watched.machine.events.seq);
  }

  look(watched: WatchedRun): void {
    const { machine, recording, serial } = watched;
    this.looks++;
    if (DISK_TABLES.every((name) => recording.tables.has(name))) lookAtDisks(watched);
    for (const spec of this.specs) {
      const real = realRows(spec, watched.lab, serial);
      if (real === null) continue;
      const table = recording.table(spec.name);
      const kept = table.rowsAt(recording.log.count).map((row) => table.row(row))
        .filter((row) => spec.name !== "mappings" || translates(machine, row.device))
        .filter((row) => spec.name !== "iova" || !isRest(row, real));
      const at = `table ${spec.name} after event ${recording.log.count}`;
      this.rows += real.length;
      sameRows(spec, kept, real, at);
    }
  }
}

/** The mappings of a range end one by one before the range does; a driver's mistake ends what it names. */
function isCounted({ fields, name }: MachineEvent, { events }: Machine): boolean {
  if (!CHANGES_MAPPINGS.has(name) || ENDS_RECORDS.some((id) => events.count(id) > 0)) return false;
  return !("api" in fields) || String(fields.api).startsWith("dma_map") ||
    String(fields.api).startsWith("dma_unmap");
}

/**
 * Devices' `live_mappings` against the rows: each single mapping is a row, and each range counts once,
 * with or without links. Lists, whose entries are rows, have tests of their own.
 */
function wrongCount(lab: Lab, rows: readonly Row[], { name, seq }: MachineEvent): string | null {
  if (rows.some(({ api }) => String(api).startsWith("dma_map_sg"))) return null;
  const singles = rows.filter(({ api }) => api !== "dma_iova_link").length;
  const held = singles + lab.machine.iommu.liveRanges;
  const counted = [...lab.devices.values()].reduce((sum, { dma }) => sum + dma.mappings, 0);
  return held === counted ? null : `${held} rows, ${counted} counted after ${name} #${seq}`;
}

/**
 * Whether a row is what a short destroy has lost of a range whose beginning is allocated again: the
 * allocator keeps one range, from where it began.
 */
function isRest({ device, start }: Row, real: readonly Row[]): boolean {
  return real.some((range) =>
    range.device === device && Number(range.start) < Number(start) &&
    Number(start) < Number(range.start) + Number(range.size_bytes)
  );
}

/** @throws {AssertionError} At the first row that differs, by its table, its fields and the event. */
function sameRows(
  spec: AnyTableSpec,
  kept: readonly Row[],
  real: readonly Row[],
  at: string,
): void {
  const [ours, own] = [texts(spec, kept), texts(spec, real)];
  if (ours.length === own.length && ours.every((row, index) => row === own[index])) return;
  const extra = ours.find((row) => !own.includes(row));
  const missing = own.find((row) => !ours.includes(row));
  throw new AssertionError(
    `${at}: ${
      [
        ...extra === undefined ? [] : [`the machine has no row ${extra}`],
        ...missing === undefined ? [] : [`the machine has a row more: ${missing}`],
        ...extra === undefined && missing === undefined
          ? [`${ours.length} rows, and the machine has ${own.length}`]
          : [],
      ].join("; ")
    }`,
  );
}

function texts(spec: AnyTableSpec, rows: readonly Row[]): string[] {
  const fields = COMPARED[spec.name] ?? Object.keys(spec.fields);
  const text = (row: Row) => fields.map((field) => String(row[field])).join(" ");
  const moving = JOINED[spec.name];
  return (moving === undefined ? rows : joined(spec, moving, fields, rows)).map(text).sort();
}

/** Rows that go on where another one ends, as one: leaves of a table are smaller than mappings. */
function joined(
  spec: AnyTableSpec,
  moving: readonly string[],
  fields: readonly string[],
  rows: readonly Row[],
): Row[] {
  const start = spec.key.at(-1) as string;
  const owner = (row: Row) => spec.key.slice(0, -1).map((field) => row[field as string]).join(" ");
  const size = spec.size as string;
  const sorted = rows.map((row) => ({ of: owner(row), row }))
    .sort((a, b) =>
      a.of === b.of ? Number(a.row[start]) - Number(b.row[start]) : a.of < b.of ? -1 : 1
    );
  const out: Record<string, unknown>[] = [];
  for (const { row } of sorted) {
    const last = out.at(-1);
    const goesOn = last !== undefined &&
      fields.every((field) =>
        field === size ||
        (moving.includes(field)
          ? Number(last[field]) + Number(last[size]) === row[field]
          : last[field] === row[field])
      );
    if (goesOn) last[size] = Number(last[size]) + Number(row[size]);
    else out.push({ ...row });
  }
  return out;
}
