/**
 * Tables of a recording against the machine's own structures, at each activity's end of every run
 * of every example, and the event log against the events.
 */
import { assert, assertEquals, AssertionError } from "@std/assert";
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
import { LAB_TABLES } from "../devices/lab_tables.ts";
import type { Lab } from "../devices/lab.ts";
import type { ControllerRings } from "../devices/nvme/controller/queues.ts";
import type { NvmeCommandView } from "../devices/nvme/driver/command/command_view.ts";
import type { Iod } from "../devices/nvme/driver/command/iod.ts";
import type { NvmeRequest } from "../devices/nvme/driver/command/nvme_request.ts";
import type { QueuePair } from "../devices/nvme/driver/queues/queue_pair.ts";
import { SGL_TYPE } from "../devices/nvme/driver/protocol.ts";
import { ROOT } from "./source_text.ts";
import { scenariosBelow } from "./examples.ts";

/** Activities of one machine after each of which its tables are compared; then every so many. */
const ALL_UP_TO = 100;
const THEN_EVERY = 211;

/** A run is looked at up to about so many events: the longest of all has 4.4 million. */
const RECORDED_EVENTS = 50_000;

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

/** Tables whose rows are all that the machine has of their kind. */
const COUNTED: ReadonlySet<string> = new Set([
  "page_table",
  "iova",
  "flush_queue",
  "swiotlb",
  "mappings",
]);

/** Fields that move with a row's beginning, where the machine puts together what lies side by side. */
const JOINED: Readonly<Record<string, readonly string[]>> = {
  page_table: ["iova", "phys"],
  mappings: ["dma"],
};

type Row = Readonly<Record<string, unknown>>;

/** Entries of data pointers, by request. */
interface Entries {
  readonly prp: ReadonlyMap<unknown, readonly Row[]>;
  readonly sgl: ReadonlyMap<unknown, readonly Row[]>;
}

interface Watched {
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

class Watch {
  readonly watched: Watched[] = [];
  looks = 0;

  constructor(readonly specs: readonly AnyTableSpec[] = LAB_TABLES) {}

