/**
 * The ledger: when and by which call every mapping was made and ended, read from the events.
 *
 * The ledger stores no data. Each answer is computed from the recorder's events, so it can never
 * disagree with the events.
 */
import { addAll } from "@dmalab/runtime/basics";
import { VFIO_AREAS } from "@dmalab/devices/vfio_container";
import { type DmaAddr, ledgerOf, type MachineEvent, type PhysAddr } from "@dmalab/runtime";
import {
  COHERENT,
  type HistoryRow,
  type HistoryTableSpec,
  MAPPINGS,
} from "@dmalab/runtime/recording";
import type { FieldTable } from "@dmalab/runtime/vocabulary";
import { foldLine, spread, wrapText } from "../text/columns.ts";
import { formatEventText } from "../render/event_line.ts";
import { formatAddress, formatCount, formatSize, formatTimeRounded } from "../text/numbers.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { branchDoc } from "./explain/explain_mapping.ts";
import { siteText } from "./types/event.ts";

/** One mapping, by whichever API it was made. */
export interface LedgerEntry {
  readonly device: string;
  readonly api: string;
  readonly phys: PhysAddr;
  readonly dma: DmaAddr;
  readonly sizeBytes: number;
  /** Direction and path as words. */
  readonly dir: string;
  readonly path: string;
  readonly created: MachineEvent;
  /** The event that ended the mapping; null while it is live. */
  ended: MachineEvent | null;
}

/**
 * Every mapping in the events, in the order in which the mappings were made: the rows of the
 * recording's table.
 */
export function readLedger(
  events: readonly MachineEvent[],
  context: ExecutionContext,
): LedgerEntry[] {
  return rowsOf(MAPPINGS, events, context).map(({ size_bytes, ...fields }) => ({
    ...fields,
    sizeBytes: size_bytes,
  }));
}

/**
 * Coherent memory of translated devices, as mappings. The calls that allocate this memory have
 * separate events, not `dma.map`.
 */
export function readCoherent(
  events: readonly MachineEvent[],
  context: ExecutionContext,
): LedgerEntry[] {
  return rowsOf(COHERENT, events, context).map(({ created, device, ended, dma, size_bytes }) => ({
    device,
    api: "dma_alloc_coherent",
    phys: mappedBefore(events, created),
    dma,
    sizeBytes: size_bytes,
    dir: "bidirectional",
    path: "iommu",
    created,
    ended,
  }));
}

const DIRECTIONS = {
  read: "to_device",
  write: "from_device",
  read_write: "bidirectional",
} as const;

/**
 * Memory that processes mapped by VFIO: an entry for each contiguous part of an area. Its calls have
 * separate events, not `dma.map`.
 */
export function readAreas(
  events: readonly MachineEvent[],
  context: ExecutionContext,
): LedgerEntry[] {
  const areas = new Map(
    rowsOf(VFIO_AREAS, events, context).map((area) => [area.createdSeq, area]),
  );
  if (areas.size === 0) return [];
  const found: LedgerEntry[] = [];
  // What a call has mapped comes before its event. A call that failed has unmapped it.
  let parts: MachineEvent<"iommu.map">[] = [];
  for (const event of events) {
    if (event.name === "iommu.map") parts.push(event);
    if (!event.name.startsWith("vfio.")) continue;
    const area = areas.get(event.seq);
    const own = area === undefined
      ? []
      : parts.filter(({ device, fields: { iova } }) =>
        device === area.device && iova >= area.iova && iova < area.iova + area.size_bytes
      );
    found.push(...own.map(({ fields: { iova, phys, prot, size_bytes } }) => ({
      device: area!.device,
      api: event.name,
      phys,
      dma: iova,
      sizeBytes: size_bytes,
      dir: DIRECTIONS[prot],
      path: "iommu",
      created: event,
      ended: area!.ended,
    })));
    parts = [];
  }
  return found;
}

/** A time in which a process owned a device's IOMMU group by a container of VFIO. */
export interface Ownership {
  readonly since: MachineEvent;
  /** The event by which the group became the kernel's again; null while the process owns it. */
  until: MachineEvent | null;
  /** All devices of the container, the last time that its groups changed. */
  devices: readonly string[];
}

