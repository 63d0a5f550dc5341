/**
 * The ledger of a trace: every mapping from its map to its unmap, and the errors in its use.
 *
 * The ledger keeps mappings, not lines. It never calls a finding proved if a missing line could
 * explain the finding.
 *
 * @see rules/traces.md T.64 to T.69
 */
import { BOUNCE_EVENT, bouncedDevice } from "../line/bounce_event.ts";
import type { DmaEvent, MappingKind } from "../line/dma_event.ts";
import { ERROR_ADDRESS, type PayloadFields } from "../line/payload.ts";
import type { TraceLine } from "../line/trace_line.ts";
import type { NvmeCommand, StepSink } from "../script/recorder.ts";
import { modeOf } from "./device_mode.ts";
import { Edges } from "./edges.ts";
import { Findings } from "./findings.ts";
import {
  Device,
  NEAR_PAGES,
  type Recorded,
  siblingsOf,
  type TracedMapping,
  type TraceInstant,
} from "./traced_mapping.ts";
import { PAGE_BYTES, pageEnd, pageOf } from "../owner/pages.ts";
import {
  atPhysicalAddress,
  bestMapping,
  conflicting,
  count,
  dropMapping,
  endMapping,
  isAnothers,
  isSameList,
  keepMapping,
  makeMapping,
  type MapEvent,
  mappingsAt,
  noteFailedMap,
  noteMap,
  noteSegments,
  rangeMapping,
  soleUse,
  unfold,
  type UnmapEvent,
} from "./live_mappings.ts";
import { MachineFacts } from "./machine_facts.ts";
import type { PageHistory } from "./page_history.ts";
import { RequestRanges } from "./request_ranges.ts";
import { ReusedAddresses } from "./reused_addresses.ts";
import {
  type Context,
  type EndedRange,
  type TableMap,
  type TableUnmap,
  TracedPageTable,
} from "./page_table.ts";
import { readCompletion, readSetup } from "../line/nvme_event.ts";
import { issuedBytes, issuedSectors, noteUse, type QueueUse } from "./queue_use.ts";

/**
 * Determines which mappings belong to which NVMe request, and which PCI device an NVMe controller
 * is.
 *
 * @see rules/traces.md T.26, T.30, T.38
 */
class TracedRequests {
  readonly uses = new Map<string, QueueUse>();
  readonly #controllers = new Map<string, Device>();

  /**
   * Reads a line of NVMe or of the block layer. A task maps the data of a request between the setup
   * line and the issue line of the request.
   */
  take(
    { event, fields }: TraceLine,
    line: number,
    context: Context,
    table: TracedPageTable,
    recorder: StepSink | null,
  ): void {
    switch (event) {
      case "nvme_setup_cmd":
        context.request = readSetup(fields);
        context.pieces = 0;
        if (context.request !== null) recorder?.({ op: "request", line, command: context.request });
        return;
      case "block_rq_issue":
        this.#issue(fields, line, context);
        return;
      case "nvme_complete_rq": {
        table.settle(context);
        const name = recorder === null ? null : readCompletion(fields);
        if (name !== null) recorder!({ op: "completion", line, name });
      }
    }
  }

  /** Handles the issue line of a request. All of the request's data is mapped before this line. */
  #issue(fields: PayloadFields, line: number, context: Context): void {
    const { pieces, request, run } = context;
    context.request = null;
    if (request !== null && request.blocks === null) {
      const issued = issuedSectors(fields);
      // The line counts 512-byte sectors; on a disk with larger blocks these numbers are not LBAs.
      if (issued !== null) [request.lba, request.blocks] = [issued.sector, issued.sectors];
    }
    const bytes = issuedBytes(fields);
    if (request === null || request.disk === null || bytes === null || bytes === 0) return;
    const links = run?.request === request ? run.maps.length : 0;
    noteUse(this.uses, request.disk, bytes, pieces + links, line);
  }

  /** Notes a mapping with a device name: this device is the controller of the current request. */
  note(context: Context, device: Device, pieces: number): void {
    const { request } = context;
    if (request === null) return;
    this.#controllers.set(request.controller, device);
    context.pieces += pieces;
  }

  deviceOf(request: Pick<NvmeCommand, "controller"> | null): Device | null {
    return request === null ? null : this.#controllers.get(request.controller) ?? null;
  }
}