  attach(lab: Lab): void {
    const { machine } = lab;
    const recording = new MachineRecording(machine, this.specs);
    const serial = machine.checker?.lastSerial ?? 0;
    const watched: Watched = {
      lab,
      machine,
      recording,
      serial,
      events: [],
      seen: new Map(),
      activities: 0,
      ended: false,
    };
    const stop = machine.events.listen((event) => {
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
      if (count <= ALL_UP_TO || count % THEN_EVERY === 0) this.look(watched);
      return ran;
    };
    this.watched.push(watched);
  }

  /** Looks once more. */
  end(watched: Watched): void {
    if (watched.ended) return;
    this.look(watched);
    assertEquals(watched.recording.log.count, watched.machine.events.seq);
  }

  look(watched: Watched): void {
    const { machine, recording, serial } = watched;
    this.looks++;
    lookAtDisks(watched);
    for (const spec of this.specs) {
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

/** Queues and lists in memory against the tables, command by command. */
function lookAtDisks({ lab, recording, seen }: Watched): void {
  const now = recording.log.count;
  const rows = (table: string): Row[] =>
    recording.table(table).rowsAt(now).map((row) => recording.table(table).row(row));
  const [slots, doorbells, commands] = ["queue_slots", "doorbells", "commands"].map(rows);
  const entries: Entries = {
    prp: Map.groupBy(rows("prp_entries"), ({ request }) => request),
    sgl: Map.groupBy(rows("sgl_entries"), ({ request }) => request),
  };
  // Those of the admin queue, which has no rings to look at, are known by its commands alone.
  const sent = new Set<unknown>(
    commands!.filter(({ queue }) => queue === 0).map(({ request }) => request),
  );
  const admin = new Set(sent);
  for (const device of lab.devices.values()) {
    if (device.kind !== "nvme") continue;
    const { controller, disk: { driver } } = device;
    for (const queue of driver.ioQueues) {
      const own = (row: Row) => row.device === device.name && row.queue === queue.id;
      const at = `of queue ${queue.id} after event ${now}`;
      lookAtSlots(queue, slots!.filter(own), at);
      const rings = controller.ringsOf(queue.id);
      // While the controller is stopped, nothing that the driver has written to it counts.
      if (rings === null) continue;
      lookAtDoorbells(queue, doorbells!.filter(own), at);
      for (const { request } of queue.sent()) {
        sent.add(request!.id);
        seen.set(request!.id, request!);
      }
      // A bug of the kernel's may have ended the driver before it sent what it has a tag for.
      const all = queue.sent().filter(({ request }) =>
        slots!.some((row) => own(row) && row.request === request!.id)
      );
      lookAtCommands(queue, all, rings, commands!.filter(own), at);
      lookAtPhases(all, commands!.filter(own), rows("requests"), at);
      for (const iod of all) {
        // The driver makes no lists for commands written by hand.
        if (iod.request!.template !== null) continue;
        lookAtEntries(iod.request!.id, driver.viewCommand(iod), entries, at);
      }
    }
  }
  const requests = rows("requests").filter(({ request }) => !admin.has(request));
  lookAtRequests(seen, requests, `after event ${now}`);
  for (const request of [...entries.prp.keys(), ...entries.sgl.keys()]) {
    assert(sent.has(request), `request ${request} has entries after event ${now}`);
  }
}

/** A request whose command is on its way is as far as that. */
function lookAtPhases(
  sent: readonly Iod[],
  commands: readonly Row[],
  requests: readonly Row[],
  at: string,
): void {
  const phases: Readonly<Record<string, string>> = {
    put: "sent",
    fetched: "fetched",
    completed: "completed",
  };
  for (const { request } of sent) {
    const { cid, done, id } = request!;
    const state = commands.find((row) => row.cid === cid)?.state as string;
    const phase = requests.find((row) => row.request === id)?.phase;
    if (!done) assertEquals(phase, phases[state], `request ${id} ${at}`);
  }
}

/** Requests that were ever sent, as their own fields tell. */
function lookAtRequests(
  seen: ReadonlyMap<number, NvmeRequest>,
  rows: readonly Row[],
  at: string,
): void {
  const kept = new Map(rows.map((row) => [row.request, row]));
  for (const [id, { done, status }] of seen) {
    const row = kept.get(id);
    assertEquals(row?.phase === "ended", done, `request ${id} is ${row?.phase} ${at}`);
    if (done) assertEquals(row?.status, status, `request ${id} ${at}`);
  }
}

function lookAtSlots(queue: QueuePair, slots: readonly Row[], at: string): void {
  for (const { cid, slot } of slots) {
    assertEquals(queue.commandIdAt(slot as number), cid, `slot ${slot} ${at}`);
  }
  const { sqTail } = queue.rings;
  assert(sqTail === 0 || slots.some(({ slot }) => slot === sqTail - 1), `the last slot ${at}`);
}

function lookAtDoorbells(queue: QueuePair, doorbells: readonly Row[], at: string): void {
  const { cqHead, sqRung } = queue.rings;
  for (const [word, real] of [["sq_tail", sqRung], ["cq_head", cqHead]] as const) {
    const row = doorbells.find(({ which }) => which === word);
    // What was reset and not rung again has no row; both are 0 then.
    assertEquals(row?.value ?? 0, real, `${word} ${at}`);
  }
}

function lookAtCommands(
  queue: QueuePair,
  sent: readonly Iod[],
  rings: ControllerRings,
  commands: readonly Row[],
  at: string,
): void {
  const real = new Map<unknown, string>();
  for (const { request } of sent) real.set(request!.cid, "fetched");
  for (let slot = rings.sqHead; slot !== queue.rings.sqTail; slot = next(queue, slot)) {
    real.set(queue.commandIdAt(slot), "put");
  }
  for (let slot = queue.rings.cqHead; slot !== rings.cqTail; slot = next(queue, slot)) {
    real.set(queue.completionAt(slot).cid, "completed");
  }
  // A command stays as it was completed until its identifier is used again.
  const kept = commands.filter(({ cid, state }) => state !== "completed" || real.has(cid));
  const text = ([cid, state]: readonly [unknown, unknown]) => `${cid} ${state}`;
  assertEquals(
    kept.map(({ cid, state }) => text([cid, state])).sort(),
    [...real].map(text).sort(),
    `commands ${at}`,
  );
}

function next({ depthEntries }: QueuePair, slot: number): number {
  return slot + 1 === depthEntries ? 0 : slot + 1;
}

function lookAtEntries(request: number, view: NvmeCommandView, kept: Entries, at: string): void {
  if (view.format === "sgl") {
    const real = view.sgl.concat(view.metadataSgl)
      .filter(({ type }) => type === SGL_TYPE.DATA_BLOCK)
      .map(({ address, sizeBytes }) => `${address} ${sizeBytes}`);
    const rows = (kept.sgl.get(request) ?? []).filter(({ type }) => type === "data_block")
      .map(({ address, length_bytes }) => `${address} ${length_bytes}`);
    assertEquals(rows.sort(), real.sort(), `SGL of request ${request} ${at}`);
  } else if (view.prp1 !== 0) {
    const real = [
      `null -1 ${view.prp1}`,
      ...view.prp2 === 0 ? [] : [`null -2 ${view.prp2}`],
      ...view.prpLists.flatMap(({ entries }, page) =>
        entries.map((entry, index) => `${page} ${index} ${entry}`)
      ),
    ];
    const rows = (kept.prp.get(request) ?? []).map(({ entry, index, list_page }) =>
      `${list_page} ${index} ${entry}`
    );
    assertEquals(rows.sort(), real.sort(), `PRPs of request ${request} ${at}`);
  }
}

/** What the machine itself says of a table; null where it keeps no such thing. */
function realRows(spec: AnyTableSpec, machine: Machine, serial: number): Row[] | null {
  const real: Row[] = [];
  if (!COUNTED.has(spec.name)) return null;
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

/** Runs an example, every machine of it watched. @throws {AssertionError} At the first row that differs. */
function watchExample(path: string, watch: Watch): void {
  const registry: typeof BUILTINS = {
    ...BUILTINS,
    buildWorld: (config, options) => {
      const world = BUILTINS.buildWorld(config, options);
      watch.attach(world.lab);
      return world;
    },
  };
  const opened = HostLoader.open(join(ROOT, path));
  if (typeof opened === "string") throw new Error(opened);
  runProgram(loadProgram(opened.entry, opened.loader, registry).program!);
  for (const watched of watch.watched) watch.end(watched);
}

for (const path of scenariosBelow("examples")) {
  Deno.test(`tables of a recording are true in every run of ${path}`, () => {
    const watch = new Watch();
    watchExample(path, watch);
    for (const { events, recording: { log } } of watch.watched) {
      for (const event of events) {
        const kept = log.event(event.seq);
        assertEquals(kept, event);
        assertEquals(formatEventText(kept, 0), formatEventText(event, 0));
      }
    }
  });
}

/** Examples that between them make every change of every table. */
const TELLING = ["01", "07", "21", "02", "11", "17", "57", "53"];

for (const spec of LAB_TABLES.filter(({ name }) => name !== "incidents")) {
  for (const name of Object.keys(spec.changes)) {
    Deno.test(`table ${spec.name} that leaves ${name} out is caught`, () => {
      const changes = { ...spec.changes, [name]: () => {} };
      const specs = LAB_TABLES.map((each) => each === spec ? { ...spec, changes } : each);
      const paths = TELLING.map((number) =>
        scenariosBelow("examples").find((path) => path.startsWith(`examples/${number}-`))!
      );
      assert(paths.some((path) => differs(path, specs)), "no example differs");
    });
  }
}

function differs(path: string, specs: readonly AnyTableSpec[]): boolean {
  try {
    watchExample(path, new Watch(specs));
    return false;
  } catch (error) {
    if (error instanceof AssertionError) return true;
    throw error;
  }
}
