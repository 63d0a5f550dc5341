/** What a script can do with a memory region. */
import { TABLE_READ, TABLE_WRITE } from "../../../../devices/rdma/device_table.ts";
import { ImplicitRegion } from "../../../../devices/rdma/implicit_region.ts";
import type { MemoryRegion } from "../../../../devices/rdma/memory_region.ts";
import { RdmaAccess } from "../../../../devices/rdma/rdma_access.ts";
import type { RdmaAdapter } from "../../../../devices/rdma/rdma_adapter.ts";
import type { VirtAddr } from "../../../../runtime/address.ts";
import { errnoName, KernelError } from "../../../../runtime/errno.ts";
import { formatAddress } from "../../../text/numbers.ts";
import type { Run } from "../../../values/run.ts";
import { LimitError, ScriptError } from "../../../values/script_error.ts";
import { BytesValue } from "../../../values/value.ts";
import { dma, record, thing, toInt, toSize, toVirt, toWord } from "../../arguments.ts";
import { RDMA_PROCESS } from "../../calls/example_machines.ts";
import { SIZE, VIRT } from "../../calls/parameters.ts";
import type { MethodSpec } from "../../../values/spec.ts";
import { entryRecord } from "./hmm_map.ts";
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
const REGION = `${RDMA_PROCESS}let mr = nic.reg_mr(mm, at, 16KiB)\n`;

/** The region as one with pages of its own; an implicit one has none. */
export function ownPages({ region }: MrTarget, what: string): MemoryRegion {
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
export const MR_METHODS: readonly MethodSpec<MrTarget>[] = [
  {
    name: "read",
    parameters: [VIRT, SIZE],
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
      { ...SIZE, optional: true, doc: "How many bytes are read." },
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
      SIZE,
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
    parameters: [VIRT, SIZE],
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
