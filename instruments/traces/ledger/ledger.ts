/**
 * The ledger of a trace: every mapping from its birth to its death, and what was wrong with it.
 *
 * It keeps lives, not lines, and calls nothing proved that a missing line could explain.
 *
 * @see behaviour/traces.md T.64 to T.69
 */
import { type DmaEvent, isDmaEvent, readDmaEvent } from "../line/dma_event.ts";
import type { TraceLine } from "../line/trace_line.ts";
import type { StepSink } from "../script/recorder.ts";
import { Edges } from "./edges.ts";
import { Findings } from "./findings.ts";
import {
  type Device,
  type Life,
  makeDevice,
  modeOf,
  type Moment,
  pageEnd,
  pageOf,
} from "./life.ts";
import {
  bestLife,
  type Born,
  count,
  dropLife,
  type Ended,
  ghostKey,
  isAnothers,
  isIdentity,
  isSameList,
  keepLife,
  makeLife,
  noteBirth,
  rangeLife,
  siblingKey,
  TaskNames,
  unfold,
} from "./lives.ts";
import type { PageHistory } from "./page_history.ts";
import { Requests } from "./requests.ts";
import { checkSync } from "./sync_check.ts";
import { type Context, type EndedRange, PageTable, type TableUnmap } from "./page_table.ts";

/** A death that is printed this late behind a birth on another CPU is no race of two lines: a CPU of a guest can stand still. */
const RACE_SECONDS = 0.1;
/** Events that stand beside a call, and not within it as those of an IOMMU's queue do. */
const CALLS = /^(?:dma_|nvme_|block_|map$|unmap$)/;

/** A mapping whose address was given out again, and whose death has not come yet. */
interface Ghost {
  readonly older: Life;
  readonly newer: Life;
  /** What ended the older one's range in the page table, or null. */
  readonly unmap: TableUnmap | null;
}

export class Ledger {
  readonly devices = new Map<string, Device>();
  readonly table: PageTable;
  readonly findings = new Findings();
  readonly #history: PageHistory;
  readonly requests = new Requests();
  readonly #tasks = new TaskNames();
  readonly #ghosts = new Map<string, Ghost>();
  /** Deaths by device, kind, direction and size: how many, and when the last one was born. */
  readonly siblings = new Map<string, number[]>();
  /** Told of each mapping's steps, where somebody writes them down. */
  recorder: StepSink | null = null;
  readonly edges = new Edges();
  damaged: number[] = [];

