/** A request, or the mappings of a device, at a position: page by page, with the state of each page. */
import { countBefore } from "@dmalab/runtime/basics";
import { ADDRESS_TITLES, addressTitle, type LabTableRow, type RequestEntry } from "@dmalab/devices";
import { IN_NO_MAPPING, NOT_MAPPED } from "@dmalab/lang/render";
import { type MachineEvent, SECTOR_SIZE_BYTES } from "@dmalab/runtime";
import { formatAddress, formatCount, formatSize, groupThousands } from "@dmalab/lang/text";
import type { Position } from "../position.ts";
import { rowsAt, rowsCovering } from "../rows.ts";
import type { RecordedRun } from "../recorded_run.ts";
import { meaningAt } from "./meaning.ts";
import { type RequestPhase, type RequestView, requestView } from "./request.ts";
import type { RunIndex } from "./run_index.ts";

/** The subject of a picture: a request, or the mappings of a device that belong to no request. */
export type PictureSubject =
  | { readonly kind: "request"; readonly request: number }
  | { readonly kind: "mappings"; readonly device: string };

/** The state of a page at a position. */
export type PageState = "none" | "reserved" | "mapped" | "moved" | "unmapped" | "leaked";

/** A page, or the part of a segment that lies in it. */
export interface PicturePage {
  readonly phys: number;
  readonly dma: number;
  /** What kind of address `dma` is. */
  readonly addressTitle: string;
  readonly sizeBytes: number;
  /** Physical address of the bounce buffer to which an IOVA leads in place of the memory; null for none. */
  readonly bounce: number | null;
  readonly state: PageState;
  /** True if the page's data has been transferred, whatever the page's state is now. */
  readonly hasMoved: boolean;
  /** The event that maps the page; 0 if none does, and `dma` then says nothing. */
  readonly mappedSeq: number;
  /** The event that transferred the page's data; null if that has not happened yet. */
  readonly movedSeq: number | null;
  /** The event that unmapped the page; null if that has not happened yet. */
  readonly unmappedSeq: number | null;
  /**
   * The first of the command's entries that contain the page's address; null if no entry contains
   * it. The entry may be written later than the current position.
   */
  readonly entry: RequestEntry | null;
  /** The event that wrote `entry`; null if that has not happened yet. */
  readonly writtenSeq: number | null;
  /** Whether the command was sent without this memory: its driver has not mapped it. */
  readonly isMissing: boolean;
}

/** A fact about a mapping, with a name and a text. */
export interface PictureFact {
  readonly name: string;
  readonly text: string;
  /** The event that the fact is taken from; null for none. */
  readonly seq: number | null;
  readonly isWrong: boolean;
}

export interface PictureView {
  readonly subject: PictureSubject;
  readonly title: string;
  /** How the device reaches the memory. */
  readonly path: MachineEvent<"dma.map">["fields"]["path"];
  readonly memoryTitle: string;
  readonly addressTitle: string;
  /** The path between two peers; null for none. */
  readonly route: string | null;
  /** For a request: the states so far of its attempt at the position. */
  readonly phases: readonly RequestPhase[];
  /** The pages of the picture; if there are many, only the first and the last. */
  readonly pages: readonly PicturePage[];
  /** Number of omitted pages, and the index of the page before which they are omitted. */
  readonly left: { readonly pages: number; readonly before: number } | null;
  /** Entries that point to lists of entries. */
  readonly lists: readonly RequestEntry[];
  /** Entries with an address in no mapped segment of the request: the first `MAX_OUTSIDE`. */
  readonly outside: readonly RequestEntry[];
  /** The command, its format and its status, as words. */
  readonly about: string;
  /** For a single mapping: its cause, and a missing unmap. */
  readonly facts: readonly PictureFact[];
}

const PAGE_BYTES = 4096;
/**
 * Maximum number of drawn pages. `LAST_PAGES` is the number of last pages among them; the pages in
 * the middle are left out.
 */
