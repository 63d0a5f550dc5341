/**
 * Generates traces of imaginary machines from a seed, in the output form of each tool and release.
 * A machine has a ring of receive buffers, a disk with requests, lists, coherent memory and
 * two-step ranges; its devices are translated, direct or bounced. The generator is independent of
 * the reader that is tested.
 */
import { Random } from "@dmalab/runtime";

export const MODES = ["translated", "direct", "bounced"] as const;
export type MadeMode = (typeof MODES)[number];

/** Calls that the drivers of a release make, and details of its trace lines. */
export interface MadeRelease {
  /** Whether the trace has `dma:*` events. */
  readonly hasDma: boolean;
  /** Whether page-table lines give the end of the range in addition to its size. */
  readonly hasEnds: boolean;
  readonly hasTwoStep: boolean;
  /** The ending of the event names for single mappings. */
  readonly ending: "_page" | "_phys";
  readonly flags: string;
  /** The attributes of coherent memory. */
  readonly attrs: string;
  /** The priority field in a block-layer request event. */
  readonly priority: string;
}

const SINCE_6_12 = { hasDma: true, hasEnds: true, priority: "be,0,4 ", attrs: "" };
const SINCE_6_18 = { ...SINCE_6_12, hasTwoStep: true, ending: "_phys" } as const;
export const RELEASES: Readonly<Record<string, MadeRelease>> = {
  "5.10": {
    hasDma: false,
    hasEnds: false,
    hasTwoStep: false,
    ending: "_page",
    flags: "....",
    attrs: "",
    priority: "",
  },
  "6.12": { ...SINCE_6_12, hasTwoStep: false, ending: "_page", flags: "....." },
  "7.2": { ...SINCE_6_18, flags: "....." },
  "7.3": { ...SINCE_6_18, flags: ".l...", attrs: "CC_SHARED|ALLOC_CC_SHARED" },
};

/** The event of a call, or of the page-table change that a call makes. */
export interface MadeCall {
  readonly us: number;
  readonly cpu: number;
  readonly task: string;
  readonly pid: number;
  readonly event: string;
  readonly fields: MadeFields;
}

/** Fields of an event, by their names in the event's record. */
export interface MadeFields {
  readonly device: string;
  readonly dir?: string;
  readonly addr?: number;
  readonly bytes?: number;
  readonly phys?: number;
  readonly physAddrs?: readonly number[];
  readonly sizes?: readonly number[];
  readonly end?: number;
  readonly text?: string;
}

export const NIC = "0000:02:00.0";
export const DISK = "0000:01:00.0";
const PAGE = 4096;
const RING = 16;
const STEPS = 260;
const FIRST_US = 5_000_000;
const pageOf = (address: number) => address - address % PAGE;
const pageEnd = (address: number, bytes: number) => Math.ceil((address + bytes) / PAGE) * PAGE;

export class MadeTrace {
  readonly calls: MadeCall[] = [];
  readonly random: Random;
  /** Numbers of the first and the last call that plant the fault, from 1. */
  acted = { from: 0, until: 0 };
  #us = FIRST_US;
  #iova = 0xfffff000;
  #pool = 0x7c00_0000;
  #phys = 0x1_2000_0000;

  constructor(readonly mode: MadeMode, readonly release: MadeRelease, seed: number) {
    this.random = new Random(seed);
    this.#phys += this.random.below(1 << 16) * PAGE;
  }

  get us(): number {
    return this.#us;
  }

  below(limit: number): number {
    return this.random.below(limit);
  }

  pause(us: number): void {
    this.#us += us;
  }