/** When processes owned a device's group, oldest first. */
export function ownershipsOf(device: string, events: readonly MachineEvent[]): Ownership[] {
  const found: Ownership[] = [];
  for (const event of events) {
    if (event.name !== "vfio.container") continue;
    const { devices, state } = event.fields as MachineEvent<"vfio.container">["fields"];
    const last = found.at(-1);
    const isIn = state !== "closed" && devices.includes(device);
    if (last === undefined || last.until !== null) {
      if (isIn) found.push({ since: event, until: null, devices });
    } else if (event.device === last.since.device) {
      if (isIn) last.devices = devices;
      else last.until = event;
    }
  }
  return found;
}

/** Whether a process's call of VFIO made a mapping, not a driver's. */
export function isUsers({ created }: LedgerEntry): boolean {
  return created.name === "vfio.map_dma";
}

/** The devices for which a mapping was made: for VFIO all that its container had. */
export function devicesOf(entry: LedgerEntry, events: readonly MachineEvent[]): readonly string[] {
  if (!isUsers(entry)) return [entry.device];
  const changed = events.findLast((event) =>
    event.name === "vfio.container" && event.device === entry.device &&
    event.seq < entry.created.seq
  ) as MachineEvent<"vfio.container"> | undefined;
  return changed?.fields.devices ?? [entry.device];
}

/**
 * Selects the events that are about a mapping's domain. While a process owns the group, its devices are
 * attached to a domain of the process, and what happens there is not about the mappings of drivers.
 */
function inDomainOf(
  entry: LedgerEntry,
  events: readonly MachineEvent[],
): (event: MachineEvent) => boolean {
  const times = ownershipsOf(entry.device, events);
  const isOfUser = isUsers(entry);
  return ({ seq }) =>
    isOfUser ===
      times.some(({ since, until }) => seq > since.seq && seq <= (until?.seq ?? Infinity));
}

/** The event since which a process owns the group of a driver's mapping, which is out of reach; or null. */
function ownedSince(entry: LedgerEntry, events: readonly MachineEvent[]): MachineEvent | null {
  if (isUsers(entry)) return null;
  const last = ownershipsOf(entry.device, events).at(-1);
  return last === undefined || last.until !== null ? null : last.since;
}

/** Whether an entry is a device's, or one of VFIO, which all devices of a container share. */
function isFor(entry: LedgerEntry, device: string, { lab }: ExecutionContext): boolean {
  if (entry.device === device) return true;
  if (!isUsers(entry)) return false;
  const own = lab.devices.get(device)?.dma;
  const other = lab.devices.get(entry.device)?.dma;
  if (own === undefined || other === undefined || own.group === null) return false;
  return own.group === other.group || (own.domain?.isUsers === true && own.domain === other.domain);
}

/** The target of the last page-table entry before an event. */
function mappedBefore(events: readonly MachineEvent[], { seq }: MachineEvent): PhysAddr {
  const map = events.findLast((event) => event.name === "iommu.map" && event.seq < seq);
  return (map as MachineEvent<"iommu.map"> | undefined)?.fields.phys ?? 0 as PhysAddr;
}

/**
 * The rows of a table that is built from some events. Each row has the events that began and ended
 * it.
 */
function rowsOf<F extends FieldTable>(
  spec: HistoryTableSpec<F>,
  events: readonly MachineEvent[],
  { lab }: ExecutionContext,
) {
  const { event, tables } = ledgerOf(lab.machine, [spec], events);
  const table = tables.get(spec.name);
  if (table === undefined) return [];
  return Array.from({ length: table.count }, (_, number) => {
    const row = table.row(number) as HistoryRow<F>;
    return {
      ...row,
      created: event(row.createdSeq),
      ended: row.endedSeq === null ? null : event(row.endedSeq),
    };
  });
}

/**
 * The event after which the device could no longer access a mapping's page at an address; null
 * while the device can access it. For a translated device each page ends separately, because an
 * unmap of less than was mapped leaves the other entries in place.
 */