const MAX_PAGES = 48;
const LAST_PAGES = 8;
/** Title of addresses of several kinds, or of an unknown one. */
const ANY_ADDRESS = "DMA address";
/** What a request says of its segments before it is mapped. */
const UNKNOWN_SEGMENTS = "not mapped yet: its segments are in no event";
/** Maximum number of drawn entries that point outside of the request's segments. */
const MAX_OUTSIDE = 16;
/** A report that has fewer letters before its first colon is told as a whole. */
const LEAST_TOLD = 60;
/** Maximum number of shown mappings without a request: the last ones. */
const MAX_MAPPINGS = 32;

const UNMAPS: Readonly<Partial<Record<MachineEvent<"dma.map">["fields"]["api"], string>>> = {
  dma_map_phys: "dma_unmap_phys",
  dma_map_page: "dma_unmap_page",
  dma_map_single: "dma_unmap_single",
  dma_map_resource: "dma_unmap_resource",
  dma_map_sg: "dma_unmap_sg",
  dma_iova_link: "dma_iova_destroy",
};

/** Arguments of the unmaps that take the whole list or state, and no address. */
const LISTED: typeof UNMAPS = { dma_map_sg: "sg", dma_iova_link: "state, mapped" };

/**
 * The possible pictures at a position: first the requests that have begun, then the devices with
 * mappings that belong to no request.
 */
export function pictureSubjects(
  { mappings, requests }: RunIndex,
  { seq }: Position,
): readonly PictureSubject[] {
  const begun: PictureSubject[] = [];
  for (const [request, [first]] of requests) {
    if (first! > seq) break;
    begun.push({ kind: "request", request });
  }
  const devices = [...mappings].filter(([, [first]]) => first!.createdSeq <= seq);
  return [...begun, ...devices.map(([device]) => ({ kind: "mappings", device } as const))];
}

/**
 * The subject of a position: the request of its event or, if the event belongs to no request, the
 * mappings of the event's device. If there is no such picture, the last request that began.
 */
export function subjectAt(
  { run }: RunIndex,
  { seq }: Position,
  subjects: readonly PictureSubject[],
): PictureSubject | null {
  const request = seq === 0 ? null : run.log.requestAt(seq);
  const device = seq === 0 ? null : run.log.deviceAt(seq);
  const own = request === null
    ? subjects.find((each) => each.kind === "mappings" && each.device === device)
    : subjects.find((each) => each.kind === "request" && each.request === request);
  return own ?? subjects.findLast(({ kind }) => kind === "request") ?? subjects.at(-1) ?? null;
}

/**
 * A request or mappings at a position; null when no event of them has happened yet.
 * @param leaked The events of mappings that are never unmapped.
 */
export function pictureView(
  index: RunIndex,
  position: Position,
  subject: PictureSubject,
  leaked: ReadonlySet<number>,
): PictureView | null {
  return subject.kind === "request"
    ? requestPictureView(index, position, subject.request, leaked)
    : mappingsPictureView(index, position, subject.device, leaked);
}

/** Events with which a further attempt begins, if they come after the end of one. */
const AGAIN: ReadonlySet<MachineEvent["name"]> = new Set([
  "call.blk_rq_dma_map_iter_start",
  "dma.map",
  "nvme.choose",
]);

/** Whether an attempt ends with an event: its memory is unmapped, or could not be mapped. */
function isEndOfAttempt({ log }: RecordedRun, seq: number): boolean {
  const name = log.nameAt(seq);
  if (name !== "block.status") return name === "nvme.unmap";
  const { ended, status } = log.event(seq).fields as MachineEvent<"block.status">["fields"];
  return ended === "iterator" && status !== "OK";
}

/**
 * The events of the attempt to which a position belongs, and the number of the attempt. A request may be attempted
 * again: its memory is then mapped anew. The later events of the attempt are among them: the picture needs them to
 * show what happens to the pages.
 */
function attemptAt({ run }: RunIndex, { seq }: Position, events: readonly number[]) {
  let [number, start, end] = [1, 0, -1];
  for (const [place, each] of events.entries()) {
    if (isEndOfAttempt(run, each)) end = place;
    if (end < start || !AGAIN.has(run.log.nameAt(each))) continue;
    if (events[end + 1]! > seq) return { number, own: events.slice(start, end + 1) };
    start = end + 1;
    number++;
  }
  return { number, own: events.slice(start) };
}