  constructor(history: PageHistory) {
    this.#history = history;
    this.table = new PageTable((range) => this.#rangeEnded(range));
  }

  /** Takes a line of an event. @returns False when it is damaged. */
  push(line: TraceLine, number: number): boolean {
    const now: Moment = { line: number, seconds: line.seconds, cpu: line.cpu };
    const isCall = CALLS.test(line.event);
    if (isCall) this.edges.pass(now);
    const context = this.table.context(line.pid, line.cpu, line.context);
    const event = isDmaEvent(line.event) ? readDmaEvent(line.event, line.payload) : undefined;
    if (event === null) {
      this.damaged.push(number);
      this.edges.lostLine = number;
    } else if (event !== undefined) this.#event(event, line, now, context);
    else if (isCall) this.requests.take(line, number, context, this.table, this.recorder);
    if (isCall) context.lastLine = number;
    if (line.event !== "map" && line.event !== "swiotlb_bounced") context.isRunOver = true;
    return event !== null;
  }

  /** Events of a CPU are missing here. @see behaviour/traces.md T.68 */
  gap(cpu: number, number: number): void {
    this.table.interrupt(cpu);
    this.edges.gap(cpu, number);
  }

  /** Everything has been read. */
  end(): void {
    this.table.end();
    for (const ghost of this.#ghosts.values()) this.#neverDied(ghost);
    for (const { cutBy, first, maps } of this.table.cutRuns()) {
      this.findings.shortRange(first, maps, cutBy, cutBy.line > this.edges.lostLine);
    }
  }

  /** Every mapping that has no death, uncertain ones too. */
  *open(): Generator<Life> {
    for (const device of this.devices.values()) {
      for (const lives of device.byPage.values()) yield* lives;
    }
  }

  isUncertain(life: Life): boolean {
    return life.isUncertain || life.born.line < this.edges.lostLine;
  }

  #device(name: string): Device {
    let device = this.devices.get(name);
    if (device === undefined) this.devices.set(name, device = makeDevice(name));
    return device;
  }

  #event(event: DmaEvent, line: TraceLine, now: Moment, context: Context): void {
    switch (event.op) {
      case "iommu_map":
        this.table.map(context, { ...now, start: event.start, end: event.end, phys: event.phys });
        return;
      case "iommu_unmap":
        this.table.unmap(context, { ...now, start: event.start, end: event.end });
        return;
      case "map":
      case "alloc":
      case "map_sg":
        this.#birth(event, line, now, context);
        return;
      case "unmap":
      case "free":
        this.#death(event, now, context);
        return;
      case "unmap_sg":
        this.#listDeath(event, now, context);
        return;
      case "sync":
        checkSync(event, this.#device(event.device), now, this);
        return;
      case "failed":
        count(this.#device(event.device), "map_failed");
        return;
    }
  }

  #birth(event: Born, line: TraceLine, now: Moment, context: Context): void {
    const device = this.#device(event.device);
    this.table.goesOn(context);
    if (event.op === "map_sg") {
      count(device, "sg_maps");
      count(device, "sg_in", event.entries);
      count(device, "sg_out", event.dmaAddrs.length);
    } else count(device, event.op === "map" ? "maps" : "allocs");
    if (event.op !== "map_sg" && event.failed) {
      count(device, "map_failed");
      return;
    }
    const ranges = event.op === "map_sg"
      ? event.dmaAddrs.map((addr, index) => [pageOf(addr), pageEnd(addr, event.sizesBytes[index]!)])
      : [[pageOf(event.addr), pageEnd(event.addr, event.sizeBytes)]];
    const tableLine = this.table.claimMaps(
      context,
      (start, end) => ranges.some(([first, last]) => start >= first! && end <= last!),
    );
    const task = this.#tasks.of(line.pid, line.task);
    const by = { born: now, pid: line.pid, task, request: context.request?.name ?? null };
    const life = makeLife(event, device, tableLine, by);
    noteBirth(life);
    this.requests.note(context, device, life.kind === "alloc" ? 0 : life.entries);
    if (this.#meetsOlder(life, context)) return;
    this.recorder?.({ op: "birth", line: now.line, life });
    keepLife(life);
    if (event.op === "map_sg") {
      event.dmaAddrs.forEach((addr, index) =>
        this.#history.add(life, addr, event.sizesBytes[index]!)
      );
    } else this.#history.add(life);
  }

  /**
   * A birth where another mapping lives: the allocator gives a range out again only when it was
   * freed, so a death is missing, or is still to be printed.
   *
   * @returns True when the birth is none.
   * @see behaviour/traces.md T.66
   */
  #meetsOlder(life: Life, context: Context): boolean {
    const older = this.#liveAtPageOf(life);
    if (older === null) return false;
    if (this.isUncertain(older)) {
      this.#endUncertain(older);
      return false;
    }
    const unmap = this.table.orphan(older, older.born.line, life.born.line);
    if (older.tableLine > 0 && life.tableLine === 0 && unmap === null) {
      // The page table was not written: the same line twice, or a call that only looks like one.
      if (this.edges.isWhole(life.born, context)) this.findings.doubleMap(older, life);
      life.device!.uncertain++;
      return true;
    }
    if (older.tableLine > 0 && unmap === null) {
      // The range's own unmap is missing too: lines are missing here, marked or not.
      this.findings.leakByReuse(older, life, "possible");
      if (older.born.line < this.edges.silenceLine) this.edges.noteHole();
      older.isUncertain = true;
      this.#endUncertain(older);
      return false;
    }
    dropLife(older);
    const key = ghostKey(life.device!, older.addr);
    const before = this.#ghosts.get(key);
    if (before !== undefined) this.#neverDied(before);
    this.#ghosts.set(key, { older, newer: life, unmap });
    return false;
  }

  /** A live mapping that a translated device cannot have beside this one. */
  #liveAtPageOf(life: Life): Life | null {
    if (isIdentity(life)) return null;
    for (const other of life.device!.byPage.get(pageOf(life.addr)) ?? []) {
      if (isIdentity(other)) continue;
      if (other.tableLine > 0 ? life.tableLine > 0 || other.addr === life.addr : false) {
        return other;
      }
      const isSame = other.addr === life.addr && other.kind === life.kind;
      if (isSame && other.phys !== null && modeOf(life.device!) !== "direct") return other;
    }
    return null;
  }

