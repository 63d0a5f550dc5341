/** The path of one address through a page table, as the hardware walks it. */
import {
  entryBits,
  type EntryFacts,
  entryWords,
  type Machine,
  type MachineEvent,
  type PageCut,
  pageCuts,
  tablePagePhys,
} from "@dmalab/runtime";
import type { TranslatedDevice } from "@dmalab/runtime/dma";
import { PICTURE_COLUMNS, spread, tableLines, wrapText } from "../../../text/columns.ts";
import {
  formatAddress,
  formatCount,
  formatSize,
  groupHex,
  groupThousands,
} from "../../../text/numbers.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

/** An address and the tables that translate it. */
export interface PageWalk {
  readonly machine: Machine;
  readonly device: TranslatedDevice;
  readonly iova: number;
}

interface WalkedEntry {
  readonly name: string;
  /** The physical address of the table that contains the entry. */
  readonly table: number;
  readonly index: number;
  readonly bits: string;
  /** The entry's fields that are not 0; none for an empty entry. */
  readonly set: readonly string[];
  /** The entry's target; null for an empty entry. */
  readonly phys: number | null;
}

const ENTRY = {
  name: "string",
  table: "phys",
  index: "int",
  bits: "string",
  set: ["string"],
  phys: "phys",
} as const;

const PAGES = {
  iova: "dma",
  phys: "phys",
  page_size: "size",
  count: "int",
  larger: "size",
  why: "string",
} as const;

/** The event of a map; the pages of that map are still mapped. */
type MapEvent = MachineEvent<"iommu.map">;

function tableAt({ device: { domain }, machine }: PageWalk, page: number): number {
  const last = machine.memory.ranges.at(-1)!;
  return tablePagePhys(last.basePhys + last.sizeBytes, domain.id, domain.granuleBytes, page);
}

/** The entries from the root down; the last one is a leaf or empty. */
function entriesOf(walk: PageWalk): readonly WalkedEntry[] {
  const { device: { domain: { granuleBytes, table } }, iova, machine } = walk;
  const format = machine.iommuModel.entries;
  if (format === null) return [];
  const found = table.walk(iova);
  const memory = found ? table.walkPhys - iova % table.walkSizeBytes : 0;
  return table.path(iova).map(({ below, index, level, spanBytes, table: page }) => {
    const isLeaf = below === 0;
    const facts: EntryFacts = {
      phys: isLeaf ? memory : tableAt(walk, below),
      level,
      isLeaf,
      flags: isLeaf ? table.walkFlags : 0,
      sizeBytes: table.walkSizeBytes,
      spanBytes,
      granuleBytes,
    };
    const isEmpty = isLeaf && !found;
    return {
      name: format.names[level]!,
      table: tableAt(walk, page),
      index,
      bits: groupHex((isEmpty ? 0n : entryBits(format, facts)).toString(16).padStart(16, "0")),
      set: isEmpty ? [] : entryWords(format, facts),
      phys: isEmpty ? null : facts.phys,
    };
  });
}

/** The map that wrote the leaf; null if there is no leaf, or if the map's event was not kept. */
function mapOf({ device: { domain }, iova }: PageWalk, context: ExecutionContext): MapEvent | null {
  if (!domain.table.walk(iova)) return null;
  const members = new Set(domain.members.map(({ name }) => name));
  return context.recorder.events.findLast((event): event is MapEvent =>
    event.name === "iommu.map" && members.has(event.device!) &&
    iova >= event.fields.iova && iova < event.fields.iova + event.fields.size_bytes
  ) ?? null;
}

function cutsOf({ device: { domain } }: PageWalk, { fields }: MapEvent): PageCut[] {
  return pageCuts(domain.table.pageSizesBytes, fields.iova, fields.phys, fields.size_bytes);
}

export const PAGE_WALK: HandleType<PageWalk> = {
  name: "page_walk",
  doc:
    "A page-table walk: the entries that hardware reads for an address, and the map that wrote " +
    "the last of them.",
  fields: fieldsOf<PageWalk>((f) => ({
    phys: f.phys(
      "The physical address; none if an entry is not present.",
      ({ device: { domain: { table } }, iova }) => table.walk(iova) ? table.walkPhys : null,
    ),
    page_size: f.size(
      "Size of its leaf entry; none without one.",
      ({ device: { domain: { table } }, iova }) => table.walk(iova) ? table.walkSizeBytes : null,
    ),
    table_pages: f.int(
      "Pages of the device's page tables.",
      ({ device }) => device.domain.table.tables,
    ),
    entries: f.list(
      ENTRY,
      "The entries from the top down: { name, table, index, bits, set, phys }: the page that " +
        "the entry is in, its 64 bits as text, the names of fields that are not 0, the page or " +
        "memory that it points to.",
      entriesOf,
    ),
    map: f.list(
      PAGES,
      "The pages of the map that wrote its leaf: { iova, phys, page_size, count, larger, why " +
        "}. `why` names what prevented the next larger size: length (too little is left), iova " +
        "or phys (the address is not a multiple of it), or no_larger.",
      (walk, context) => {
        const map = mapOf(walk, context);
        if (map === null) return null;
        return cutsOf(walk, map).map(({ count, iova, largerBytes, obstacle, phys, sizeBytes }) => ({
          iova,
          phys,
          page_size: sizeBytes,
          count,
          larger: largerBytes === 0 ? null : largerBytes,
          why: obstacle,
        }));
      },
    ),
  })),
  format: (walk) => `page_walk of ${walk.device.name}: ${leadsTo(walk)}`,
  show: walkLines,
  explain: (walk, context) => {
    const map = mapOf(walk, context);
    return map === null ? walkLines(walk, context) : mapLines(walk, map);
  },
};