export function endAt(
  entry: LedgerEntry,
  dma: number,
  events: readonly MachineEvent[],
  context: ExecutionContext,
): MachineEvent | null {
  if (!throughTable(entry, context)) return entry.ended;
  const isAbout = inDomainOf(entry, events);
  const after = events.filter((event) =>
    event.device === entry.device && event.seq > entry.created.seq && isAbout(event)
  );
  const cleared = after.findIndex((event) =>
    event.name === "iommu.unmap" && dma >= event.fields.iova &&
    dma < event.fields.iova + event.fields.unmapped_bytes
  );
  if (cleared < 0) return null;
  // The event of the unmap call follows the events of the entries that the call has cleared.
  const next = after.slice(cleared + 1).find(({ name }) =>
    name === "dma.unmap" || name === "iommu.unmap" || name.startsWith("call.")
  );
  return next?.name === "dma.unmap" ? next : entry.ended ?? after[cleared]!;
}

/**
 * How much of a mapping its device can still reach, "owned" if a process owns the device's group; null if the recorded events do not have the
 * mapping.
 */
export function reachOf(
  { addr, device, phys, sizeBytes }: Pick<LedgerEntry, "device" | "phys" | "sizeBytes"> & {
    readonly addr: DmaAddr;
  },
  context: ExecutionContext,
): "all" | "part" | "none" | "owned" | null {
  const { events } = context.recorder;
  const entry = readLedger(events, context).findLast((entry) =>
    entry.device === device && entry.dma === addr && entry.phys === phys &&
    entry.sizeBytes === sizeBytes
  );
  if (entry === undefined) return null;
  const ends = [addr, addr + sizeBytes - 1].map((dma) => endAt(entry, dma, events, context));
  const reached = ends.filter((end) => end === null).length;
  if (reached > 0 && ownedSince(entry, events) !== null) return "owned";
  return reached === ends.length ? "all" : reached > 0 ? "part" : "none";
}

/** Whether the device accesses a mapping through a page table. */
function throughTable({ device, path }: LedgerEntry, { lab }: ExecutionContext): boolean {
  return path !== "bus" && (lab.devices.get(device)?.dma.domain ?? null) !== null;
}

/** The mappings through which a device could reach an address, oldest first. */
export function mappingsAt(
  ledger: readonly LedgerEntry[],
  space: "phys" | "dma",
  address: number,
): LedgerEntry[] {
  return ledger.filter((entry) => {
    const start = space === "phys" ? entry.phys : entry.dma;
    return address >= start && address < start + entry.sizeBytes;
  });
}

/** Events of a mapping that are printed, because they decide whether an access works. */
const LIFE_EVENTS: ReadonlySet<string> = new Set([
  "iova.alloc",
  "iommu.map",
  "iommu.sync_map",
  "iommu.unmap",
  "iotlb.sync",
  "viommu.request",
  "viommu.wait",
  "device_tlb.sync",
  "device_tlb.answer",
  "device_tlb.timeout",
  "iova.free",
  "iommu.fault",
]);

/** Which of the mappings at an address are printed, and in how many columns. */
export interface AddressScope {
  /** Restricts the printed mappings to one device; each device has its own IOVA space. */
  readonly device?: string | null;
  readonly columns?: number;
  /** Size of a range that begins at the address: its last page is told where it differs from the first. */
  readonly sizeBytes?: number;
}