function requestPictureView(
  index: RunIndex,
  position: Position,
  request: number,
  leaked: ReadonlySet<number>,
): PictureView | null {
  const { requests, run } = index;
  const events = requests.get(request);
  if (events === undefined || events[0]! > position.seq) return null;
  const attempt = attemptAt(index, position, events);
  const end = run.afterEvent(Math.max(position.seq, attempt.own.at(-1)!));
  const view = requestView(run, end, request, attempt.own);
  if (view === null) return null;
  const by = position.seq;
  const own = segmentsOf(run, view);
  // The metadata has segments and entries of its own, which begin at MPTR.
  const whole = withMetadata(view);
  const segments = segmentsOf(run, whole);
  const path = view.path ?? "direct";
  const cut = cutPages(
    segments.flatMap(({ dma, phys, sizeBytes }) => pagesOf(phys, dma, sizeBytes)),
  );
  const lost = index.entries.filter(({ createdSeq, endedSeq }) =>
    endedSeq === null && leaked.has(createdSeq)
  );
  const pages = cut.pages.map((page) => pageAt(whole, segments, path, page, by, lost));
  const { device, format, status } = view;
  // A command that is sent without segments, such as a flush, has no data.
  const isUnknown = whole.segments.length === 0 && sentSeq(view, end.seq) === null;
  const outside = whole.entries.filter(({ isOutside }) => isOutside);
  const route = path === "bus" ? routeOf(index, events) : null;
  return {
    subject: { kind: "request", request },
    title: `request ${request}`,
    path,
    memoryTitle: route === null ? memoryTitleOf(pages) : `${route.provider}, peer memory`,
    addressTitle: commonTitle(pages, view.path === null ? ANY_ADDRESS : ADDRESS_TITLES[path]),
    route: route?.text ?? null,
    phases: view.phases.filter(({ seq }) => seq <= by),
    pages,
    left: cut.left,
    lists: whole.entries.filter(({ leadsTo }) => leadsTo === "list"),
    outside: outside.slice(0, MAX_OUTSIDE),
    about: [
      device,
      format,
      isUnknown ? UNKNOWN_SEGMENTS : formatCount(own.length, "segment"),
      attempt.number === 1 ? null : `attempt ${attempt.number}`,
      by >= (view.phases.at(-1)?.seq ?? 0) ? status : null,
    ]
      .filter((each) => each !== null).join(", "),
    facts: [
      ...isUnknown ? splitFacts(index, attempt.own, by) : [],
      ...incidentFacts(index, attempt.own, by),
      ...outsideFacts(outside, by),
      ...missingFacts(whole, segments, by),
    ],
  };
}

/** A request with the memory and the entries of its metadata behind those of its data. */
function withMetadata(view: RequestView): RequestView {
  const { entries, metadata, segments } = view;
  if (metadata === null) return view;
  const lists = new Set(entries.map(({ page }) => page)).size;
  const more = metadata.entries.map((entry) =>
    entry.page === null ? entry : { ...entry, page: entry.page + lists }
  );
  return {
    ...view,
    segments: [...segments, ...metadata.segments],
    entries: [...entries, ...more],
  };
}

function memoryTitleOf(pages: readonly PicturePage[]): string {
  return `physical memory${pages.some(({ bounce }) => bounce !== null) ? " ⇄ bounce buffer" : ""}`;
}

/** The title of a column with addresses. @param empty For a column without any. */
function commonTitle(pages: readonly PicturePage[], empty: string = ANY_ADDRESS): string {
  const titles = new Set(pages.map(({ addressTitle }) => addressTitle));
  return titles.size > 1 ? ANY_ADDRESS : [...titles][0] ?? empty;
}

/**
 * What a report of the checker or a fault of the IOMMU says; null for other events. Of a long report, which would take
 * the room of the picture, only what comes before its first colon: the verdict and the event have the rest.
 */
function incidentText(event: MachineEvent): string | null {
  if (event.name === "dma.report") {
    const { class: name, text } = event.fields;
    const [what = ""] = text.split(": ", 1);
    return `${name}: ${what.length < LEAST_TOLD ? text : what}`;
  }
  if (event.name !== "iommu.fault") return null;
  const { access, dma, reason } = event.fields;
  const how = event.why?.inputs.injected === true ? ": injected" : "";
  return `fault: ${access} of ${formatAddress(dma)}, ${reason}${how}`;
}

