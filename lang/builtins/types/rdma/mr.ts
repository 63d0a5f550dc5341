/** Memory regions that an RDMA device pages on demand. */
import { Handle } from "../../../values/value.ts";
import { ImplicitRegion, type MemoryRegion, TABLE_WRITE } from "@dmalab/devices";
import type { MachineEvent } from "@dmalab/runtime";
import { pairLines, tableLines } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { shownParts } from "../../../text/repeats.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { isHandle } from "../../arguments.ts";
import { decisionList } from "../../explain/decision_list.ts";
import type { HandleType } from "../../../values/spec.ts";
import { HMM_MAP, isOfMap, PICTURED_ENTRIES } from "./hmm_map.ts";
import { MR_METHODS, type MrTarget, ownPages } from "./mr_methods.ts";
import { fieldsOf } from "../../describe/fields.ts";

const STATISTICS: readonly (readonly [string, keyof MemoryRegion["statistics"], string])[] = [
  ["faults", "faults", "Pages mapped by page faults."],
  ["faults_handled", "faultsHandled", "Page faults that were handled."],
  [
    "invalidations",
    "invalidations",
    "Entries removed from the device's table, as the kernel counts them: one too many for each " +
    "run that ends before the range ends.",
  ],
  ["invalidations_handled", "invalidationsHandled", "How many invalidations removed pages."],
  ["prefetched", "prefetch", "Pages that were prefetched."],
];

const FIELDS = fieldsOf<MrTarget>((f) => ({
  name: f.string("Its name in events.", ({ region }) => region.name),
  kind: f.word(
    "What it is: explicit, implicit, or child of an implicit one.",
    ({ region }) => region instanceof ImplicitRegion ? "implicit" : region.umem.kind,
  ),
  start: f.virt("Its first page.", (target) => ownPages(target, "pages").umem.start),
  end: f.virt(
    "The first address after its last page.",
    (target) => ownPages(target, "pages").umem.end,
  ),
  page_size: f.size(
    "Memory covered by one entry of the device's table: 4 KiB, or 2 MiB for huge pages.",
    (target) => ownPages(target, "pages").umem.pageBytes,
  ),
  entries: f.int(
    "How many entries it has.",
    (target) => ownPages(target, "entries").umem.entries,
  ),
  npages: f.int(
    "How many pages the kernel counts as mapped. It counts up whenever an entry is rewritten, " +
      "but down only once: it drifts.",
    (target) => ownPages(target, "pages").umem.npages,
  ),
  map: f.of(
    HMM_MAP,
    "Its map: the list of page frames and the IOVA range; a software device has the list " +
      "alone. None if the release maps each page separately.",
    (target) => {
      const { dev, pages: { map } } = ownPages(target, "map").umem;
      return map === null ? null : { map, device: dev };
    },
  ),
  memory: f.size(
    "Host memory of its lists: 8 bytes per 4 KiB page, 16 if addresses are kept too.",
    (target) => ownPages(target, "lists").umem.pages.memoryBytes,
  ),
  children: f.list(
    "@mr",
    "The child regions of an implicit one, in the order of their creation.",
    ({ adapter, region }) =>
      region instanceof ImplicitRegion
        ? region.children.map((child) => new Handle(MR, { adapter, region: child }))
        : [],
  ),
  released: f.bool(
    "It was deregistered, or freed because it was empty.",
    ({ region }) => region.released,
  ),
  ...Object.fromEntries(
    STATISTICS.map((
      [name, key, doc],
    ) => [name, f.int(doc, ({ region }) => region.statistics[key])]),
  ),
}));

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

/** Entries of the device's table; repetitions of similar entries are only counted. */
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
    ...hiddenTimes > 0 ? [["…", `${hiddenTimes * (end - start)} more`, "", ""]] : [],
  ]);
  return looked === table.length
    ? rows
    : [...rows, ["…", `${table.length - looked} not shown`, "", ""]];
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

/** True for an event that the region with this name, or one of its child regions, caused. */
function isAbout({ fields }: MachineEvent, name: string): boolean {
  const region: unknown = Reflect.get(fields, "region");
  return typeof region === "string" && (region === name || region.startsWith(`${name}.`));
}

/** The decisions about the region, with the results for its pages. */
function explainMr({ adapter, region }: MrTarget, context: ExecutionContext): string[] {
  const parts = region instanceof ImplicitRegion ? region.children : [region];
  const mine = (event: MachineEvent) =>
    parts.some(({ umem }) => {
      const { dev, pages: { map } } = umem;
      if (map !== null && isOfMap(event, { map, device: dev })) return true;
      if (event.name !== "hmm.fault" || event.device !== adapter.name) return false;
      const { virt: at } = event.fields;
      return umem.covers(at, at + 1);
    });
  return decisionList(
    context.recorder.events.filter((event) =>
      event.why !== null &&
      (event.device === adapter.name && isAbout(event, region.name) || mine(event))
    ),
    context.columns,
  );
}

export const MR: HandleType<MrTarget> = {
  name: "mr",
  doc:
    "A memory region of an RDMA device with on-demand paging: no page is pinned; a page fault of " +
    "the device maps pages, an MMU notifier unmaps them.",
  fields: FIELDS,
  methods: MR_METHODS,
  format: formatMr,
  show: showMr,
  explain: explainMr,
  equals: ({ region }, other) => isHandle(other, MR) && other.target.region === region,
};