export class MappingTracker {
  readonly devices = new Map<string, Device>();
  readonly table: TracedPageTable;
  readonly findings = new Findings();
  readonly #recorded: Recorded;
  readonly #bouncedLines = new Map<string, number>();
  readonly requests = new TracedRequests();
  /** Receives the steps of each mapping; null if steps are not recorded. */
  recorder: StepSink | null = null;
  readonly edges = new Edges();
  readonly reused = new ReusedAddresses(this);
  readonly #ranges = new RequestRanges();
  damaged: number[] = [];
  /** The instant of the last event line that was read. */
  now: TraceInstant = { line: 0, seconds: 0, cpu: 0 };
  /** An instant that is reused for lines to which nothing refers later. */
  readonly #passing = { line: 0, seconds: 0, cpu: 0 };
  #line: TraceLine | null = null;

  /** @param faulted Devices with IOMMU faults in the log. */
  constructor(
    private readonly history: PageHistory,
    facts = new MachineFacts(),
    faulted = new Set<string>(),
  ) {
    this.table = new TracedPageTable((range) => this.#rangeEnded(range));
    const { table } = this;
    this.#recorded = { facts, faulted, bouncedLines: this.#bouncedLines, table, edges: this.edges };
  }

  /** The instant of `line`: a new object only if a mapping or a recorder keeps it. */
  #instantOf({ cpu, name, seconds }: TraceLine, line: number): TraceInstant {
    if (name.dmaReader !== undefined || this.recorder !== null) return { line, seconds, cpu };
    const passing = this.#passing;
    passing.line = line;
    passing.seconds = seconds;
    passing.cpu = cpu;
    return passing;
  }

  /** Reads an event line. @returns False if the line is damaged. */
  push(line: TraceLine, number: number): boolean {
    const now = this.now = this.#instantOf(line, number);
    this.#line = line;
    const event = line.readDma();
    const { isCall } = line.name;
    if (isCall) this.edges.pass(now);
    const context = this.table.contexts.at(line.pid, line.cpu, line.contextCode, line.seconds);
    if (event === null) {
      this.damaged.push(number);
      this.edges.lostLine = number;
    } else if (event !== undefined) this.#event(event, line, now, context);
    else if (isCall) this.requests.take(line, number, context, this.table, this.recorder);
    if (isCall) {
      context.lastLine = number;
      context.lastCpu = line.cpu;
    }
    if (line.event === BOUNCE_EVENT) {
      const device = bouncedDevice(line.fields);
      this.#bouncedLines.set(device, (this.#bouncedLines.get(device) ?? 0) + 1);
    } else if (line.event !== "map") context.isRunOver = true;
    return event !== null;
  }

  /** Notes that events of a CPU are missing here. @see rules/traces.md T.68 */
  gap(cpu: number, number: number): void {
    this.table.interrupt(cpu);
    this.edges.gap(cpu, number);
  }

  /** Notes that lines of all CPUs were cut out here. */
  cut(number: number): void {
    this.table.interrupt(null);
    this.edges.cut(number);
  }

  /** Ends the trace: all lines have been read. */
  end(): void {
    this.table.end();
    this.reused.settle(Infinity);
    const isAlone = this.isTableAlone;
    const runs = this.table.openRuns();
    for (const run of isAlone ? runs : []) {
      const mapping = rangeMapping({ ...run, run, unmap: null }, null);
      if (mapping !== null) this.history.add(mapping);
    }
    for (const device of this.devices.values()) {
      if (device.failed !== null) this.findings.mapsFailed(device, device.failed);
    }
    for (const run of runs) {
      if (run.cutBy !== null || isAlone && run.request === null) continue;
      const { certainty, text } = this.#ranges.verdict(run, this.edges);
      this.findings.openRange(run.maps, this.requests.deviceOf(run.request), certainty, text);
    }
    // A run with `cutBy` is the part of a range that remained after an unmap. Such a run has
    // another explanation, too: single mappings that happened to get adjacent addresses.
    for (const { cutBy, first, maps } of isAlone ? [] : runs) {
      if (cutBy === null) continue;
      this.findings.shortRange(first, maps, cutBy, cutBy.line > this.edges.lostLine);
    }
  }