/** The first report or fault that an attempt of a request led to, with the number of all. */
function incidentFacts(
  { run }: RunIndex,
  events: readonly number[],
  by: number,
): readonly PictureFact[] {
  const incidents = events.flatMap((seq): PictureFact[] => {
    const isIncident = seq <= by && meaningAt(run, seq) === "fault";
    const text = isIncident ? incidentText(run.event(seq)) : null;
    return text === null ? [] : [{ name: "incident", text, seq, isWrong: true }];
  });
  const [first] = incidents;
  if (first === undefined || incidents.length === 1) return incidents;
  return [{ ...first, name: `1 of ${incidents.length}` }];
}

/** Where a request was split: of a request that is only queued, this is all that its events say. */
function splitFacts(
  { run }: RunIndex,
  events: readonly number[],
  by: number,
): readonly PictureFact[] {
  return events.flatMap((seq): readonly PictureFact[] => {
    const event = run.event(seq);
    if (event.name !== "block.split" || seq > by) return [];
    const { at_sectors: sectors, rule } = event.fields;
    const text = `after ${
      formatSize(sectors * SECTOR_SIZE_BYTES)
    }, ${rule}: the rest continues as its own bio`;
    return [{ name: "split", text, seq, isWrong: false }];
  });
}

function outsideFacts(outside: readonly RequestEntry[], by: number): readonly PictureFact[] {
  const written = outside.filter(({ seq }) => seq !== null && seq <= by);
  const [first] = written;
  if (first === undefined) return [];
  return [{
    name: "wrong",
    text: `${
      formatCount(written.length, "entry", "entries")
    } ${IN_NO_MAPPING} of the request, from ${formatAddress(first.dma)} on`,
    seq: first.seq,
    isWrong: true,
  }];
}

/** The event that sent the command; null if it was not sent until `by`. */
function sentSeq({ phases }: RequestView, by: number): number | null {
  const sent = phases.findLast(({ phase }) => phase === "sent");
  return sent !== undefined && sent.seq <= by ? sent.seq : null;
}

function missingFacts(
  view: RequestView,
  segments: readonly MappedSegment[],
  by: number,
): readonly PictureFact[] {
  const missing = segments.filter(({ seq }) => seq === null);
  const seq = sentSeq(view, by);
  const [first] = missing;
  if (first === undefined || seq === null) return [];
  const text = `${formatCount(missing.length, "segment")} ${NOT_MAPPED}, from ${
    formatAddress(first.phys)
  } on`;
  return [{ name: "missing", text, seq, isWrong: true }];
}

/**
 * The state of a request's page at an event.
 * @param lost The page-table entries that leak.
 */
