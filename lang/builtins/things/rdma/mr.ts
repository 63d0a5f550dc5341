/** Memory regions that an RDMA device pages on demand. */
import { TABLE_WRITE } from "../../../../devices/rdma/device_table.ts";
import { ImplicitRegion } from "../../../../devices/rdma/implicit_region.ts";
import type { MemoryRegion } from "../../../../devices/rdma/memory_region.ts";
import type { RdmaAdapter } from "../../../../devices/rdma/rdma_adapter.ts";
import type { EventFields } from "../../../../runtime/event_vocabulary.ts";
import type { MachineEvent } from "../../../../runtime/events.ts";
import { pairLines, tableLines } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { shownParts } from "../../../text/repeats.ts";
import type { Run } from "../../../values/run.ts";
import type { Value } from "../../../values/value.ts";
import { isThing, list, size, thing, virt, word } from "../../arguments.ts";
import { decisionList } from "../../explain/decision_list.ts";
import type { FieldSpec, TypeSpec } from "../../../values/spec.ts";
import { HMM_MAP, isOfMap, PICTURED_ENTRIES } from "./hmm_map.ts";
import { MR_METHODS, type MrTarget, ownPages } from "./mr_methods.ts";

const STATISTICS: readonly (readonly [string, keyof MemoryRegion["statistics"], string])[] = [
  ["faults", "faults", "Pages that page faults brought."],
  ["faults_handled", "faultsHandled", "Page faults that were handled."],
  [
    "invalidations",
    "invalidations",
    "Entries taken out of the device's table, as the kernel counts them: one too many for each " +
    "run that ends before the range does.",
  ],
  ["invalidations_handled", "invalidationsHandled", "How often pages were taken back."],
  ["prefetched", "prefetch", "Pages that were asked for ahead."],
];

const FIELDS: readonly FieldSpec<MrTarget>[] = [
  { name: "name", kind: "string", doc: "What events call it.", get: ({ region }) => region.name },
  {
    name: "kind",
    kind: "word",
    doc: "What it is: explicit, implicit, or child of an implicit one.",
    get: ({ region }) => word(region instanceof ImplicitRegion ? "implicit" : region.umem.kind),
  },
  {
    name: "start",
    kind: "virt",
    doc: "Its first page.",
    get: (target) => virt(ownPages(target, "pages").umem.start),
  },
  {
    name: "end",
    kind: "virt",
    doc: "The first address behind its last page.",
    get: (target) => virt(ownPages(target, "pages").umem.end),
  },
  {
    name: "page_size",
    kind: "size",
    doc: "What an entry of the device's table stands for: 4 KiB, or 2 MiB for huge pages.",
    get: (target) => size(ownPages(target, "pages").umem.pageBytes),
  },
  {
    name: "entries",
    kind: "int",
    doc: "How many entries it has.",
    get: (target) => ownPages(target, "entries").umem.entries,
  },
  {
    name: "npages",
    kind: "int",
    doc: "How many pages the kernel thinks the device has. It goes up whenever an entry is told " +
      "again, and down only once: it drifts.",
    get: (target) => ownPages(target, "pages").umem.npages,
  },
  {
    name: "map",
    kind: "@hmm_map",
    doc: "Its list of page frames with what is mapped; a software device has the list alone.",
    get: (target) => {
      const { umem } = ownPages(target, "map");
      return thing(HMM_MAP, { map: umem.map, device: umem.dev });
    },
  },
  {
    name: "children",
    kind: "list",
    doc: "The regions that an implicit one has made for itself, in that order.",
    get: ({ adapter, region }) =>
      list(
        region instanceof ImplicitRegion
          ? region.children.map((child) => thing(MR, { adapter, region: child }))
          : [],
      ),
  },
  {
    name: "released",
    kind: "bool",
    doc: "It was deregistered, or destroyed for being empty.",
    get: ({ region }) => region.released,
  },
  ...STATISTICS.map(([name, key, doc]): FieldSpec<MrTarget> => ({
    name,
    kind: "int",
    doc,
    get: ({ region }) => region.statistics[key],
  })),
];
function formatMr({ adapter, region }: MrTarget): string {
  if (region.released) return `mr ${region.name} of ${adapter.name}, gone`;
  if (region instanceof ImplicitRegion) {
    return `mr ${region.name} of ${adapter.name}, implicit, ${
      formatCount(region.children.length, "child", "children")
    }`;
  }
  const { umem } = region;
  return `mr ${region.name} of ${adapter.name}, ${formatSize(region.sizeBytes)} at ${
    formatAddress(region.virt)
  } in ${formatCount(umem.entries, "page")} of ${formatSize(umem.pageBytes)}`;
}

