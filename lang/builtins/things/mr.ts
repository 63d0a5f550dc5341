/** Memory regions that an RDMA device pages on demand. */
import { TABLE_READ, TABLE_WRITE } from "../../../devices/rdma/device_table.ts";
import { ImplicitRegion } from "../../../devices/rdma/implicit_region.ts";
import type { MemoryRegion } from "../../../devices/rdma/memory_region.ts";
import { RdmaAccess } from "../../../devices/rdma/rdma_access.ts";
import type { RdmaAdapter } from "../../../devices/rdma/rdma_adapter.ts";
import type { VirtAddr } from "../../../runtime/address.ts";
import { errnoName, KernelError } from "../../../runtime/errno.ts";
import type { EventFields } from "../../../runtime/event_vocabulary.ts";
import type { MachineEvent } from "../../../runtime/events.ts";
import { pairLines, tableLines } from "../../render/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../render/numbers.ts";
import { shownParts } from "../../render/repeats.ts";
import type { Run } from "../../run/run.ts";
import { LimitError, ScriptError } from "../../vm/script_error.ts";
import { BytesValue, type Value } from "../../vm/value.ts";
import {
  dma,
  isThing,
  list,
  record,
  size,
  thing,
  toInt,
  toSize,
  toVirt,
  toWord,
  virt,
  word,
} from "../arguments.ts";
import { decisionList } from "../explain/decision_list.ts";
import type { FieldSpec, MethodSpec, ParameterSpec, TypeSpec } from "../spec.ts";
import { entryRecord, HMM_MAP, isOfMap, PICTURED_ENTRIES } from "./hmm_map.ts";
import { NIC, VIRT } from "./mm.ts";
import { PAGE_FAULT, RDMA_ACCESS } from "./rdma_access.ts";

/** A region and the device that it was registered with. */
export interface MrTarget {
  readonly adapter: RdmaAdapter;
  readonly region: MemoryRegion | ImplicitRegion;
}

/** Activities that one waiting call may run before the script is stopped. */
const MOST_ACTIVITIES = 1_000_000;
/** What an access is charged. */
const ACCESS_BYTES = 512;

/** The beginning of examples: a region of 16 KiB that nobody has touched. */
const REGION = `${NIC}let mr = nic.reg_mr(mm, at, 16KiB)\n`;

const LENGTH: ParameterSpec = { name: "size", kind: "size", doc: "How many bytes." };

/** The region as one with pages of its own; an implicit one has none. */
function ownPages({ region }: MrTarget, what: string): MemoryRegion {
  if (!(region instanceof ImplicitRegion)) return region;
  throw new ScriptError(
    "E0914",
    `An implicit region has no ${what} of its own`,
    "ask one of its children: `.children[0]`",
  );
}

/** An access, queued. */
function submit(
  { adapter, region }: MrTarget,
  write: boolean,
  at: VirtAddr,
  bytes: Uint8Array,
): RdmaAccess {
  const access = new RdmaAccess(region, write, at, bytes);
  adapter.submit(access);
  return access;
}

/** Runs the machine until an access has ended, and raises what it ended with. */
function finish(access: RdmaAccess, run: Run): void {
  const what = `An access at ${formatAddress(access.virt)}`;
  for (let activities = 0; !access.done; activities++) {
    if (activities === MOST_ACTIVITIES) {
      throw new LimitError(
        "E0801",
        `${what} ran ${activities} activities and was not done: ${access.refaults} page faults ` +
          "made no progress",
      );
    }
    if (run.lab.machine.runNextActivity()) continue;
    throw new ScriptError("E0907", `Nothing is left to do, and ${what} is not done`);
  }
  if (access.error === null) return;
  throw new KernelError(
    access.error,
    `The device cannot ${access.write ? "write" : "read"} at ${formatAddress(access.virt)}`,
  );
}

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