  /** All mappings without an unmap, including uncertain ones. */
  *open(): Generator<TracedMapping> {
    for (const device of this.devices.values()) {
      for (const mappings of device.byPage.values()) yield* mappings;
    }
  }

  /**
   * Whether the trace has page-table lines but no events of the DMA API. Only the DMA API's events
   * name devices.
   */
  get isTableAlone(): boolean {
    return this.devices.size === 0 && this.table.maps > 0;
  }

  isUncertain(mapping: TracedMapping): boolean {
    return mapping.isUncertain || mapping.mappedAt.line < this.edges.lostLine;
  }

  #device(name: string): Device {
    const known = this.devices.get(name);
    if (known !== undefined) return known;
    const device = new Device(name, this.#recorded);
    this.devices.set(name, device);
    return device;
  }

  #event(event: DmaEvent, line: TraceLine, now: TraceInstant, context: Context): void {
    switch (event.op) {
      case "iommu_map":
        if (context.task === "") context.task = line.task;
        this.table.map(context, tableMap(now, event));
        return;
      case "iommu_unmap":
        this.table.unmap(context, tableUnmap(now, event));
        return;
      case "map":
      case "alloc":
      case "map_sg":
        this.#map(event, line, now, context);
        return;
      case "unmap":
      case "free":
        this.#unmap(event, now, context);
        return;
      case "unmap_sg":
        this.#unmapList(event, now, context);
        return;
      case "sync":
        this.#sync(event, now);
        return;
      case "failed":
        noteFailedMap(this.#device(event.device), now, 0);
        return;
    }
  }

  #map(event: MapEvent, line: TraceLine, now: TraceInstant, context: Context): void {
    const device = this.#device(event.device);
    this.table.goesOn(context);
    if (event.op === "map_sg") {
      count(device, "sg_maps");
      count(device, "sg_in", event.entries);
      count(device, "sg_out", event.dmaAddrs.length);
    } else count(device, event.op === "map" ? "maps" : "allocs");
    if (event.op !== "map_sg" && event.failed) {
      noteFailedMap(device, now, event.sizeBytes);
      return;
    }
    if (device.failed !== null) device.failed.run = 0;
    const tableLine = event.op === "map_sg"
      ? this.table.claimMaps(context, listRanges(event))
      : this.table.claimMaps(context, [pageOf(event.addr), pageEnd(event.addr, event.sizeBytes)]);
    const task = line.task;
    const by = { mappedAt: now, pid: line.pid, task, request: context.request?.name ?? null };
    const mapping = makeMapping(event, device, tableLine, by);
    noteMap(mapping);
    this.requests.note(context, device, mapping.kind === "alloc" ? 0 : mapping.entries);
    if (this.#meetsOlder(mapping, context)) return;
    this.recorder?.({ op: "map", line: now.line, mapping });
    keepMapping(mapping);
    noteSegments(mapping, context);
    if (event.op === "map_sg") {
      event.dmaAddrs.forEach((addr, index) =>
        this.history.add(mapping, addr, event.sizesBytes[index]!)
      );
    } else this.history.add(mapping);
  }