function pageAt(
  view: RequestView,
  segments: readonly MappedSegment[],
  path: PictureView["path"],
  { dma, phys, sizeBytes }: Extent,
  by: number,
  lost: readonly LabTableRow<"page_table">[],
): PicturePage {
  const unmapped = view.phases.find(({ phase }) => phase === "unmapped")?.seq ?? null;
  const covers = (start: number, size: number) => dma >= start && dma < start + size;
  const reserved = view.ranges.find((row) => covers(row.start, row.size_bytes));
  const firstRow = view.pageTable.find((row) => covers(row.iova, row.size_bytes));
  // An entry that is cleared in part goes on as further rows: the last one is that of the page.
  const entryRow = view.pageTable.findLast((row) =>
    row.createdSeq === firstRow?.createdSeq && covers(row.iova, row.size_bytes)
  );
  const mapping = view.mappings.find((row) => covers(row.dma, row.size_bytes));
  const segment = segments.find((each) => covers(each.dma, each.sizeBytes))!;
  const mappedSeq = entryRow?.createdSeq ?? mapping?.createdSeq ?? segment.seq ?? 0;
  const isMapped = segment.seq !== null;
  const gone = path === "iommu"
    ? (entryRow ?? mapping)?.endedSeq ?? null
    : isMapped
    ? unmapped
    : null;
  const data = view.data.find(({ fields }) => covers(fields.dma, fields.size_bytes));
  const moved = isMapped ? data?.seq ?? null : null;
  // An address outside of the request may be that of memory that its driver has not mapped.
  const entry = view.entries.find((each) =>
    isMapped && each.leadsTo === "data" && each.dma >= dma && each.dma < dma + sizeBytes
  );
  const until = (seq: number | null) => seq !== null && seq <= by ? seq : null;
  const hasMoved = until(moved) !== null;
  // Until its mapping is undone, what leaks is only mapped.
  const isLeaked = until(mapping?.endedSeq ?? unmapped) !== null &&
    lost.some((row) => row.createdSeq === entryRow?.createdSeq && covers(row.iova, row.size_bytes));
  const isReserved = reserved !== undefined && reserved.createdSeq <= by;
  const state = until(gone) !== null
    ? "unmapped"
    : isLeaked
    ? "leaked"
    : hasMoved
    ? "moved"
    : isMapped && mappedSeq <= by
    ? "mapped"
    : isReserved
    ? "reserved"
    : "none";
  const copy = bounceAt(view.bounced, phys);
  const bounce = copy === dma ? null : copy;
  return {
    phys,
    dma,
    sizeBytes,
    addressTitle: segment.path === null
      ? ANY_ADDRESS
      : addressTitle({ path: segment.path, dma, phys, copy, isTranslated: firstRow !== undefined }),
    bounce,
    state,
    hasMoved,
    mappedSeq,
    movedSeq: until(moved),
    unmappedSeq: until(gone),
    entry: entry === undefined ? null : { ...entry, fetched: until(entry.fetched) },
    writtenSeq: until(entry?.seq ?? null),
    isMissing: !isMapped && sentSeq(view, by) !== null,
  };
}

/** The physical address of the copy of a page; null if it is not bounced. */
function bounceAt(rows: readonly LabTableRow<"swiotlb">[], phys: number): number | null {
  const row = rows.findLast(({ orig_phys: start, size_bytes: size }) =>
    phys >= start && phys < start + size
  );
  return row === undefined ? null : row.tlb_phys + (phys - row.orig_phys);
}

/** Physical address, device address and length of memory. */
type Extent = Pick<PicturePage, "dma" | "phys" | "sizeBytes">;

interface MappedSegment extends Extent {
  /** How the device reaches it; null if it is not mapped. */
  readonly path: RequestView["path"];
  /** The event that mapped it; null if no event did. */
  readonly seq: number | null;
}

/** The memory of a request with its device addresses. */
function segmentsOf(run: RunIndex["run"], view: RequestView): readonly MappedSegment[] {
  const { mappings, pageTable, segments } = view;
  return segments.map(({ phys, seq, sizeBytes }): MappedSegment => {
    const event = seq === null ? null : run.event(seq);
    if (event?.name === "block.segment" || event?.name === "dma.map") {
      const { dma, path } = event.fields;
      return { phys, dma, path, sizeBytes, seq: event.seq };
    }
    const mapped = mappings.find((row) => phys >= row.phys && phys < row.phys + row.size_bytes);
    const entry = pageTable.find((row) => phys >= row.phys && phys < row.phys + row.size_bytes);
    const dma = mapped !== undefined
      ? mapped.dma + (phys - mapped.phys)
      : entry !== undefined
      ? entry.iova + (phys - entry.phys)
      : phys;
    const madeBy = seq ?? mapped?.createdSeq ?? entry?.createdSeq ?? null;
    return { phys, dma, path: mapped?.path ?? view.path, sizeBytes, seq: madeBy };
  });
}

function pagesOf(phys: number, dma: number, sizeBytes: number) {
  const pages: Extent[] = [];
  for (let at = 0; at < sizeBytes;) {
    const size = Math.min(sizeBytes - at, PAGE_BYTES - (dma + at) % PAGE_BYTES);
    pages.push({ phys: phys + at, dma: dma + at, sizeBytes: size });
    at += size;
  }
  return pages;
}