/** Explains an address: its mappings, and the events between them. */
export function explainAddress(
  space: "phys" | "dma",
  address: number,
  context: ExecutionContext,
  { columns = context.columns, device = null, sizeBytes = 1 }: AddressScope = {},
): string[] {
  const events = context.recorder.events;
  const ledger = [...readLedger(events, context), ...readAreas(events, context)]
    .filter((entry) => device === null || isFor(entry, device, context));
  const found = mappingsAt(ledger, space, address);
  const seenAs = space === "phys" ? "physical address" : "device address";
  if (found.length === 0) {
    const other = mappingsAt(ledger, space === "phys" ? "dma" : "phys", address);
    const hint = other.length === 0
      ? []
      : [`  as a ${space === "phys" ? "device" : "physical"} address it was mapped`];
    return [`${formatAddress(address)}: no mapping ever covered this ${seenAs}`, ...hint];
  }
  const nowAt = (address: number) =>
    mappingsAt(ledger, space, address)
      .flatMap((entry) => currentLines(entry, address, space, context)).join(", ");
  const now = nowAt(address);
  const end = address + sizeBytes - 1;
  const atEnd = nowAt(end);
  return [
    `${formatAddress(address)}, a ${seenAs}: ${formatCount(found.length, "mapping")} so far`,
    ...found.flatMap((entry) => lifeLines(entry, address, space, columns, context)),
    ...idleUnmaps(found, (entry) => dmaOf(entry, address, space), events).flatMap((
      call,
    ) => [
      `  ${momentText("unmap", call, apiOf(call), context)}`,
      "           ends no mapping",
    ]),
    `now      ${
      now === "" ? nothingText(found, (entry) => dmaOf(entry, address, space), context) : now
    }`,
    ...(now === "") === (atEnd === "")
      ? []
      : [`         at ${formatAddress(end)}: ${atEnd === "" ? "nothing is mapped" : atEnd}`],
  ].flatMap((line) => foldLine(line, columns));
}

/**
 * The current target of a mapping; empty if the device can no longer access the page of the
 * address.
 */
