/** Which mapping a line is about, and how mappings are kept. */
import type { Direction, DmaEvent } from "../line/dma_event.ts";
import { type Device, type Life, pageOf, pagesOf } from "./life.ts";
import type { EndedRange } from "./page_table.ts";

export type Ended = Extract<DmaEvent, { op: "unmap" | "free" }>;

export type Born = Extract<DmaEvent, { op: "map" | "alloc" | "map_sg" }>;

/** Entries of a list that a line shows at most. @see behaviour/traces.md T.20 */
const SHOWN_ENTRIES = 128;

export function ghostKey(device: Device, address: number): string {
  return `${device.name} ${address}`;
}

/** What mappings have in common that a driver uses alike. */
export function siblingKey({ device, dir, kind, sizeBytes }: Life): string {
  return `${device!.name} ${kind} ${dir} ${Math.ceil(Math.log2(Math.max(sizeBytes, 1)))}`;
}

/** The newest that fits best: by size and direction, by size, by direction, any of that address. */
export function bestLife(lives: readonly Life[], event: Ended, kind: Life["kind"]): Life | null {
  let found: Life | null = null;
  let points = -1;
  for (let index = lives.length - 1; index >= 0; index--) {
    const life = lives[index]!;
    if (life.addr !== event.addr || life.kind !== kind) continue;
    const fit = (life.sizeBytes === event.sizeBytes ? 2 : 0) + (life.dir === event.dir ? 1 : 0);
    if (fit > points) {
      found = life;
      points = fit;
    }
    if (fit === 3) break;
  }
  return found;
}

/** Whether exactly this mapping lives, but of another device: all domains give out the same addresses. */
export function isAnothers(
  devices: Iterable<Device>,
  event: Ended,
  kind: Life["kind"],
  device: Device,
): boolean {
  for (const other of devices) {
    if (other === device) continue;
    const life = bestLife(other.byPage.get(pageOf(event.addr)) ?? [], event, kind);
    if (life?.sizeBytes === event.sizeBytes && life.dir === event.dir) return true;
  }
  return false;
}

export function isSameList(life: Life, physAddrs: readonly number[], isCut: boolean): boolean {
  if (!isCut && life.entries !== physAddrs.length) return false;
  const shown = Math.min(life.physAddrs.length, physAddrs.length, SHOWN_ENTRIES);
  for (let index = 0; index < shown; index++) {
    if (life.physAddrs[index] !== physAddrs[index]) return false;
  }
  return true;
}

function listBytes({ dmaAddrs, sizesBytes }: Extract<DmaEvent, { op: "map_sg" }>): number {
  let end = 0;
  dmaAddrs.forEach((addr, index) => end = Math.max(end, addr + sizesBytes[index]!));
  return Math.max(end - dmaAddrs[0]!, sizesBytes[0]!);
}

/** Names of tasks as texts of their own: one cut out of a line would keep the line in memory. */
export class TaskNames {
  readonly #names = new Map<number, string>();

  of(pid: number, name: string): string {
    const known = this.#names.get(pid);
    if (known === name) return known;
    this.#names.set(pid, name);
    return name;
  }
}

/** A mapping that a line begins. */
export function makeLife(
  event: Born,
  device: Device,
  tableLine: number,
  by: Pick<Life, "born" | "pid" | "task" | "request">,
): Life {
  const common = { ...by, device, dir: event.dir, tableLine, died: null, isUncertain: false };
  if (event.op !== "map_sg") {
    const { addr, op, phys, sizeBytes } = event;
    return { ...common, kind: op, addr, sizeBytes, phys, entries: 1, physAddrs: [] };
  }
  const { dmaAddrs, entries, physAddrs } = event;
  return {
    ...common,
    kind: "sg",
    addr: dmaAddrs[0]!,
    sizeBytes: listBytes(event),
    phys: physAddrs[0]!,
    entries,
    physAddrs,
  };
}

/** What a device's mappings have in common, told by each. @see behaviour/traces.md T.60 */
export function noteBirth(life: Life): void {
  const device = life.device!;
  if (device.births++ === 0) device.firstLine = life.born.line;
  device.mostPages = Math.max(device.mostPages, pagesOf(life));
  if (life.tableLine > 0) device.coveredMaps++;
  else if (life.phys === life.addr) device.identityMaps++;
  else if (life.phys !== null) device.otherMaps++;
}

export function count(device: Device, name: string, by = 1): void {
  device.counts[name] = (device.counts[name] ?? 0) + by;
}

/** Keeps a mapping that lives. */
export function keepLife(life: Life): void {
  if (isIdentity(life)) foldOldest(life);
  const { byPage, lists } = life.device!;
  addLife(byPage, pageOf(life.addr), life);
  if (life.kind === "sg") addLife(lists, life.phys!, life);
}

/** Keeps it no more. */
export function dropLife(life: Life): void {
  const { byPage, lists } = life.device!;
  removeLife(byPage, pageOf(life.addr), life);
  if (life.kind === "sg") removeLife(lists, life.phys!, life);
}

function addLife(map: Map<number, Life[]>, key: number, life: Life): void {
  const lives = map.get(key);
  if (lives === undefined) map.set(key, [life]);
  else lives.push(life);
}

/** Whether a device sees the mapping where it is in memory: nothing is given out, or given back. */
export function isIdentity({ addr, phys, tableLine }: Life): boolean {
  return phys === addr && tableLine === 0;
}

/** Mappings of one page that are kept: of more identities only the number, as nobody may end them. */
const MOST_OF_A_PAGE = 8;

/** Makes room for one more in a page. @see behaviour/traces.md T.23, T.64 */
function foldOldest({ addr, device }: Life): void {
  const { byPage, folded } = device!;
  const lives = byPage.get(pageOf(addr));
  if (lives === undefined || lives.length < MOST_OF_A_PAGE) return;
  const oldest = lives.findIndex((life) => life.kind === "map" && isIdentity(life));
  if (oldest < 0) return;
  const [life] = lives.splice(oldest, 1);
  folded.set(life!.addr, (folded.get(life!.addr) ?? 0) + 1);
}

/** Ends one of those of which only the number is kept. @returns False when there is none. */
export function unfold(device: Device, addr: number): boolean {
  const count = device.folded.get(addr) ?? 0;
  if (count === 0) return false;
  device.folded.set(addr, count - 1);
  device.deaths++;
  return true;
}

function removeLife(map: Map<number, Life[]>, key: number, life: Life): void {
  const lives = map.get(key);
  if (lives === undefined) return;
  const at = lives.indexOf(life);
  if (at < 0) return;
  if (lives.length === 1) map.delete(key);
  else lives.splice(at, 1);
}

/**
 * A two-step range as a life: it names no device and no direction, unless its request does.
 *
 * @see behaviour/traces.md T.26, T.30
 */
export function rangeLife({ maps, run, unmap }: EndedRange, device: Device | null): Life | null {
  const [first] = maps;
  if (first === undefined) return null;
  return {
    device,
    kind: "two_step",
    addr: first.start,
    sizeBytes: maps.at(-1)!.end - first.start,
    dir: directionOf(run.request?.verb),
    phys: first.phys,
    born: first,
    pid: -1,
    task: "",
    request: run.request?.name ?? null,
    tableLine: first.line,
    entries: maps.length,
    physAddrs: [],
    died: unmap,
    isUncertain: false,
  };
}

function directionOf(verb: string | undefined): Direction | null {
  return verb === "read" ? "FROM_DEVICE" : verb === "write" ? "TO_DEVICE" : null;
}