function cutPages<T>(pages: readonly T[]) {
  const left = pages.length - MAX_PAGES;
  if (left <= 0) return { pages, left: null };
  const before = MAX_PAGES - LAST_PAGES;
  return {
    pages: [...pages.slice(0, before), ...pages.slice(-LAST_PAGES)],
    left: { pages: left, before },
  };
}

function routeOf({ run }: RunIndex, events: readonly number[]) {
  for (const seq of events) {
    const event = run.event(seq);
    if (event.name !== "p2p.route") continue;
    const { distance, hops, provider } = event.fields;
    const how = distance === null ? "no route" : formatCount(distance, "hop");
    return { provider, text: `${hops.toReversed().join(" → ")}  ${how}, by bus address` };
  }
  return null;
}

function mappingsPictureView(
  index: RunIndex,
  { seq }: Position,
  device: string,
  leaked: ReadonlySet<number>,
): PictureView | null {
  const { mappings, run } = index;
  const made = mappings.get(device) ?? [];
  const count = countBefore(made.length, (number) => made[number]!.createdSeq <= seq);
  const rows = made.slice(Math.max(0, count - MAX_MAPPINGS), count);
  if (rows.length === 0) return null;
  const last = rows.at(-1)!.createdSeq;
  const entries = index.entries.filter(({ createdSeq, endedSeq }) =>
    createdSeq < last && (endedSeq === null || endedSeq > rows[0]!.createdSeq)
  );
  const parts = rows.map((row) => partsOf(row, entries, seq, leaked));
  const pages = parts.flat();
  const path = rows.at(-1)!.path;
  const isHeld = ({ unmappedSeq }: PicturePage) => unmappedSeq === null;
  const live = parts.filter((own) => own.every(isHeld)).length;
  const cut = parts.filter((own) => own.some(isHeld)).length - live;
  const about = rows.findLast(({ createdSeq }) => leaked.has(createdSeq)) ?? rows.at(-1)!;
  return {
    subject: { kind: "mappings", device },
    title: `mappings of ${device}`,
    path,
    memoryTitle: memoryTitleOf(pages),
    addressTitle: commonTitle(pages),
    route: null,
    phases: [],
    pages,
    left: null,
    lists: [],
    outside: [],
    about: `${live} mapped, ${cut === 0 ? "" : `${cut} in part, `}${
      formatCount(parts.length - live - cut, "mapping")
    } gone${count > rows.length ? `; the last of ${groupThousands(count)}` : ""}`,
    facts: factsOf(run, seq, about, leaked.has(about.createdSeq), parts[rows.indexOf(about)]!),
  };
}

/**
 * A mapping as the parts of it that differ: behind an IOMMU the device keeps access to what no unmap has cleared in
 * the page table, though the mapping itself is gone.
 */
function partsOf(
  row: LabTableRow<"mappings">,
  entries: readonly LabTableRow<"page_table">[],
  by: number,
  leaked: ReadonlySet<number>,
): readonly PicturePage[] {
  const end = row.dma + row.size_bytes;
  const own = entriesOf(row, entries);
  const physAt = memoryOf(row, own);
  const edges = own.flatMap(({ iova, size_bytes: size }) => [iova, iova + size])
    .filter((edge) => edge > row.dma && edge < end);
  // If a mapping leaks whose entries are all cleared, such as by a change of the domain, all of it leaks.
  const isWhole = leaked.has(row.createdSeq) && !own.some(({ endedSeq }) => endedSeq === null);
  const starts = [...new Set([row.dma, ...edges])].sort((one, other) => one - other);
  const gone = row.endedSeq !== null && row.endedSeq <= by ? row.endedSeq : null;
  const parts: PicturePage[] = [];
  starts.forEach((start, part) => {
    const last = own.findLast(({ iova, size_bytes: size }) => start >= iova && start < iova + size);
    const cleared = last === undefined ? row.endedSeq : last.endedSeq;
    const isCleared = cleared !== null && cleared <= by;
    // An unmap in the middle does not end the mapping, but the part is no longer mapped.
    const unmappedSeq = !isCleared || isWhole
      ? null
      : gone === null
      ? row.endedSeq === null ? cleared : null
      : Math.max(cleared, gone);
    const isLeaked = leaked.has(row.createdSeq) ||
      cleared === null && last !== undefined && leaked.has(last.createdSeq);
    const state = unmappedSeq !== null ? "unmapped" : isLeaked ? "leaked" : "mapped";
    const before = parts.at(-1);
    const sizeBytes = (starts[part + 1] ?? end) - start;
    const phys = physAt(start);
    const led = last === undefined ? phys : last.phys + (start - last.iova);
    // Without translation, the device has the address of the copy.
    const bounce = row.path !== "swiotlb" || led === phys ? null : led;
    const isAdjacent = before !== undefined && before.phys + before.sizeBytes === phys &&
      (bounce === null
        ? before.bounce === null
        : before.bounce !== null && before.bounce + before.sizeBytes === bounce);
    if (isAdjacent && before.state === state && before.unmappedSeq === unmappedSeq) {
      parts[parts.length - 1] = { ...before, sizeBytes: before.sizeBytes + sizeBytes };
      return;
    }
    parts.push({
      phys,
      dma: start,
      sizeBytes,
      addressTitle: addressTitle({
        path: row.path,
        dma: start,
        phys,
        copy: null,
        isTranslated: last !== undefined,
      }),
      bounce,
      state,
      hasMoved: false,
      mappedSeq: row.createdSeq,
      movedSeq: null,
      unmappedSeq,
      entry: null,
      writtenSeq: null,
      isMissing: false,
    });
  });
  return parts;
}