  /**
   * Handles a map at an address where another mapping is live. The allocator reuses a range only
   * after it was freed. Therefore the unmap line of the older mapping is missing, or is printed
   * later.
   *
   * @returns True if the line makes no new mapping.
   * @see rules/traces.md T.66
   */
  #meetsOlder(mapping: TracedMapping, context: Context): boolean {
    const older = conflicting(mapping);
    if (older === null) return false;
    if (this.isUncertain(older)) {
      this.#endUncertain(older);
      return false;
    }
    const unmap = this.table.orphan(older, older.mappedAt.line, mapping.mappedAt.line);
    if (older.tableLine > 0 && mapping.tableLine === 0 && unmap === null) {
      // The page table was not written. Therefore this line is a repeated line, or the line of a
      // call that only looks like a map.
      if (this.edges.isWhole(mapping.mappedAt, context)) this.findings.doubleMap(older, mapping);
      mapping.device!.uncertain++;
      return true;
    }
    if (older.tableLine > 0 && unmap === null) {
      // The page-table line of the older mapping's unmap is missing as well as the unmap line
      // itself. Therefore the trace lacks lines here, even if no mark says so.
      this.findings.leakByReuse(older, mapping, "possible");
      if (older.mappedAt.line < this.edges.silenceLine) this.edges.noteHole();
      older.isUncertain = true;
      this.#endUncertain(older);
      return false;
    }
    dropMapping(older);
    this.reused.note({ older, newer: mapping, unmap });
    return false;
  }

  #end(mapping: TracedMapping, now: TraceInstant): void {
    endMapping(mapping, now);
    const line = this.#line;
    if (line !== null) this.history.end(mapping, () => `${line.task}-${line.pid}`);
  }

  #endUncertain(mapping: TracedMapping): void {
    dropMapping(mapping);
    mapping.device!.uncertain++;
  }

  #unmap(event: UnmapEvent, now: TraceInstant, context: Context): void {
    const device = this.#device(event.device);
    const kind = event.op === "unmap" ? "map" : "alloc";
    count(device, event.op === "unmap" ? "unmaps" : "frees");
    let beside: TableUnmap | null = null;
    this.table.goesOn(context);
    if (event.addr === ERROR_ADDRESS) {
      this.findings.unmapErrorValue(device, now);
      return;
    }
    if (kind === "map") beside = this.table.claimUnmap(context, event.addr);
    else {
      this.table.settle(context);
      const [start, end] = [pageOf(event.addr), pageEnd(event.addr, event.sizeBytes)];
      context.expected = { start, end, seconds: now.seconds, onOutcome: null };
    }
    const mappings = mappingsAt(device, pageOf(event.addr));
    const mapping = bestMapping(mappings, event, kind);
    if (mapping === null) {
      const other = mappings.find(({ addr }) => addr === event.addr);
      if (other !== undefined && this.#isWrongKind(other, event, kind)) {
        this.findings.wrongKind(other, kind, now, soleUse(other, this.edges));
        this.#end(other, now);
        return;
      }
      if (kind === "map") this.#unmapWithoutMap(device, event, now, context, beside);
      else this.#freeWithoutAlloc(device, event, now, context);
      return;
    }
    if (this.reused.isLate(event, mapping, now, beside)) return;
    if (this.#isOfAnother(mapping, event)) {
      this.#endUncertain(mapping);
      device.mappedBeforeTrace++;
      return;
    }
    if (mapping.sizeBytes !== event.sizeBytes) {
      this.findings.wrongSize(mapping, event.sizeBytes, now);
    }
    if (mapping.dir !== event.dir) this.findings.wrongDirection(mapping, event.dir, now);
    const { dir, sizeBytes } = event;
    this.recorder?.({ op: "unmap", line: now.line, mapping, sizeBytes, dir, entries: 1 });
    this.#end(mapping, now);
  }

  /**
   * Whether an unmap of another kind is meant for this mapping. If not, it is for a mapping
   * without a map in the trace.
   */
  #isWrongKind(other: TracedMapping, event: UnmapEvent, kind: MappingKind): boolean {
    const device = other.device!;
    if (this.isUncertain(other) || isAnothers(this.devices, event, kind, device)) return false;
    if (other.sizeBytes === event.sizeBytes) return true;
    return modeOf(device) !== "direct" && other.mappedAt.line >= this.edges.silenceLine;
  }

  /**
   * Whether an unmap belongs to another mapping at the same address rather than to this one. If so,
   * two lines are missing: the map of the other mapping and the unmap of this one. There must be a
   * gap or a silence in which they are missing.
   */
  #isOfAnother(mapping: TracedMapping, { dir, sizeBytes }: UnmapEvent): boolean {
    const isUnlike = [mapping.sizeBytes !== sizeBytes, mapping.dir !== dir];
    if (this.isUncertain(mapping)) return isUnlike.includes(true);
    if (isUnlike.includes(false) || mapping.mappedAt.line >= this.edges.silenceLine) return false;
    this.edges.noteHole();
    return true;
  }

  /**
   * Handles an unmap without a map. If the page table had nothing to unmap, nothing was mapped at
   * the address.
   *
   * @see rules/traces.md T.28, T.66
   */
  #unmapWithoutMap(
    device: Device,
    event: UnmapEvent,
    now: TraceInstant,
    context: Context,
    beside: TableUnmap | null,
  ): void {
    if (unfold(device, event.addr)) return;
    const unmapped = this.#lastUnmapped(device.unmapped.get(event.addr));
    // The page table's unmap is not in this context if the task has moved to another CPU between
    // the two lines. Then it is searched for among the unclaimed unmaps.
    const unmap = beside ?? this.table.orphan(event, unmapped?.unmappedAt?.line ?? 0, now.line);
    const isTranslated = this.#isTranslated(device);
    const nothingThere = isTranslated && unmap === null && this.edges.isWhole(now, context);
    if (unmapped !== null && (nothingThere || !isTranslated)) {
      const certainty = soleUse(unmapped, this.edges);
      const since = nothingThere ? context.lastLine : unmapped.unmappedAt!.line;
      this.findings.doubleUnmap(unmapped, now, event.addr, certainty, since);
      if (certainty !== "possible") {
        this.recorder?.({ op: "again", line: now.line, mapping: unmapped });
        return;
      }
    }
    const physical = unmapped === null ? atPhysicalAddress(device, event) : null;
    if (unmapped === null && nothingThere) {
      this.findings.unmapUnknown(device, event.addr, now, "proved", context.lastLine, physical);
      return;
    }
    if (physical !== null) {
      this.findings.unmapUnknown(device, event.addr, now, "unknown", 0, physical);
      return;
    }
    // Whether this is the device's first unmap without a map, long after the device's first
    // mapping. In that case the map is missing within the trace, not before it.
    const isFirst = device.mappedBeforeTrace === 0 && device.firstLine < this.edges.silenceLine;
    device.mappedBeforeTrace++;
    const { dir, sizeBytes } = event;
    siblingsOf(device, now.cpu, "map", dir, sizeBytes).unmapOlder();
    const wasUnmapped = device.unmapped.has(event.addr) || device.unmapped.dropped > 0;
    if (wasUnmapped || isFirst) this.edges.noteHole();
    if (unmapped === null || isTranslated) {
      this.findings.unmapUnknown(device, event.addr, now, "unknown", 0);
    }
  }

  /**
   * Handles a free without an alloc. For coherent memory, the page table's unmap, if any, is
   * printed after the line of the free.
   */
  #freeWithoutAlloc(device: Device, event: UnmapEvent, now: TraceInstant, context: Context): void {
    if (unfold(device, event.addr)) return;
    const unmapped = this.#lastUnmapped(device.unmapped.get(event.addr));
    const unknown = () => this.findings.unmapUnknown(device, event.addr, now, "unknown", 0);
    this.#endWithoutMap(device, unmapped, now, context, unknown);
  }

  /** @param unknown Adds the finding that a line is missing. */
  #endWithoutMap(
    device: Device,
    unmapped: TracedMapping | null,
    now: TraceInstant,
    context: Context,
    unknown: () => void,
  ): void {
    const { lostLine } = this.edges;
    const { end, start } = context.expected ?? { start: 0, end: Infinity };
    const onOutcome = (came: boolean) => {
      const isSure = !came || !this.#isTranslated(device);
      if (unmapped !== null && this.edges.lostLine === lostLine && isSure) {
        const { addr, unmappedAt } = unmapped;
        const certainty = soleUse(unmapped, this.edges);
        this.findings.doubleUnmap(unmapped, now, addr, certainty, unmappedAt!.line);
        if (certainty !== "possible") return;
      }
      device.mappedBeforeTrace++;
      if (unmapped !== null) this.edges.noteHole();
      unknown();
    };
    if (unmapped === null) onOutcome(true);
    const { seconds } = now;
    context.expected = { start, end, seconds, onOutcome: unmapped === null ? null : onOutcome };
  }

  /** The mapping last unmapped at an address, if no line is missing since its unmap; else null. */
  #lastUnmapped(unmapped: TracedMapping | undefined): TracedMapping | null {
    return unmapped !== undefined && unmapped.unmappedAt!.line > this.edges.lostLine
      ? unmapped
      : null;
  }

  /** Whether every unmap of a device has a page-table line. */
  #isTranslated(device: Device): boolean {
    return modeOf(device) === "translated" && this.table.unmaps > 0;
  }

  #unmapList(
    event: UnmapListEvent,
    now: TraceInstant,
    context: Context,
  ): void {
    const device = this.#device(event.device);
    count(device, "sg_unmaps");
    this.table.goesOn(context);
    this.table.settle(context);
    const mappings = device.lists?.live.get(event.physAddrs[0]!) ?? [];
    const alike = mappings.filter((each) =>
      each.dir === event.dir && isSameList(each, event.physAddrs, event.isCut)
    );
    if (alike.some(({ addr }) => addr !== alike[0]!.addr)) {
      this.#unmapOneOf(alike, event, now, context);
      return;
    }
    const mapping = alike.at(-1) ??
      mappings.findLast((each) => isSameList(each, event.physAddrs, event.isCut)) ??
      mappings.findLast(({ dir }) => dir === event.dir) ?? mappings.at(-1);
    if (mapping === undefined) {
      this.#unmapListWithoutMap(device, event.physAddrs, now, context);
      return;
    }
    const end = pageEnd(mapping.addr, mapping.sizeBytes);
    context.expected = { start: pageOf(mapping.addr), end, seconds: now.seconds, onOutcome: null };
    if (this.isUncertain(mapping) && !isSameList(mapping, event.physAddrs, event.isCut)) {
      this.#endUncertain(mapping);
      device.mappedBeforeTrace++;
      return;
    }
    if (!event.isCut && !isSameList(mapping, event.physAddrs, false)) {
      this.findings.wrongEntries(mapping, event.physAddrs.length, now);
    }
    if (mapping.dir !== event.dir) this.findings.wrongDirection(mapping, event.dir, now);
    this.#endList(mapping, event, now);
  }

  /**
   * Unmaps one of several live lists of the same memory. The line has neither their addresses nor
   * their sizes: the page table's unmap, which follows, shows which list it was.
   *
   * @see rules/traces.md T.21
   */
  #unmapOneOf(
    alike: readonly TracedMapping[],
    event: UnmapListEvent,
    now: TraceInstant,
    context: Context,
  ): void {
    let [start, end] = [Infinity, 0];
    for (const { addr, sizeBytes } of alike) {
      start = Math.min(start, pageOf(addr));
      end = Math.max(end, pageEnd(addr, sizeBytes));
    }
    const onOutcome = (_: boolean, unmap: TableUnmap | null) => {
      const live = alike.filter(({ unmappedAt }) => unmappedAt === null);
      const found = live.find(({ addr }) => pageOf(addr) === unmap?.start);
      const mapping = found ?? live.at(-1);
      if (mapping === undefined) return;
      this.#endList(mapping, event, now);
      if (found !== undefined) return;
      for (const other of live) if (other !== mapping) other.isUncertain = true;
      mapping.device!.lists!.confused.set(event.physAddrs[0]!, true);
    };
    context.expected = { start, end, seconds: now.seconds, onOutcome };
  }

  #endList(mapping: TracedMapping, event: UnmapListEvent, now: TraceInstant): void {
    const { sizeBytes } = mapping;
    const entries = event.isCut ? mapping.entries : event.physAddrs.length;
    this.recorder?.({ op: "unmap", line: now.line, mapping, sizeBytes, dir: event.dir, entries });
    this.#end(mapping, now);
  }

  #unmapListWithoutMap(
    device: Device,
    physAddrs: readonly number[],
    now: TraceInstant,
    context: Context,
  ): void {
    const first = physAddrs[0]!;
    if (unfold(device, first)) return;
    const other = modeOf(device) !== "direct"
      ? undefined
      : device.byPage.get(pageOf(first))?.find(({ addr, kind }) =>
        addr === first && kind === "map"
      );
    if (other !== undefined && !this.isUncertain(other)) {
      this.findings.wrongKind(other, "sg", now, soleUse(other, this.edges));
      this.#end(other, now);
      return;
    }
    const last = this.#lastUnmapped(device.lists?.unmapped.get(first));
    const isSure = last !== null && isSameList(last, physAddrs, false) &&
      !device.lists?.confused.has(first);
    const unmapped = isSure ? last : null;
    context.expected = null;
    const unknown = () => this.findings.listUnknown(device, first, now);
    this.#endWithoutMap(device, unmapped, now, context, unknown);
  }

  /** Checks a sync against the mapping of its address. @see rules/traces.md T.66 */
  #sync({ addr, device: name, dir, isList, sizeBytes }: Sync, now: TraceInstant): void {
    const device = this.#device(name);
    const { edges, findings } = this;
    const { line } = now;
    count(device, "syncs");
    const mappings = covering(device, addr);
    const mapping =
      mappings.find((each) => each.dir === dir && each.addr + each.sizeBytes >= addr + sizeBytes) ??
        mappings[0];
    if (mapping === undefined) {
      const unmapped = this.#lastUnmapped(device.unmapped.get(addr));
      if (unmapped === null) return;
      const unmappedLine = unmapped.unmappedAt!.line;
      // The page table was written after the unmap, and no call has claimed these page-table lines.
      // Therefore the line of a new map call is missing.
      if (this.table.isLinkedSince(addr, unmappedLine)) return;
      const sure = unmappedLine < edges.silenceLine ? "possible" : soleUse(unmapped, edges);
      this.recorder?.({ op: "sync", line, mapping: unmapped, dir, sizeBytes, offsetBytes: 0 });
      findings.syncUnknown(unmapped, addr, now, sure);
      return;
    }
    if (mapping.kind === "sg" || isList) return;
    const offsetBytes = addr - mapping.addr;
    this.recorder?.({ op: "sync", line, mapping, dir, sizeBytes, offsetBytes });
    // The mapping may have been unmapped in missing lines, and another mapping made at its address.
    if (this.isUncertain(mapping)) return;
    if (mapping.addr + mapping.sizeBytes < addr + sizeBytes) {
      findings.syncSize(mapping, addr, sizeBytes, now);
    }
    if (mapping.dir !== dir && mapping.dir !== "BIDIRECTIONAL") {
      findings.syncDirection(mapping, dir, now);
    }
  }

  #rangeEnded(range: EndedRange): void {
    this.#ranges.end(range);
    const mapping = rangeMapping(range, this.requests.deviceOf(range.run.request));
    if (mapping === null) return;
    this.history.add(mapping);
    const linksBytes = range.run.maps.map(({ end, start }) => end - start);
    const destroyedBytes = range.unmap.end - mapping.addr;
    const { line } = mapping.mappedAt;
    this.recorder?.({ op: "range", line, mapping, linksBytes, destroyedBytes });
    this.recorder?.({ op: "destroy", line: range.unmap.line, mapping, destroyedBytes });
  }
}

