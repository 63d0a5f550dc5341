/** Records a machine while it runs, and compares the tables with the machine's own data. */
import { assert, assertEquals, AssertionError } from "@std/assert";
import {
  type ControllerRings,
  type Iod,
  type Lab,
  LAB_TABLES,
  type MigrationBuffer,
  NVME_TABLES,
  type NvmeCommandView,
  type NvmeRequest,
  type QueuePair,
  SGL_TYPE,
} from "@dmalab/devices";
import { eventId, type Machine, type MachineEvent } from "@dmalab/runtime";
import { type AnyTableSpec, MachineRecording } from "@dmalab/runtime/recording";

/**
 * The tables are compared after each of a machine's first `ALL_UP_TO` activities, then after one in
 * `THEN_EVERY`.
 */
const ALL_UP_TO = 100;
const THEN_EVERY = 211;

/** Each run is examined up to about this many events: the longest has 4.4 million. */
const RECORDED_EVENTS = 50_000;

/** Number of a machine's events that are compared with the ones read back from the log. */
const COMPARED_EVENTS = 5000;

/**
 * `CHANGES_MAPPINGS`: events after which live mappings are counted. `COUNTED`: the largest number
 * of counts.
 */
const CHANGES_MAPPINGS: ReadonlySet<string> = new Set(["dma.map", "dma.unmap", "nvme.unmap"]);
const COUNTED = 2000;

/** The fields of a row that are compared, for tables where the machine cannot provide all fields. */
const COMPARED: Readonly<Record<string, readonly string[]>> = {
  // Sizes are not compared: caches round ranges up to powers of two, and the requested size is not
  // kept.
  iova: ["device", "start"],
  // `phys` is not compared: adjacent links are one record, wherever their memory is.
  mappings: ["device", "dma", "size_bytes"],
};

/** Fields that depend on where a row begins, for tables where the machine joins adjacent entries. */
const JOINED: Readonly<Record<string, readonly string[]>> = {
  page_table: ["iova", "phys"],
  odp_pages: ["virt", "dma"],
  mappings: ["dma"],
};

interface WatchedRun {
  readonly lab: Lab;
  readonly machine: Machine;
  readonly recording: MachineRecording;
  readonly events: MachineEvent[];
  activities: number;
  /** Serial number of the checker's last record when the machine was ready. */
  readonly serial: number;
  /** All requests that were ever seen under way. */
  readonly seen: Map<number, NvmeRequest>;
  /** Whether the limit of events was reached: the rest is not recorded. */
  ended: boolean;
}

/** Watches machines: compares every table with the machine's data after activities. */
export class Watch {
  readonly watched: WatchedRun[] = [];
  looks = 0;
  /** How often live mappings were counted. */
  counts = 0;
  readonly wrongCounts: string[] = [];
  /**
   * The first difference. It is stored here and not only thrown, because the machine's runner may
   * treat an exception in an activity as the end of that activity.
   */
  difference: AssertionError | null = null;
  /** Number of compared rows of the machines. */
  rows = 0;

  /** @param specs Tables that are recorded and compared. */
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
        const apis = tableOfMappings?.liveRows()
          .map((row) => String(tableOfMappings.value(row, "api")));
        const wrong = apis === undefined ? null : wrongCount(lab, apis, event);
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