/** Entries of the device's table, those alike only counted. */
function tableRows({ table, umem }: MemoryRegion): string[][] {
  if (table === null) return [];
  const same = (a: number, b: number) => table.access(a) === table.access(b);
  const row = (index: number) => {
    const access = table.access(index);
    return [
      String(index),
      formatAddress(umem.start + index * umem.pageBytes),
      access === 0 ? "–" : formatAddress(table.address(index)),
      access === 0 ? "page fault" : (access & TABLE_WRITE) !== 0 ? "read, write" : "read",
    ];
  };
  const looked = Math.min(table.length, PICTURED_ENTRIES);
  const rows = shownParts(looked, same).flatMap(({ end, hiddenTimes, start }) => [
    ...Array.from({ length: end - start }, (_, offset) => row(start + offset)),
    ...hiddenTimes > 0 ? [["⋮", `${hiddenTimes * (end - start)} more`, "", ""]] : [],
  ]);
  return looked === table.length
    ? rows
    : [...rows, ["⋮", `${table.length - looked} that are not looked at`, "", ""]];
}

function showMr(target: MrTarget): string[] {
  const { region } = target;
  const { statistics } = region;
  const counts = pairLines([
    ["faults", `${statistics.faults} in ${formatCount(statistics.faultsHandled, "page fault")}`],
    ["invalidations", `${statistics.invalidations} in ${statistics.invalidationsHandled}`],
    ["prefetched", String(statistics.prefetch)],
    ...region instanceof ImplicitRegion || region.released
      ? []
      : [["npages", String(region.umem.npages)] as const],
  ]);
  if (region instanceof ImplicitRegion || region.released) return [formatMr(target), ...counts];
  const rows = tableRows(region);
  return [
    formatMr(target),
    ...counts,
    ...rows.length === 0 ? [] : tableLines(["entry", "address", "device sees", "may"], rows, [
      "right",
    ]),
  ];
}

/** True for an event that a region caused, or one of its children. */
function isAbout({ fields }: MachineEvent, name: string): boolean {
  const region: unknown = Reflect.get(fields, "region");
  return typeof region === "string" && (region === name || region.startsWith(`${name}.`));
}

/** What was decided for the region, with what its pages came to. */
function explainMr({ adapter, region }: MrTarget, run: Run): string[] {
  const parts = region instanceof ImplicitRegion ? region.children : [region];
  const mine = (event: MachineEvent) =>
    parts.some(({ umem }) => {
      if (isOfMap(event, { map: umem.map, device: umem.dev })) return true;
      if (event.name !== "hmm.fault" || event.device !== adapter.name) return false;
      const { virt: at } = event.fields as EventFields<"hmm.fault">;
      return umem.covers(at, at + 1);
    });
  return decisionList(run.recorder.events.filter((event) =>
    event.why !== null &&
    (event.device === adapter.name && isAbout(event, region.name) || mine(event))
  ));
}

export const MR: TypeSpec<MrTarget> = {
  name: "mr",
  doc: "A memory region of an RDMA device that is paged on demand: nothing is pinned, pages come " +
    "when the device asks for them, and go when the process wants them back.",
  fields: FIELDS,
  methods: MR_METHODS,
  format: formatMr,
  show: showMr,
  explain: explainMr,
  equals: ({ region }, other) => isThing(other, MR) && other.target.region === region,
};

/** A region as a value. */
export function mrValue(adapter: RdmaAdapter, region: MemoryRegion | ImplicitRegion): Value {
  return thing(MR, { adapter, region });
}