/**
 * The start and end of the pages of each list entry, as one flat list. Adjacent entries are one range:
 * the IOMMU maps contiguous memory at once, even where the device's limits cut it into entries.
 */
function listRanges({ dmaAddrs, sizesBytes }: Extract<DmaEvent, { op: "map_sg" }>): number[] {
  const ranges: number[] = [];
  for (let index = 0; index < dmaAddrs.length; index++) {
    const start = dmaAddrs[index]!;
    const end = pageEnd(start, sizesBytes[index]!);
    const last = ranges.length - 1;
    if (ranges[last] === start) ranges[last] = end;
    else ranges.push(pageOf(start), end);
  }
  return ranges;
}

// The fields are written out, because spread syntax would cause most of a trace's garbage.
function tableMap(
  { cpu, line, seconds }: TraceInstant,
  { end, phys, start }: Extract<DmaEvent, { op: "iommu_map" }>,
): TableMap {
  return { line, seconds, cpu, start, end, phys };
}

function tableUnmap(
  { cpu, line, seconds }: TraceInstant,
  { end, start }: Extract<DmaEvent, { op: "iommu_unmap" }>,
): TableUnmap {
  return { line, seconds, cpu, start, end };
}

type UnmapListEvent = Extract<DmaEvent, { op: "unmap_sg" }>;
type Sync = Extract<DmaEvent, { op: "sync" }>;

/** Live mappings that contain an address: the mappings that begin nearest before it. */
function covering(device: Device, address: number): TracedMapping[] {
  const holds = (mapping: TracedMapping) =>
    address >= mapping.addr && address < mapping.addr + mapping.sizeBytes;
  const page = pageOf(address);
  for (let back = 0; back <= NEAR_PAGES; back++) {
    const found = device.byPage.get(page - back * PAGE_BYTES)?.filter(holds) ?? [];
    if (found.length > 0) return found.sort((a, b) => b.addr - a.addr);
  }
  return [...device.large ?? []].filter(holds).sort((a, b) => b.addr - a.addr);
}
