/**
 * Tables of a recording against the machine's own structures, at each activity's end of every run
 * of every example, and the event log against the events.
 */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { HostLoader } from "../cli/host_loader.ts";
import { BUILTINS } from "../lang/builtins/mod.ts";
import { formatEventText } from "../lang/render/event_line.ts";
import { loadProgram } from "../lang/run/program.ts";
import { runProgram } from "../lang/run/run_program.ts";
import { eventId } from "../runtime/event_vocabulary.ts";
import type { MachineEvent } from "../runtime/events.ts";
import type { Machine } from "../runtime/machine.ts";
import type { AnyTableSpec } from "../runtime/recording/fact_table.ts";
import { MachineRecording } from "../runtime/recording/machine_recording.ts";
import { RUNTIME_TABLES } from "../runtime/recording/tables/runtime_tables.ts";
import { ROOT } from "./source_text.ts";
import { scenariosBelow } from "./examples.ts";

/** Activities of one machine after each of which its tables are compared; then every so many. */
const ALL_UP_TO = 100;
const THEN_EVERY = 211;

/** A run is looked at up to about so many events: the longest of all has 4.4 million. */
const RECORDED_EVENTS = 200_000;

/** Events of one machine that are compared with what the log gives back. */
const COMPARED_EVENTS = 5000;

/** A row as a text by which tables are compared. */
type RowText = (row: Row) => string;

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
  mappings: ["dma"],
};

type Row = Readonly<Record<string, unknown>>;

interface Watched {
  readonly machine: Machine;
  readonly recording: MachineRecording;
  readonly events: MachineEvent[];
  activities: number;
  /** The checker's last record when the machine was ready. */
  readonly serial: number;
  /** It has been long enough: nothing more is recorded. */
  ended: boolean;
}

class Watch {
  readonly watched: Watched[] = [];
  looks = 0;

  attach(machine: Machine): void {
    const recording = new MachineRecording(machine, RUNTIME_TABLES);
    const serial = machine.checker?.lastSerial ?? 0;
    const watched: Watched = {
      machine,
      recording,
      serial,
      events: [],
      activities: 0,
      ended: false,
    };
    const stop = machine.events.listen((event) => {
      if (watched.events.push(event) === COMPARED_EVENTS) stop();
    });
    const runNext = machine.activities.runNext.bind(machine.activities);
    machine.activities.runNext = () => {
      const ran = runNext();
      if (watched.ended) return ran;
      const count = ++watched.activities;
      if (recording.log.count > RECORDED_EVENTS) this.end(watched);
      else if (count <= ALL_UP_TO || count % THEN_EVERY === 0) this.look(watched);
      return ran;
    };
    this.watched.push(watched);
  }

  /** Looks once more, and records nothing after that. */
  end(watched: Watched): void {
    if (watched.ended) return;
    this.look(watched);
    watched.recording.stop();
    watched.ended = true;
    assertEquals(watched.recording.log.count, watched.machine.events.seq);
  }

  look({ machine, recording, serial }: Watched): void {
    this.looks++;
    for (const spec of RUNTIME_TABLES) {
      const real = realRows(spec, machine, serial);
      if (real === null) continue;
      const table = recording.table(spec.name);
      const kept = table.rowsAt(recording.log.count).map((row) => table.row(row))
        .filter((row) => spec.name !== "mappings" || translates(machine, row.device));
      assertEquals(
        texts(spec, kept),
        texts(spec, real),
        `table ${spec.name} after event ${recording.log.count}`,
      );
    }
  }
}

/** What the machine itself says of a table; null where it keeps no such thing. */
function realRows(spec: AnyTableSpec, machine: Machine, serial: number): Row[] | null {
  const real: Row[] = [];
  if (spec.name === "incidents") return null;
  if (spec.name !== "mappings") spec.read(machine, (row: Row) => real.push(row));
  else if (machine.checker === null || ENDS_RECORDS.some((id) => machine.events.count(id) > 0)) {
    return null;
  } else {
    machine.checker.forEachMapping(serial, (device, dma, size_bytes) => {
      if (translates(machine, device)) real.push({ device, dma, size_bytes });
    });
  }
  return real;
}

/** Without translation there is nothing to unmap, and the checker forgets what nobody will end. */
function translates({ iommu }: Machine, device: unknown): boolean {
  return iommu.domains.some((domain) => domain.device.name === device);
}

/** After a driver's mistake, or when it leaves, the checker has ends of its own for its records. */
const ENDS_RECORDS = [eventId("dma.report"), eventId("nvme.state")];

function texts(spec: AnyTableSpec, rows: readonly Row[]): string[] {
  const fields = COMPARED[spec.name] ?? Object.keys(spec.fields);
  const text: RowText = (row) => fields.map((field) => String(row[field])).join(" ");
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
  const [device, start] = spec.key as [string, string];
  const size = spec.size as string;
  const sorted = rows.toSorted((a, b) =>
    String(a[device]).localeCompare(String(b[device])) || Number(a[start]) - Number(b[start])
  );
  const out: Record<string, unknown>[] = [];
  for (const row of sorted) {
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

for (const path of scenariosBelow("examples")) {
  Deno.test(`tables of a recording are true in every run of ${path}`, () => {
    const watch = new Watch();
    const registry: typeof BUILTINS = {
      ...BUILTINS,
      buildWorld: (config, options) => {
        const world = BUILTINS.buildWorld(config, options);
        watch.attach(world.lab.machine);
        return world;
      },
    };
    const opened = HostLoader.open(join(ROOT, path));
    if (typeof opened === "string") throw new Error(opened);
    runProgram(loadProgram(opened.entry, opened.loader, registry).program!);
    for (const watched of watch.watched) {
      watch.end(watched);
      const { log } = watched.recording;
      for (const event of watched.events) {
        const kept = log.event(event.seq);
        assertEquals(kept, event);
        assertEquals(formatEventText(kept, 0), formatEventText(event, 0));
      }
    }
  });
}
