/** The tables of disks against queues, lists and requests as driver and controller hold them. */
import { assert, assertEquals } from "@std/assert";
import {
  type ControllerRings,
  type Iod,
  NVME_TABLES,
  type NvmeCommandView,
  type NvmeRequest,
  type QueuePair,
  SGL_TYPE,
} from "@dmalab/devices/nvme";
import type { Row, WatchedRun } from "./watched_machine.ts";

/** Entries of data pointers, by request. */
interface Entries {
  readonly prp: ReadonlyMap<unknown, readonly Row[]>;
  readonly sgl: ReadonlyMap<unknown, readonly Row[]>;
}

/** Tables that are compared here, all of them together. */
export const DISK_TABLES: readonly string[] = NVME_TABLES.map(({ name }) => name);

/** Queues and lists in memory against the tables, command by command. */
export function lookAtDisks({ lab, recording, seen }: WatchedRun): void {
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
    for (const queue of driver.queues.io) {
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