function leadsTo({ device: { domain: { table } }, iova }: PageWalk): string {
  const to = table.walk(iova)
    ? `${formatAddress(table.walkPhys)}, a page of ${formatSize(table.walkSizeBytes)}`
    : "nothing";
  return `${formatAddress(iova)} → ${to}`;
}

function walkLines(walk: PageWalk, context: ExecutionContext): string[] {
  const { device: { domain, name }, machine } = walk;
  const { entries: format, root } = machine.iommuModel;
  const entries = entriesOf(walk);
  const map = mapOf(walk, context);
  const names = new Set(entries.flatMap(({ set }) => set.map((word) => word.split("=")[0])));
  const legend = format === null ? "" : format.fields.filter(({ name }) => names.has(name))
    .map(({ means, name }) => `${name} ${means}`).join("; ");
  return [
    spread(
      `${name}   ${leadsTo(walk)}`,
      `${machine.config.iommu.model}, ${formatCount(domain.table.tables, "table page")}`,
    ),
    "─".repeat(PICTURE_COLUMNS),
    ...format === null
      ? ["the host has the tables: this kernel knows its requests alone (dma.5.5)"]
      : entries.length === 0
      ? ["the tables have no level for an address so high"]
      : [
        `${root} ► ${formatAddress(entries[0]!.table)}`,
        ...tableLines(
          ["table page", "at", "entry", "64 bits", "set"],
          entries.map(({ bits, index, name: entry, set, table }) => [
            formatAddress(table),
            String(index),
            entry,
            bits,
            set.length === 0 ? "empty" : set.join(" "),
          ]),
          ["left", "right"],
        ),
      ],
    ...legend === "" ? [] : wrapText(`${legend} (${format!.spec})`, PICTURE_COLUMNS),
    ...map === null ? [] : ["", ...mapLines(walk, map)],
  ];
}

/**
 * The map and its pages: for each page size the number of entries, and why a larger size was not
 * used.
 */
function mapLines(walk: PageWalk, map: MapEvent): string[] {
  const { iova, phys, size_bytes: sizeBytes } = map.fields;
  const title = `map #${map.seq}: ${formatAddress(iova)} → ${formatAddress(phys)}, ` +
    formatSize(sizeBytes);
  return [
    spread(title, "dma.5.1"),
    ...cutsOf(walk, map).flatMap((cut) => [
      `  ${groupThousands(cut.count)} × ${formatSize(cut.sizeBytes)}: ${writtenEntries(walk, cut)}`,
      ...wrapText(`not ${reason(cut)}`, PICTURE_COLUMNS - 4).map((line) => `    ${line}`),
    ]),
  ];
}

/** Names the entries that contain the pages of a map. */
function writtenEntries(
  { device: { domain: { table } }, machine }: PageWalk,
  cut: PageCut,
): string {
  const { iova, sizeBytes, count } = cut;
  const { entries: format } = machine.iommuModel;
  if (format === null) return `one MAP request, ${formatSize(count * sizeBytes)}`;
  const first = table.path(iova).at(-1)!;
  const end = iova + count * sizeBytes;
  const last = table.path(end - 1).at(-1)!;
  const name = format.names[first.level]!;
  const tableBytes = first.spanBytes * table.granuleBytes / 8;
  const tables = Math.floor((end - 1) / tableBytes) - Math.floor(iova / tableBytes) + 1;
  const entries = first.index === last.index && tables === 1
    ? `${first.index}`
    : `${first.index} to ${last.index}`;
  return `${name} [${entries}]${tables === 1 ? "" : ` in ${groupThousands(tables)} tables`}`;
}

function reason({ iova, largerBytes, obstacle, phys }: PageCut): string {
  const larger = formatSize(largerBytes);
  switch (obstacle) {
    case "no_larger":
      return "larger: the hardware has no larger page";
    case "length":
      return `${larger}: less than that is left of the map`;
    case "iova":
      return `${larger}: the IOVA ${formatAddress(iova)} is not a multiple of it`;
    case "phys":
      return `${larger}: the physical address ${formatAddress(phys)} is not a multiple of it`;
  }
}