function currentLines(
  entry: LedgerEntry,
  address: number,
  space: "phys" | "dma",
  context: ExecutionContext,
): readonly string[] {
  const dma = dmaOf(entry, address, space);
  if (endAt(entry, dma, context.recorder.events, context) !== null) return [];
  const owned = ownedSince(entry, context.recorder.events);
  if (owned !== null) {
    const site = siteText(owned.site, context);
    return [
      `out of reach: a process owns ${entry.device}'s group since #${owned.seq}` +
      (site === null ? "" : `, ${site}`),
    ];
  }
  const still = entry.ended === null ? "" : "still ";
  const copied = entry.path === "swiotlb";
  const fault = lastFault(entry, dma, context.recorder.events);
  if (fault === "peer_blocked" || fault === "unreachable") {
    const isPeer = fault === "peer_blocked";
    const target = formatAddress(entry.phys + dma - entry.dma);
    return [
      space === "dma"
        ? `${
          entry.path === "iommu" ? "the IOMMU leads" : "the address leads"
        } to physical ${target}${
          isPeer
            ? `, a peer's, and the route there blocks ${entry.device}`
            : ", where no memory and no device answers"
        }`
        : `${entry.device} has an entry for it at ${formatAddress(dma)}, ${
          isPeer ? "and the route there blocks it" : "and nothing answers there"
        }`,
    ];
  }
  return [
    space === "dma"
      ? `${entry.device} ${still}reaches ${copied ? "a copy of " : ""}physical ${
        formatAddress(entry.phys + dma - entry.dma)
      }`
      : `${entry.device} ${still}sees ${copied ? "a copy of " : ""}it at ${formatAddress(dma)}`,
  ];
}

/**
 * Why the last access of the device at an address failed; null if it did not fail, or if the scenario made it
 * fail.
 */
function lastFault(
  { created, device }: LedgerEntry,
  dma: number,
  events: readonly MachineEvent[],
): MachineEvent<"iommu.fault">["fields"]["reason"] | null {
  const last = events.findLast((event) =>
    event.device === device && event.seq > created.seq &&
    (event.name === "iommu.translate" || event.name === "iommu.fault") && covers(event, dma)
  );
  if (last?.name !== "iommu.fault" || last.why?.inputs.injected === true) return null;
  return (last as MachineEvent<"iommu.fault">).fields.reason;
}

/** The device address of a location that a mapping covers. */
function dmaOf(entry: LedgerEntry, address: number, space: "phys" | "dma"): number {
  return entry.dma + (address - (space === "phys" ? entry.phys : entry.dma));
}

/** A mapping's life as a bracket: its creation at the top, its end at the bottom. */
function lifeLines(
  entry: LedgerEntry,
  address: number,
  space: "phys" | "dma",
  columns: number,
  context: ExecutionContext,
): string[] {
  const { events } = context.recorder;
  const dma = dmaOf(entry, address, space);
  const ended = endAt(entry, dma, events, context) ?? entry.ended;
  const lines = [
    `┌ ${momentText("map", entry.created, entry.api, context)}`,
    `│        ${formatAddress(entry.phys)} ${formatSize(entry.sizeBytes)} ${entry.dir}, ` +
    `${entry.device} sees ${formatAddress(entry.dma)}, path ${entry.path}`,
    ...branchLine(entry.created, columns),
  ];
  const last = ended?.seq ?? Infinity;
  let uses = 0;
  const late: MachineEvent<"iommu.translate">[] = [];
  const domain = context.lab.devices.get(entry.device)?.dma.domain ?? null;
  const isAbout = inDomainOf(entry, events);
  for (const event of events) {
    const isOther = event.device !== entry.device;
    if (isOther && !domain?.members.some(({ name }) => name === event.device)) continue;
    if (!isAbout(event)) continue;
    if (event.name === "iommu.translate" && covers(event, dma)) {
      if (event.seq >= entry.created.seq && event.seq <= last) uses++;
      else if (event.seq > last && isStaleUse(event, entry)) late.push(event);
    } else if (
      LIFE_EVENTS.has(event.name) && covers(event, dma) && near(event, entry.created, ended)
    ) {
      addAll(lines, eventLines(event, columns));
    }
  }
  if (uses > 0) {
    lines.push(`│ used   ${formatCount(uses, "translated access", "translated accesses")}`);
  }
  lines.push(
    ended === null ? "┆ live" : `└ ${momentText("unmap", ended, apiOf(ended), context)}`,
  );
  for (const [cache, uses] of staleCaches(late)) {
    lines.push(
      `  used   ${formatCount(uses, "access", "accesses")} by a stale ${
        cache === IOTLB ? "IOTLB entry" : `entry of ${cache}`
      } after the unmap`,
    );
  }
  return lines;
}

/**
 * An event of a mapping's lifetime. Text that does not fit beside its rule continues on the next
 * line and is not cut, because any value may matter.
 */
function eventLines(event: MachineEvent, columns: number): string[] {
  const rule = event.why?.rule ?? "";
  const [, name = "", fields = ""] = /^(\S+\s*)(.*)$/s.exec(formatEventText(event, 14)) ?? [];
  const head = `│        #${String(event.seq).padEnd(5)} ${name}`;
  return wrapText(fields, columns - head.length - rule.length - 2).map((part, index) =>
    index === 0 ? spread(`${head}${part}`, rule, columns) : `│${" ".repeat(head.length - 1)}${part}`
  );
}

/** What is at an address that nothing maps: in lazy mode the IOTLB may still have its entry. */
function nothingText(
  found: readonly LedgerEntry[],
  dmaAt: (entry: LedgerEntry) => number,
  { lab, recorder: { events } }: ExecutionContext,
): string {
  const waits = found.filter((entry) => {
    const freed = events.findLast((event) =>
      event.name === "iova.free" && event.device === entry.device &&
      event.seq > entry.created.seq &&
      covers(event, dmaAt(entry))
    ) as MachineEvent<"iova.free"> | undefined;
    return freed?.fields.to === "flush_queue";
  });
  if (waits.length === 0) return "nothing is mapped there";
  const owners = new Set(waits.map(({ device }) => device));
  const caches = [...owners].filter((name) => lab.devices.get(name)?.dma.deviceTlb != null)
    .map((name) => ` and ${name}'s own TLB`);
  return `nothing is mapped there; the IOTLB${
    caches.join("")
  } may keep the entry until the flush of the queue`;
}

const IOTLB = "the IOTLB";

/** The caches through whose stale entries accesses went, with the number of accesses of each. */
export function staleCaches(
  uses: readonly MachineEvent<"iommu.translate">[],
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { device, fields } of uses) {
    const cache = fields.hit === "stale_device_tlb" ? `${device}'s own TLB` : IOTLB;
    found.set(cache, (found.get(cache) ?? 0) + 1);
  }
  return found;
}