/** What the memory of a mapping depends on. */
export type MappingPlace = Pick<
  LabTableRow<"mappings">,
  "createdSeq" | "device" | "dma" | "path" | "phys" | "size_bytes"
>;

/** The entries that were valid when a mapping was made. Its addresses may have others later. */
export function entriesOf(
  row: MappingPlace,
  entries: readonly LabTableRow<"page_table">[],
): readonly LabTableRow<"page_table">[] {
  if (row.path !== "iommu" && row.path !== "swiotlb") return [];
  const end = row.dma + row.size_bytes;
  return entries.filter((each) =>
    each.device.split("+").includes(row.device) && each.createdSeq < row.createdSeq &&
    (each.endedSeq === null || each.endedSeq > row.createdSeq) &&
    each.iova < end && each.iova + each.size_bytes > row.dma
  );
}

/**
 * The memory at an address of a mapping. A list that is one range for the device is in several places: the mapping
 * has the first one, its entries have all.
 *
 * @param own From {@linkcode entriesOf}.
 */
export function memoryOf(
  row: MappingPlace,
  own: readonly LabTableRow<"page_table">[],
): (dma: number) => number {
  const led = (dma: number) => {
    const entry = own.findLast(({ iova, size_bytes: size }) => dma >= iova && dma < iova + size);
    return entry === undefined ? null : entry.phys + (dma - entry.iova);
  };
  // Behind an entry there may also be a bounce buffer.
  const isOwn = row.path !== "swiotlb" && led(row.dma) === row.phys;
  return (dma) => (isOwn ? led(dma) : null) ?? row.phys + (dma - row.dma);
}

/**
 * How much of a range or of page-table entries is undone, where the rest is, and the event that says so: the last one
 * that undid a part of it, or the one that made it while all of it remains.
 *
 * An unmap with a deferred flush queues the range: it is freed when the queue drains.
 */