  /** Its death never came. */
  #neverDied({ newer, older, unmap }: Ghost): void {
    older.device!.uncertain++;
    // Without lines of a page table only the address speaks; a silence may have swallowed the unmap.
    const isAlone = older.tableLine === 0 && older.born.line >= this.edges.silenceLine;
    const weaker = isAlone ? "likely" : "possible";
    const isOpen = this.isUncertain(older);
    this.findings.leakByReuse(
      older,
      newer,
      isOpen ? "possible" : unmap !== null ? "proved" : weaker,
    );
  }

  #endUncertain(life: Life): void {
    dropLife(life);
    life.device!.uncertain++;
  }

  #death(event: Ended, now: Moment, context: Context): void {
    const device = this.#device(event.device);
    const kind = event.op === "unmap" ? "map" : "alloc";
    count(device, event.op === "unmap" ? "unmaps" : "frees");
    let beside: TableUnmap | null = null;
    this.table.goesOn(context);
    if (kind === "map") beside = this.table.claimUnmap(context, event.addr);
    else {
      this.table.settle(context);
      const [start, end] = [pageOf(event.addr), pageEnd(event.addr, event.sizeBytes)];
      context.expected = { start, end, seconds: now.seconds, told: null };
    }
    const lives = device.byPage.get(pageOf(event.addr)) ?? [];
    const life = bestLife(lives, event, kind);
    if (life === null) {
      const other = lives.find(({ addr }) => addr === event.addr);
      const isSure = other !== undefined && modeOf(device) !== "direct" && !this.isUncertain(other);
      const isLikely = isSure && !isAnothers(this.devices.values(), event, kind, device) &&
        (other.sizeBytes === event.sizeBytes || other.born.line >= this.edges.silenceLine);
      if (isLikely) {
        this.findings.wrongKind(other, kind, now);
        this.#die(other, now);
        return;
      }
      if (kind === "map") this.#deathOfNobody(device, event, now, context, beside);
      else this.#freeOfNobody(device, event, now, context);
      return;
    }
    if (this.#isGhosts(event, life, now, beside)) return;
    if (this.#isOfAnother(life, event)) {
      this.#endUncertain(life);
      device.bornBeforeTrace++;
      return;
    }
    if (life.sizeBytes !== event.sizeBytes) this.findings.wrongSize(life, event.sizeBytes, now);
    if (life.dir !== event.dir) this.findings.wrongDirection(life, event.dir, now);
    const { dir, sizeBytes } = event;
    this.recorder?.({ op: "death", line: now.line, life, sizeBytes, dir, entries: 1 });
    this.#die(life, now);
  }

  /**
   * Whether a death is rather of another mapping, whose birth is missing with this one's death: there
   * is a gap between, or a silence, and nothing but the address is the same.
   */
  #isOfAnother(life: Life, { dir, sizeBytes }: Ended): boolean {
    const isUnlike = [life.sizeBytes !== sizeBytes, life.dir !== dir];
    if (this.isUncertain(life)) return isUnlike.includes(true);
    if (isUnlike.includes(false) || life.born.line >= this.edges.silenceLine) return false;
    this.edges.noteHole();
    return true;
  }

  /**
   * Whether a death is the late one of a mapping whose address lives again: its line is written
   * after the work, and another CPU was faster. That of coherent memory and of a list is written
   * before, and never late.
   *
   * @see behaviour/traces.md T.18, T.66
   */
  #isGhosts(event: Ended, live: Life, now: Moment, beside: TableUnmap | null): boolean {
    const key = ghostKey(live.device!, event.addr);
    const ghost = this.#ghosts.get(key);
    if (ghost === undefined) return false;
    const { older, unmap } = ghost;
    if (event.op !== "unmap" || older.kind !== "map") return false;
    if (older.sizeBytes !== event.sizeBytes || older.dir !== event.dir) return false;
    const isLate = live.tableLine > 0
      ? beside === null || beside.line < live.tableLine
      : unmap === null && now.cpu !== live.born.cpu &&
        now.seconds - live.born.seconds < RACE_SECONDS;
    if (!isLate) return false;
    this.#ghosts.delete(key);
    this.findings.reuseRace(older, live, now);
    older.died = now;
    older.device!.deaths++;
    return true;
  }

  #die(life: Life, now: Moment): void {
    dropLife(life);
    life.died = now;
    const device = life.device!;
    device.deaths++;
    device.dead.set(life.addr, life);
    if (life.kind === "sg") device.deadLists.set(life.phys!, life);
    const key = siblingKey(life);
    const births = this.siblings.get(key);
    // The three youngest are enough to say whether that many are younger than another.
    if (births === undefined) this.siblings.set(key, [life.born.line]);
    else {
      births.push(life.born.line);
      births.sort((a, b) => b - a).length = Math.min(births.length, 3);
    }
  }

  /**
   * A death without a birth: nothing was mapped there when the page table had nothing to unmap.
   *
   * @see behaviour/traces.md T.28, T.66
   */
  #deathOfNobody(
    device: Device,
    event: Ended,
    now: Moment,
    context: Context,
    beside: TableUnmap | null,
  ): void {
    if (unfold(device, event.addr)) return;
    const dead = this.#lastDeath(device.dead.get(event.addr));
    // The task may have moved to another CPU between the two lines.
    const unmap = beside ?? this.table.orphan(event, dead?.died?.line ?? 0, now.line);
    const isTranslated = this.#isTranslated(device);
    const nothingThere = isTranslated && unmap === null && this.edges.isWhole(now, context);
    const isTold = nothingThere || !isTranslated && modeOf(device) !== "direct";
    if (dead !== null && isTold) {
      this.recorder?.({ op: "again", line: now.line, life: dead });
      const since = nothingThere ? context.lastLine : dead.died!.line;
      this.findings.doubleUnmap(dead, now, event.addr, "proved", since);
      return;
    }
    if (dead === null && nothingThere) {
      this.findings.unmapUnknown(device, event.addr, now, "proved", context.lastLine);
      return;
    }
    // The first one long after the device's first mapping was not mapped before the trace.
    const isFirst = device.bornBeforeTrace === 0 && device.firstLine < this.edges.silenceLine;
    device.bornBeforeTrace++;
    if (device.dead.has(event.addr) || isFirst) this.edges.noteHole();
    this.findings.unmapUnknown(device, event.addr, now, "unknown", 0);
  }

  /** The same for memory that is given back: its unmap is printed behind the line, if there is one. */
  #freeOfNobody(device: Device, event: Ended, now: Moment, context: Context): void {
    const dead = this.#lastDeath(device.dead.get(event.addr));
    const unknown = () => this.findings.unmapUnknown(device, event.addr, now, "unknown", 0);
    this.#endOfNobody(device, dead, now, context, unknown);
  }

  /** @param unknown Tells that a line is missing. */
  #endOfNobody(
    device: Device,
    dead: Life | null,
    now: Moment,
    context: Context,
    unknown: () => void,
  ): void {
    const { lostLine } = this.edges;
    const { end, start } = context.expected ?? { start: 0, end: Infinity };
    const judge = (came: boolean) => {
      if (
        !came && dead !== null && this.edges.lostLine === lostLine && this.#isTranslated(device)
      ) {
        this.findings.doubleUnmap(dead, now, dead.addr, "proved", dead.died!.line);
        return;
      }
      device.bornBeforeTrace++;
      if (dead !== null) this.edges.noteHole();
      unknown();
    };
    if (dead === null) judge(true);
    context.expected = { start, end, seconds: now.seconds, told: dead === null ? null : judge };
  }

  /** What ended last, when no line is missing since. */
  #lastDeath(dead: Life | undefined): Life | null {
    return dead !== undefined && dead.died!.line > this.edges.lostLine ? dead : null;
  }

  /** Whether each unmap of a device has a line of the page table. */
  #isTranslated(device: Device): boolean {
    return modeOf(device) === "translated" && this.table.unmaps > 0;
  }

  #listDeath(
    event: Extract<DmaEvent, { op: "unmap_sg" }>,
    now: Moment,
    context: Context,
  ): void {
    const device = this.#device(event.device);
    count(device, "sg_unmaps");
    this.table.goesOn(context);
    this.table.settle(context);
    const lives = device.lists.get(event.physAddrs[0]!) ?? [];
    const life = lives.findLast((each) => isSameList(each, event.physAddrs, event.isCut)) ??
      lives.findLast(({ dir }) => dir === event.dir) ?? lives.at(-1);
    if (life === undefined) {
      this.#listOfNobody(device, event.physAddrs, now, context);
      return;
    }
    const end = pageEnd(life.addr, life.sizeBytes);
    context.expected = { start: pageOf(life.addr), end, seconds: now.seconds, told: null };
    if (this.isUncertain(life) && !isSameList(life, event.physAddrs, event.isCut)) {
      this.#endUncertain(life);
      device.bornBeforeTrace++;
      return;
    }
    if (!event.isCut && !isSameList(life, event.physAddrs, false)) {
      this.findings.wrongEntries(life, event.physAddrs.length, now);
    }
    if (life.dir !== event.dir) this.findings.wrongDirection(life, event.dir, now);
    const { sizeBytes } = life;
    const entries = event.isCut ? life.entries : event.physAddrs.length;
    this.recorder?.({ op: "death", line: now.line, life, sizeBytes, dir: event.dir, entries });
    this.#die(life, now);
  }

  #listOfNobody(
    device: Device,
    physAddrs: readonly number[],
    now: Moment,
    context: Context,
  ): void {
    const last = this.#lastDeath(device.deadLists.get(physAddrs[0]!));
    const dead = last !== null && isSameList(last, physAddrs, false) ? last : null;
    context.expected = null;
    this.#endOfNobody(
      device,
      dead,
      now,
      context,
      () => this.findings.listUnknown(device, physAddrs[0]!, now),
    );
  }

  #rangeEnded(range: EndedRange): void {
    const life = rangeLife(range, this.requests.deviceOf(range.run.request));
    if (life === null) return;
    this.#history.add(life);
    const linksBytes = range.run.maps.map(({ end, start }) => end - start);
    const destroyedBytes = range.unmap.end - life.addr;
    this.recorder?.({ op: "range", line: life.born.line, life, linksBytes, destroyedBytes });
    this.recorder?.({ op: "destroy", line: range.unmap.line, life, destroyedBytes });
  }
}