  /** Compares the tables once more. @throws {AssertionError} The first difference. */
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

/**
 * Whether mappings are counted after an event. They are not counted while a range ends: its
 * mappings end one by one, and then the range itself ends. After a driver's mistake they are not
 * counted either, because the checker then also ends records of other mappings.
 */
function isCounted({ fields, name }: MachineEvent, { events }: Machine): boolean {
  if (!CHANGES_MAPPINGS.has(name) || ENDS_RECORDS.some((id) => events.count(id) > 0)) return false;
  return !("api" in fields) || String(fields.api).startsWith("dma_map") ||
    String(fields.api).startsWith("dma_unmap");
}

/**
 * Compares the devices' `live_mappings` with the rows. Each single mapping has a row, and each
 * range counts once, with or without links. Scatterlists are tested elsewhere, because each of
 * their entries has a row.
 *
 * @param apis The functions that made the mappings of the rows.
 */
function wrongCount(
  lab: Lab,
  apis: readonly string[],
  { name, seq }: MachineEvent,
): string | null {
  if (apis.some((api) => api.startsWith("dma_map_sg"))) return null;
  const singles = apis.filter((api) => api !== "dma_iova_link").length;
  const held = singles + lab.machine.iommu.liveRanges;
  const counted = [...lab.devices.values()].reduce((sum, { dma }) => sum + dma.mappings, 0);
  return held === counted ? null : `${held} rows, ${counted} counted after ${name} #${seq}`;
}

/**
 * Whether a row is the rest of a lost range. A destroy with too small a size freed only the
 * beginning of the range: the rest was lost, and the beginning was allocated again. The allocator
 * then keeps only the range that starts at this beginning.
 */
function isRest({ device, start }: Row, real: readonly Row[]): boolean {
  return real.some((range) =>
    range.device === device && Number(range.start) < Number(start) &&
    Number(start) < Number(range.start) + Number(range.size_bytes)
  );
}

/** @throws {AssertionError} At the first row that differs; names its table, its fields and the event. */
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

/** Joins adjacent rows into one: the leaves of a page table are smaller than mappings. */
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

type Row = Readonly<Record<string, unknown>>;

/** For each table without `read`: the function that gets its rows from the lab's objects. */
const ASKED: Readonly<Record<string, (lab: Lab, serial: number) => Row[] | null>> = {
  mappings: mappingRows,
  odp_regions: regionRows,
  odp_pages: pageRows,
  migration_buffers: bufferRows,
  migration_mappings: migrationMappingRows,
  migration_keys: keyRows,
};

/**
 * Events of a driver's mistake and of a driver's end. After such an event the checker ends its
 * records in another way.
 */
const ENDS_RECORDS = [eventId("dma.report"), eventId("nvme.state")];

/**
 * The machine's own data for a table; null if the machine keeps no such data.
 * @param serial Serial number of the checker's last record when the machine was ready.
 */
function realRows(spec: AnyTableSpec, lab: Lab, serial: number): Row[] | null {
  if (spec.read === undefined) return ASKED[spec.name]?.(lab, serial) ?? null;
  const real: Row[] = [];
  spec.read(lab.machine, (row: Row) => real.push(row));
  return real;
}

/**
 * Whether a device's addresses are translated. Without translation, a mapping may be left without
 * an unmap; the checker then forgets the mapping.
 */
function translates({ iommu }: Machine, device: unknown): boolean {
  return iommu.domains.some(({ members }) => members.some(({ name }) => name === device));
}

function mappingRows({ machine }: Lab, serial: number): Row[] | null {
  const { checker, events } = machine;
  if (checker === null || ENDS_RECORDS.some((id) => events.count(id) > 0)) return null;
  const real: Row[] = [];
  checker.forEachMapping(serial, (device, dma, size_bytes) => {
    if (translates(machine, device)) real.push({ device, dma, size_bytes });
  });
  return real;
}

function adaptersOf(lab: Lab) {
  return [...lab.devices.values()].flatMap((device) =>
    device.kind === "rdma" ? [device.adapter] : []
  );
}

function regionRows(lab: Lab): Row[] {
  return adaptersOf(lab).flatMap(({ name: device, pagedRegions }) =>
    pagedRegions.map(({ name: region, umem: { end, start } }) => ({
      device,
      region,
      virt: start,
      size_bytes: end - start,
    }))
  );
}

/** The entries that the device would read from its table. */
function pageRows(lab: Lab): Row[] {
  const real: Row[] = [];
  for (const { name: device, pagedRegions } of adaptersOf(lab)) {
    for (const { name: region, table, umem: { pageBytes, start } } of pagedRegions) {
      for (let index = 0; index < (table?.length ?? 0); index++) {
        const access = table!.access(index);
        if (access === 0) continue;
        const dma = table!.address(index);
        const prot = ["", "read", "write", "read_write"][access];
        const virt = start + index * pageBytes;
        real.push({ device, region, virt, size_bytes: pageBytes, dma, prot });
      }
    }
  }
  return real;
}

/** Every buffer of every driver, with the state that the driver has for it. */
function buffersOf(
  lab: Lab,
): readonly (readonly [device: string, MigrationBuffer, state: string])[] {
  return [...lab.devices.values()].flatMap((device) => {
    if (device.kind !== "vfio") return [];
    const { buffers, spare } = device.driver;
    return [
      ...[...buffers].map((buffer) => [device.name, buffer, "used"] as const),
      ...spare.map((buffer) => [device.name, buffer, "spare"] as const),
    ];
  });
}

function bufferRows(lab: Lab): Row[] {
  return buffersOf(lab).map(([device, { direction, id, npages }, state]) => ({
    device,
    buffer: id,
    pages: npages,
    dir: direction,
    state,
  }));
}

function migrationMappingRows(lab: Lab): Row[] {
  return buffersOf(lab).flatMap(([device, { id, list, mailbox, npages, state }]) =>
    mailbox === null ? [] : [{
      device,
      buffer: id,
      pages: npages,
      dma: mailbox.entryAt(0),
      rule: list !== null ? "scatterlist" : state.sizeBytes !== 0 ? "iova" : "single",
    }]
  );
}

function keyRows(lab: Lab): Row[] {
  return buffersOf(lab).flatMap(([device, { id, key, mailbox }]) =>
    key === null || mailbox === null ? [] : [{
      device,
      key,
      buffer: id,
      entries: mailbox.entries,
      size_bytes: mailbox.lengthBytes,
    }]
  );
}

/** Entries of the requests' data pointers, by request. */
interface Entries {
  readonly prp: ReadonlyMap<unknown, readonly Row[]>;
  readonly sgl: ReadonlyMap<unknown, readonly Row[]>;
}

/** Tables that are compared together in this part of the file. */
export const DISK_TABLES: readonly string[] = NVME_TABLES.map(({ name }) => name);

/** Compares queues and lists in memory with the tables, for each command. */
function lookAtDisks({ lab, recording, seen }: WatchedRun): void {
  const now = recording.log.count;
  const rows = (table: string): Row[] =>
    recording.table(table).rowsAt(now).map((row) => recording.table(table).row(row));
  const [slots, doorbells, commands, requestRows] = [
    "queue_slots",
    "doorbells",
    "commands",
    "requests",
  ].map(rows);
  const entries: Entries = {
    prp: Map.groupBy(rows("prp_entries"), ({ request }) => request),
    sgl: Map.groupBy(rows("sgl_entries"), ({ request }) => request),
  };
  // The test cannot examine rings of the admin queue. Therefore the requests of this queue are
  // known only from their commands.
  const sent = new Set<unknown>(
    commands!.filter(({ queue }) => queue === 0).map(({ request }) => request),
  );
  const admin = new Set(sent);
  for (const device of lab.devices.values()) {
    if (device.kind !== "nvme") continue;
    const { controller, disk: { driver } } = device;
    for (const queue of driver.queues.io) {
      const own = (row: Row) => row.device === device.name && row.queue === queue.id;
      const at = `of queue ${queue.id} after event ${now}`;
      lookAtSlots(queue, slots!.filter(own), at);
      const rings = controller.ringsOf(queue.id);
      // While the controller is stopped, it ignores the driver's writes.
      if (rings === null) continue;
      lookAtDoorbells(queue, doorbells!.filter(own), at);
      for (const { request } of queue.sent()) {
        sent.add(request!.id);
        seen.set(request!.id, request!);
      }
      // Because of a kernel bug, the driver may have taken a tag and then ended, without sending
      // the command.
      const all = queue.sent().filter(({ request }) =>
        slots!.some((row) => own(row) && row.request === request!.id)
      );
      lookAtCommands(queue, all, rings, commands!.filter(own), at);
      lookAtPhases(all, commands!.filter(own), requestRows!, at);
      for (const iod of all) {
        // The driver makes no lists for commands written by hand.
        if (iod.request!.template !== null) continue;
        lookAtEntries(iod.request!.id, driver.viewCommand(iod), entries, at);
      }
    }
  }
  const requests = requestRows!.filter(({ request }) => !admin.has(request));
  lookAtRequests(seen, requests, `after event ${now}`);
  for (const request of [...entries.prp.keys(), ...entries.sgl.keys()]) {
    assert(sent.has(request), `request ${request} has entries after event ${now}`);
  }
}

/** Compares the phase of each request that has a command under way. */
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

/** Compares the rows with all requests that were ever sent. */
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
    // A doorbell that was reset and not written again has no row. Its value is 0 in that case.
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
  // A completed command keeps its row until its identifier is used again.
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
      `prp1 null null ${view.prp1}`,
      ...view.prp2 === 0 ? [] : [`prp2 null null ${view.prp2}`],
      ...view.prpLists.flatMap(({ entries }, page) =>
        entries.map((entry, index) => `list ${page} ${index} ${entry}`)
      ),
    ];
    const rows = (kept.prp.get(request) ?? []).map(({ entry, holder, index, list_page }) =>
      `${holder} ${list_page} ${index} ${entry}`
    );
    assertEquals(rows.sort(), real.sort(), `PRPs of request ${request} ${at}`);
  }
}