function undoneFact(
  run: RecordedRun,
  name: string,
  table: "iova" | "page_table",
  made: readonly (LabTableRow<"iova"> | LabTableRow<"page_table">)[],
  by: number,
): PictureFact {
  const size = sizeOf(made);
  const madeBy = new Set(made.map(({ createdSeq }) => createdSeq));
  // A row that is cut goes on as further rows with the same creating event.
  const own = [...madeBy].flatMap((seq) => rowsMadeBy(run, table, seq));
  const ends = [...new Set(own.flatMap(({ endedSeq }) => endedSeq ?? []))]
    .filter((seq) => seq <= by);
  const queued = table === "iova" ? ends.flatMap((seq) => rowsMadeBy(run, "flush_queue", seq)) : [];
  const rest = rowsAt(run, table, run.afterEvent(by)).filter((row) => madeBy.has(row.createdSeq));
  const restBytes = sizeOf(rest);
  const waitingBytes = sizeOf(
    queued.filter(({ endedSeq }) => endedSeq === null || endedSeq > by),
  );
  const drained = queued.flatMap(({ endedSeq }) => endedSeq ?? []).filter((seq) => seq <= by);
  const [first] = rest;
  const undone = table === "iova" ? "freed" : "cleared";
  const start = first === undefined || restBytes === size
    ? ""
    : ` from ${formatAddress("iova" in first ? first.iova : first.start)} on`;
  const parts = [
    [size - restBytes - waitingBytes, "", undone],
    [waitingBytes, "", `in the flush queue, not ${undone} until it drains`],
    [restBytes, start, `not ${undone}`],
  ] as const;
  const told = parts.filter(([bytes]) => bytes > 0).map(([bytes, where, what]) =>
    `${formatSize(bytes)}${where}${bytes === size ? "," : ""} ${what}`
  );
  const seq = Math.max(...madeBy, ...ends, ...drained);
  return { name, text: told.join(", "), seq, isWrong: false };
}

/** The rows of a table that an event made, those that have ended, too. */
function rowsMadeBy<T extends "iova" | "page_table" | "flush_queue">(
  run: RecordedRun,
  table: T,
  seq: number,
): readonly LabTableRow<T>[] {
  const facts = run.table(table);
  const rows: LabTableRow<T>[] = [];
  for (let row = 0; row < facts.count; row++) {
    if (facts.createdSeqOf(row) === seq) rows.push(facts.row(row));
  }
  return rows;
}

function sizeOf(rows: readonly { readonly size_bytes: number }[]): number {
  return rows.reduce((sum, { size_bytes: size }) => sum + size, 0);
}

/**
 * Facts about a mapping: its cause, and whether its IOVA range and its page-table entry were
 * undone.
 */
function factsOf(
  run: RunIndex["run"],
  by: number,
  row: LabTableRow<"mappings">,
  isLeaked: boolean,
  parts: readonly PicturePage[],
): readonly PictureFact[] {
  const fact = (name: string, text: string, seq: number | null, isWrong = false) => ({
    name,
    text,
    seq,
    isWrong,
  });
  const { api, createdSeq, device, dir, dma, endedSeq, phys, size_bytes: size } = row;
  const at = run.afterEvent(createdSeq);
  const ranges = rowsCovering(run, "iova", dma, at, { device }).slice(0, 1);
  const entries = entriesOf(row, rowsAt(run, "page_table", at));
  const entryName = entries.length > 1 ? "page-table entries" : "page-table entry";
  const places = parts.filter((part, index) => {
    const before = parts[index - 1];
    return before === undefined || before.phys + before.sizeBytes !== part.phys;
  }).length;
  const memory = `${formatSize(size)} of memory ${formatAddress(phys)}${
    places > 1 ? ` and ${formatCount(places - 1, "more place")}` : ""
  }`;
  const gone = endedSeq !== null && endedSeq <= by ? endedSeq : null;
  const live = parts.filter(({ unmappedSeq }) => unmappedSeq === null);
  const undo = UNMAPS[api];
  return [
    fact("mapped by", `${api}(), ${memory}`, createdSeq),
    fact("direction", dir, null),
    ...ranges.length === 0 ? [] : [undoneFact(run, "IOVA range", "iova", ranges, by)],
    ...entries.length === 0 ? [] : [undoneFact(run, entryName, "page_table", entries, by)],
    ...gone === null ? [] : [fact("unmapped", live.length > 0 ? "in part" : "", gone)],
    ...gone === null ? [] : live.map(({ dma, sizeBytes, state }) =>
      fact(
        state === "leaked" ? "never unmapped" : "still mapped",
        `${formatSize(sizeBytes)} at ${formatAddress(dma)}`,
        null,
        true,
      )
    ),
    ...isLeaked && undo !== undefined
      ? [
        fact(
          "missing",
          `${undo}(${device}, ${
            LISTED[api] ?? `${formatAddress(dma)}, ${formatSize(size)}`
          }, ${dir})`,
          null,
          true,
        ),
      ]
      : [],
  ];
}