/** Whether an access went through an entry of a mapping that only a cache still has. */
function isStaleUse(
  { fields: { dma, hit, phys } }: MachineEvent<"iommu.translate">,
  entry: LedgerEntry,
): boolean {
  return hit.startsWith("stale") && phys - dma === entry.phys - entry.dma;
}

/** Calls whose events have no addresses; the page table's event has them. */
const OF_RANGES: ReadonlySet<string> = new Set(["call.dma_iova_destroy", "call.dma_iova_unlink"]);

/** Calls that unmap one of the addresses at which mappings were, and that unmapped nothing. */
function idleUnmaps(
  found: readonly LedgerEntry[],
  dmaAt: (entry: LedgerEntry) => number,
  events: readonly MachineEvent[],
): MachineEvent[] {
  return events.filter((call, index) => {
    const returned = `ret.${apiOf(call)}`;
    if (OF_RANGES.has(call.name)) {
      const own = events.slice(index).filter(({ device }) => device === call.device);
      const end = own.find(({ name }) => name === returned || name === "iommu.unmap");
      if (end?.name !== "iommu.unmap" || end.fields.unmapped_bytes > 0) return false;
      const { iova, size_bytes: size } = end.fields;
      return found.some((entry) =>
        entry.device === call.device && entry.created.seq < call.seq &&
        iova <= dmaAt(entry) && dmaAt(entry) < iova + size
      );
    }
    if (!call.name.startsWith("call.dma_unmap_")) return false;
    const isThere = (entry: LedgerEntry) =>
      entry.device === call.device && entry.created.seq < call.seq && covers(call, dmaAt(entry));
    if (!found.some(isThere)) return false;
    const end = events.slice(index).find(({ device, name }) =>
      device === call.device &&
      (name === returned || name === "dma.unmap" || name === "iommu.unmap")
    );
    return end?.name === returned;
  });
}

/** The branch that a map took, if it had a choice. */
function branchLine({ why }: MachineEvent, columns: number): string[] {
  const branch = why?.inputs.branch;
  if (why === null || typeof branch !== "string") return [];
  return [
    spread(`│        branch ${branch}`, why.rule, columns),
    ...wrapText(branchDoc(branch) ?? "", columns - 9).filter((line) => line !== "")
      .map((line) => `│        ${line}`),
  ];
}

function momentText(
  what: string,
  event: MachineEvent,
  api: string,
  context: ExecutionContext,
): string {
  const number = `#${String(event.seq).padEnd(5)}`;
  const time = formatTimeRounded(event.at_ns).padStart(6);
  return `${what.padEnd(6)} ${number} ${time}   ${api.padEnd(16)}   ${
    siteText(event.site, context) ?? ""
  }`
    .trimEnd();
}

export function apiOf(event: MachineEvent): string {
  const match = /^(?:call|ret)\.(.+)$/.exec(event.name);
  if (match !== null) return match[1]!;
  const { api } = event.fields as { readonly api?: unknown };
  return typeof api === "string" ? api : event.name;
}

/**
 * Whether an event belongs to a mapping's life. Events of the mapping's own calls belong to it,
 * even if they are just before its start or after its end.
 */
function near(event: MachineEvent, created: MachineEvent, ended: MachineEvent | null): boolean {
  if (event.seq >= created.seq && event.seq <= (ended?.seq ?? Infinity)) return true;
  const sameCall = (other: MachineEvent | null) =>
    other !== null && other.site === event.site && other.request === event.request &&
    Math.abs(other.seq - event.seq) <= CALL_EVENTS;
  return sameCall(created) || sameCall(ended);
}

/** Limit of the events that a mapping call causes before or after its `dma.map` or `dma.unmap`. */
const CALL_EVENTS = 8;

function covers(event: MachineEvent, dma: number): boolean {
  const fields = event.fields as Readonly<Record<string, unknown>>;
  const start = fields.iova ?? fields.start ?? fields.dma;
  const sizeBytes = fields.size_bytes ?? fields.size ?? 1;
  return typeof start === "number" && typeof sizeBytes === "number" && dma >= start &&
    dma < start + sizeBytes;
}