const METHODS: readonly MethodSpec<MrTarget>[] = [
  {
    name: "read",
    parameters: [VIRT, LENGTH],
    result: "bytes",
    doc: "The device reads memory of the region, and asks for pages that it was not told of.",
    example: `${REGION}mm.write(at, bytes"01 02")\nassert mr.read(at, 2B) == bytes"01 02"\n` +
      `assert mr.faults == 1\nmr.dereg()`,
    raises: ["EACCES", "EFAULT", "EPERM", "ENOMEM", "EIO", "EINVAL"],
    run(run, target, [addr, length]) {
      const sizeBytes = toSize(length, "size");
      run.chargeMemory(2 * sizeBytes + ACCESS_BYTES);
      const bytes = new Uint8Array(sizeBytes);
      finish(submit(target, false, toVirt(addr, "addr"), bytes), run);
      return new BytesValue(bytes);
    },
  },
  {
    name: "write",
    parameters: [VIRT, { name: "bytes", kind: "bytes", doc: "What it writes." }],
    result: "nothing",
    doc: "The device writes memory of the region, and asks for pages that it was not told of.",
    example: `${REGION}mr.write(at, bytes"01 02")\nassert mm.read(at, 2B) == bytes"01 02"\n` +
      `mr.dereg()`,
    raises: ["EACCES", "EFAULT", "EPERM", "ENOMEM", "EIO", "EINVAL"],
    run(run, target, [addr, content]) {
      const { bytes } = content as BytesValue;
      run.chargeMemory(2 * bytes.length + ACCESS_BYTES);
      finish(submit(target, true, toVirt(addr, "addr"), bytes.slice()), run);
      return null;
    },
  },
  {
    name: "access",
    parameters: [
      { name: "op", kind: "word", doc: "read or write." },
      VIRT,
      { ...LENGTH, optional: true, doc: "How many bytes are read." },
      {
        name: "bytes",
        kind: "bytes",
        optional: true,
        named: true,
        doc: "What is written.",
      },
    ],
    result: "@rdma_access",
    doc:
      "Queues an access of the device: `step` and `wait` run it. The device's part and the two " +
      "steps of the host on a page fault are activities, so that anything may come between.",
    example: `${REGION}let a = mr.access(read, at, 4KiB)
step
assert not a.done and a.faults == 1, "the device has asked for the page"
wait a
assert a.error == none
mr.dereg()`,
    run(run, target, [op, addr, length, content]) {
      const name = toWord(op, "op");
      if (name !== "read" && name !== "write") {
        throw new ScriptError("E0919", `Cannot ${name} a memory region`, "write read or write");
      }
      const write = name === "write";
      if (write ? content === undefined : length === undefined) {
        throw new ScriptError(
          "E0919",
          `A ${name} needs ${write ? "`bytes:`, what is written" : "a size"}`,
        );
      }
      const sizeBytes = write ? (content as BytesValue).bytes.length : toSize(length, "size");
      run.chargeMemory(2 * sizeBytes + ACCESS_BYTES);
      const bytes = write ? (content as BytesValue).bytes.slice() : new Uint8Array(sizeBytes);
      return thing(RDMA_ACCESS, submit(target, write, toVirt(addr, "addr"), bytes));
    },
  },
  {
    name: "prefetch",
    parameters: [
      VIRT,
      LENGTH,
      {
        name: "write",
        kind: "bool",
        optional: true,
        named: true,
        doc: "The device may write, where the process may: the default.",
      },
      {
        name: "fault",
        kind: "bool",
        optional: true,
        named: true,
        doc: "Bring pages in, the default; false: only what is there already.",
      },
    ],
    result: "int",
    doc: "Tells the device of pages before it asks, and says how many that are.",
    example: `${REGION}assert mr.prefetch(at, 16KiB) == 4\nmr.read(at, 16KiB)\n` +
      `assert mr.faults_handled == 0\nmr.dereg()`,
    raises: ["EFAULT", "EINVAL", "EBUSY", "EPERM", "ENOMEM"],
    run(_run, { adapter, region }, [addr, length, write, fault]) {
      const pages = adapter.prefetch(
        region,
        toVirt(addr, "addr"),
        toSize(length, "size"),
        fault !== false,
        write === false,
      );
      if (pages >= 0) return pages;
      throw new KernelError(errnoName(pages), "The device cannot be told of these pages");
    },
  },
  {
    name: "page_fault",
    parameters: [VIRT, LENGTH],
    result: "@page_fault",
    doc: "A page fault that the script takes step by step.",
    example: `${REGION}let pf = mr.page_fault(at, 4KiB)
pf.read_begin()
assert pf.range_fault() and pf.map()
assert mr.entry(0).write
mr.dereg()`,
    raises: ["EFAULT"],
    run(_run, { adapter, region }, [addr, length]) {
      const sizeBytes = toSize(length, "size");
      const fault = adapter.pageFault(region, toVirt(addr, "addr"), sizeBytes, false);
      if (typeof fault !== "number") return thing(PAGE_FAULT, fault);
      throw new KernelError(errnoName(fault), "The region has no such pages");
    },
  },
  {
    name: "entry",
    parameters: [{ name: "index", kind: "int", doc: "Its number, from 0." }],
    result: "any",
    doc: "An entry of the device's table, { address, read, write }; none when it is not there.",
    example: `${REGION}mr.read(at, 1B)
assert mr.entry(0).address == mr.map.state.addr and mr.entry(1) == none
mr.dereg()`,
    run(_run, target, [index]) {
      const { table, umem } = ownPages(target, "table");
      const number = toInt(index, "index", 0, umem.entries - 1);
      const access = table?.access(number) ?? 0;
      if (access === 0) return null;
      return record({
        address: dma(table!.address(number)),
        read: (access & TABLE_READ) !== 0,
        write: (access & TABLE_WRITE) !== 0,
      });
    },
  },
  {
    name: "pfn",
    parameters: [{ name: "index", kind: "int", doc: "The number of the page of 4 KiB, from 0." }],
    result: "record",
    doc: "An entry of its list of page frames: { flags, pfn, phys, order, dma, word }.",
    example: `${REGION}mr.read(at, 1B)
assert mr.pfn(0).flags == [valid, write, dma_mapped]
mr.dereg()`,
    run(_run, target, [index]) {
      const { umem } = ownPages(target, "list");
      return entryRecord(
        { map: umem.map, device: umem.dev },
        toInt(index, "index", 0, umem.map.pfns.length - 1),
      );
    },
  },
  {
    name: "dereg",
    parameters: [],
    result: "nothing",
    doc: "Ends the region: the device forgets it, everything is unmapped and given back.",
    example: `${REGION}mr.read(at, 16KiB)\nmr.dereg()\n` +
      `assert iommu.live_mappings == 0 and counters.iova.free == 1`,
    raises: ["ETIMEDOUT"],
    run(_run, { adapter, region }) {
      if (region.released) throw new ScriptError("E0919", "The region was deregistered before");
      adapter.deregister(region);
      return null;
    },
  },
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
  methods: METHODS,
  format: formatMr,
  show: showMr,
  explain: explainMr,
  equals: ({ region }, other) => isThing(other, MR) && other.target.region === region,
};

/** A region as a value. */
export function mrValue(adapter: RdmaAdapter, region: MemoryRegion | ImplicitRegion): Value {
  return thing(MR, { adapter, region });
}