  write(event: string, fields: MadeFields, who = 0): void {
    this.#us += 1 + this.below(who === 0 ? 4 : 40);
    const task = ["fio", "rx-poll", "kworker/1:1H"][who]!;
    const cpu = who === 1 ? 1 : 0;
    this.calls.push({ us: this.#us, cpu, task, pid: 70 + who, event, fields });
  }

  /** Allocates memory, with its physical address and its address for the device. */
  place(bytes: number): { readonly phys: number; readonly addr: number } {
    const pages = pageEnd(0, bytes);
    const phys = this.#phys += pages + PAGE;
    if (this.mode === "direct") return { phys, addr: phys };
    if (this.mode === "translated") return { phys, addr: this.#iova -= pages };
    return { phys: phys + 0x200, addr: this.#pool += pageEnd(0, bytes + 0x800) - 0x800 };
  }

  table(
    event: "map" | "unmap",
    device: string,
    addr: number,
    bytes: number,
    phys: number,
    who: number,
  ) {
    if (this.mode !== "translated") return;
    const fields = { device, addr: pageOf(addr), end: pageEnd(addr, bytes), phys: pageOf(phys) };
    this.write(event, fields, who);
  }

  map(device: string, dir: string, bytes: number, who: number): MadeMapping {
    const { addr, phys } = this.place(bytes);
    if (this.mode === "bounced") this.write("swiotlb_bounced", { device, phys, bytes }, who);
    this.table("map", device, addr, bytes, phys, who);
    this.write("dma_map_phys", { device, dir, addr, bytes, phys }, who);
    return { kind: "map", device, dir, addr, bytes, phys, physAddrs: [], at: this.calls.length };
  }

  alloc(device: string, bytes: number): MadeMapping {
    const { addr, phys } = this.mode === "bounced"
      ? { phys: this.#phys += pageEnd(0, bytes), addr: this.#phys }
      : this.place(bytes);
    this.table("map", device, addr, bytes, phys, 2);
    this.write("dma_alloc", { device, dir: "BIDIRECTIONAL", addr, bytes }, 2);
    const at = this.calls.length;
    return { kind: "alloc", device, dir: "BIDIRECTIONAL", addr, bytes, phys, physAddrs: [], at };
  }

  list(device: string, dir: string, entries: number): MadeMapping {
    const bytes = entries * PAGE;
    const { addr, phys } = this.place(bytes);
    const physAddrs = Array.from({ length: entries }, (_, index) => phys + index * 2 * PAGE);
    const isOne = this.mode === "translated";
    const addrs = isOne
      ? [addr]
      : this.mode === "direct"
      ? physAddrs
      : physAddrs.map((_, index) => addr + index * PAGE);
    this.#phys += 2 * bytes;
    if (this.mode === "bounced") this.#pool += bytes;
    if (isOne) {
      for (const [index, each] of physAddrs.entries()) {
        this.table("map", device, addr + index * PAGE, PAGE, each, 0);
      }
    }
    const sizes = isOne ? [bytes] : physAddrs.map(() => PAGE);
    this.write("dma_map_sg", {
      device,
      dir,
      physAddrs,
      sizes,
      text: addrs.map((each) => `0x${each.toString(16)}`).join(","),
    });
    return {
      kind: "sg",
      device,
      dir,
      addr: addrs[0]!,
      bytes,
      phys,
      physAddrs,
      at: this.calls.length,
    };
  }

  unmap(mapping: MadeMapping, who: number, change: Partial<MadeFields> = {}): void {
    const { addr, bytes, device, dir, kind, phys, physAddrs } = mapping;
    if (kind === "map") {
      this.table("unmap", device, addr, bytes, phys, who);
      this.write("dma_unmap_phys", { device, dir, addr, bytes, ...change }, who);
    } else if (kind === "alloc") {
      this.write("dma_free", { device, dir, addr, bytes, ...change }, who);
      this.table("unmap", device, addr, bytes, phys, who);
    } else {
      this.write("dma_unmap_sg", { device, dir, physAddrs, ...change }, who);
      this.table("unmap", device, addr, bytes, phys, who);
    }
  }

  /** Writes a request; its pages are linked one by one with the two-step API. */
  twoStep(
    links: number,
  ): { readonly start: number; readonly end: number; readonly lines: number[] } {
    const bytes = links * PAGE;
    const { addr } = this.place(bytes);
    const number = this.calls.length;
    this.write("nvme_setup_cmd", { device: DISK, text: `${number % 4096}` });
    const lines = Array.from({ length: links }, (_, index) => {
      this.table("map", DISK, addr + index * PAGE, PAGE, this.#phys += 3 * PAGE, 0);
      return this.calls.length;
    });
    this.write("block_rq_issue", { device: DISK, bytes });
    return { start: addr, end: addr + bytes, lines };
  }

  destroy({ end, start }: { readonly start: number; readonly end: number }): void {
    this.table("unmap", DISK, start, end - start, 0, 1);
  }
}

export interface MadeMapping {
  readonly kind: "map" | "alloc" | "sg";
  readonly device: string;
  readonly dir: string;
  readonly addr: number;
  readonly bytes: number;
  readonly phys: number;
  readonly physAddrs: readonly number[];
  /** The number of the call that makes the mapping, from 1. */
  readonly at: number;
}

/**
 * Normal work without mistakes, during which a fault can happen.
 * @param act Called once, in the middle of the work.
 */
export function run(trace: MadeTrace, act: (trace: MadeTrace) => void): void {
  const descriptors = trace.alloc(NIC, 8192);
  const ring: MadeMapping[] = [];
  for (let index = 0; index < RING; index++) ring.push(trace.map(NIC, "FROM_DEVICE", 2048, 1));
  const moment = STEPS / 2 + trace.below(20);
  for (let step = 0; step < STEPS; step++) {
    if (step === moment) {
      const from = trace.calls.length + 1;
      act(trace);
      trace.acted = { from, until: trace.calls.length };
    }
    const oldest = ring.shift()!;
    if (trace.below(4) === 0) {
      const { addr, bytes, device, dir } = oldest;
      trace.write("dma_sync_single_for_cpu", { device, dir, addr, bytes }, 1);
    }
    trace.unmap(oldest, 1);
    ring.push(trace.map(NIC, "FROM_DEVICE", 2048, 1));
    const dir = trace.below(2) === 0 ? "TO_DEVICE" : "FROM_DEVICE";
    const die = trace.below(9);
    if (die < 3) {
      const list = trace.list(DISK, dir, 2 + trace.below(6));
      trace.pause(30);
      trace.unmap(list, 0);
    } else if (die < 5 && trace.mode === "translated" && trace.release.hasTwoStep) {
      const range = trace.twoStep(2 + trace.below(4));
      trace.pause(30);
      trace.destroy(range);
      trace.write("nvme_complete_rq", { device: DISK }, 1);
    } else {
      const request = trace.map(DISK, dir, 4096, 0);
      trace.pause(20 + trace.below(40));
      trace.unmap(request, 0);
    }
    if (step % 40 === 20) {
      const buffer = trace.alloc(NIC, 4096);
      trace.unmap(buffer, 2);
    }
  }
  for (const buffer of ring) trace.unmap(buffer, 1);
  trace.unmap(descriptors, 2);
}

const hex = (value: number) => value < 0 ? "ffffffffffffffff" : value.toString(16);
const hex16 = (value: number) => `0x${value.toString(16).padStart(16, "0")}`;
const array = (values: readonly number[]) =>
  `{${values.map((each) => `0x${each.toString(16)}`).join(",")}}`;
const DIRECTIONS = ["BIDIRECTIONAL", "TO_DEVICE", "FROM_DEVICE", "NONE"];
const bytesOf = (value: number, count: number) =>
  Array.from(
    { length: count },
    (_, at) => (Math.floor(value / 256 ** at) % 256).toString(16).padStart(2, "0"),
  );
const rawArray = (values: readonly number[], size: number) =>
  `ARRAY[${values.flatMap((each) => bytesOf(each, size)).join(", ")}]`;

/** The payload in the kernel's form. */
function payload({ event, fields }: MadeCall, release: MadeRelease): string {
  const {
    addr = 0,
    bytes = 0,
    device,
    dir,
    end = 0,
    phys = 0,
    physAddrs = [],
    sizes = [],
    text = "",
  } = fields;
  const call = `${device} dir=${dir} dma_addr=${hex(addr)} size=${bytes}`;
  switch (event) {
    case "map":
    case "unmap": {
      const size = end - addr;
      const range = `IOMMU: iova=${hex16(addr)}${release.hasEnds ? ` - ${hex16(end)}` : ""}`;
      return event === "map"
        ? `${range} paddr=${hex16(phys)} size=${size}`
        : `${range} size=${size} unmapped_size=${size}`;
    }
    case "swiotlb_bounced":
      return `dev_name: ${device} dma_mask=ffffffff dev_addr=${hex(phys)} size=${bytes} NORMAL`;
    case "dma_map_phys":
      return `${call} phys_addr=${hex(phys)} attrs=`;
    case "dma_alloc":
      return `${call} virt_addr=0xffff888001234000 flags=GFP_KERNEL attrs=${release.attrs}`;
    case "dma_free":
      return `${call} virt_addr=0xffff888001234000 attrs=${release.attrs}`;
    case "dma_map_sg":
      return `${device} dir=${dir} nents=${physAddrs.length}/${physAddrs.length} ents=${sizes.length}/${sizes.length} ` +
        `dma_addrs={${text}} sizes=${array(sizes)} phys_addrs=${array(physAddrs)} attrs=`;
    case "dma_unmap_sg":
      return `${device} dir=${dir} phys_addrs=${array(physAddrs)} attrs=`;
    case "nvme_setup_cmd":
      return `nvme0: disk=nvme0n1, qid=1, cmdid=${text}, nsid=1, flags=0x0, meta=0x0, cmd=(nvme_cmd_write slba=8, len=7, ctrl=0x0, dsmgmt=0, reftag=0)`;
    case "nvme_complete_rq":
      return "nvme0: disk=nvme0n1, qid=1, cmdid=1, res=0x0, retries=0, flags=0x0, status=0x0";
    case "block_rq_issue":
      return `259,0 W ${bytes} () 8 + ${bytes / 512} ${release.priority}[fio]`;
    default:
      return `${call}${event.startsWith("dma_sync") ? "" : " attrs="}`;
  }
}

/** The line that the user-space library prints for an event that it cannot evaluate. */
function rawPayload(call: MadeCall, release: MadeRelease): string {
  const { event, fields } = call;
  const { device, dir, physAddrs = [], sizes = [], text = "" } = fields;
  const way = DIRECTIONS.indexOf(dir ?? "");
  switch (event) {
    case "dma_map_sg": {
      const addrs = text.split(",").map(Number);
      return `[FAILED TO PARSE] device=${device} full_nents=${physAddrs.length} full_ents=${sizes.length} truncated=0 ` +
        `phys_addrs=${rawArray(physAddrs, 8)} dma_addrs=${rawArray(addrs, 8)} lengths=${
          rawArray(sizes, 4)
        } dir=${way} attrs=0x0`;
    }
    case "dma_unmap_sg":
      return `[FAILED TO PARSE] device=${device} addrs=${
        rawArray(physAddrs, 8)
      } dir=${way} attrs=0x0`;
    case "nvme_setup_cmd":
      return `[FAILED TO PARSE] disk=nvme0n1 ctrl_id=0 qid=1 opcode=1 flags=0 fctype=1 cid=${text} nsid=1 metadata=0 ` +
        `cdw10=${rawArray([8, 7, 0], 8)}`;
    case "nvme_complete_rq":
      return "[FAILED TO PARSE] disk=nvme0n1 ctrl_id=0 qid=1 cid=1 result=0 retries=0 flags=0 status=0";
    default:
      return payload(call, release);
  }
}

const timeOf = ({ us }: MadeCall) => (us / 1e6).toFixed(6);
const cpuOf = ({ cpu }: MadeCall) => `[00${cpu}]`;
const systemOf = (event: string) => /^(?:un)?map$/.test(event) ? "iommu" : event.split("_")[0]!;

/** Formats an event as a tool prints it; null for an event that the tool does not print. */
export type MadeTool = (call: MadeCall, release: MadeRelease) => string | null;

/** A tool that prints the same events as the kernel's trace. */
const ofKernel =
  (print: (call: MadeCall, event: string, release: MadeRelease) => string): MadeTool =>
  (call, release) => {
    if (!release.hasDma && call.event.startsWith("dma_")) return null;
    return print(call, call.event.replace(/_phys$/, release.ending), release);
  };

export const TOOLS: Readonly<Record<string, MadeTool>> = {
  ftrace: ofKernel((call, event, release) =>
    `${`${call.task}-${call.pid}`.padStart(22)}  ${cpuOf(call)} ${release.flags} ${
      timeOf(call).padStart(12)
    }: ${event}: ${payload(call, release)}`
  ),
  "trace-cmd": ofKernel((call, event, release) =>
    `${call.task.padStart(16)}-${`${call.pid}`.padEnd(5)} ${cpuOf(call)} ${
      timeOf(call).padStart(12)
    }: ${`${event}:`.padEnd(21)} ${rawPayload(call, release)}`
  ),
  perf: ofKernel((call, event, release) =>
    `${call.task.padStart(16)} ${`${call.pid}`.padStart(5)} ${cpuOf(call)} ${
      timeOf(call).padStart(12)
    }: ${`${systemOf(event)}:${event}`.padStart(27)}: ${rawPayload(call, release)}`
  ),
  // The bpftrace recipe prints no lists, syncs or NVMe events. Its output is the same on every
  // kernel.
  bpftrace: (call) =>
    /^(?:un)?map$|^dma_(?:un)?map_phys|^dma_alloc|^dma_free/.test(call.event)
      ? `${call.task}-${call.pid} ${cpuOf(call)} ..... ${timeOf(call)}: ${
        call.event.replace(/_phys$/, "_page")
      }: ${payload(call, RELEASES["6.12"]!)}`
      : null,
};

/** All lines printed by a tool, and the line number of each call. */
export function printed(trace: MadeTrace, tool: MadeTool) {
  const lines: string[] = [];
  const lineOf = new Map<number, number>();
  trace.calls.forEach((call, index) => {
    const text = tool(call, trace.release);
    if (text === null) return;
    lines.push(text);
    lineOf.set(index + 1, lines.length);
  });
  return { lines, lineOf };
}
