/** The methods of a memory region. */
import {
  ImplicitRegion,
  type MemoryRegion,
  RdmaAccess,
  type RdmaAdapter,
  TABLE_READ,
  TABLE_WRITE,
  type UmemOdp,
} from "@dmalab/devices";
import { type DmaAddr, KernelError, PAGE_SIZE_BYTES, type VirtAddr } from "@dmalab/runtime";
import { formatAddress } from "../../../text/numbers.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { ScriptError, ValueError } from "../../../values/script_error.ts";
import { failure, toInt } from "../../arguments.ts";
import { runUntilDone } from "../../run_until_done.ts";
import { RDMA_PROCESS } from "../../calls/example_machines.ts";
import { SIZE, VIRT } from "../../calls/parameters.ts";
import type { MethodSpec } from "../../../values/spec.ts";
import { addressOf, ENTRY, plainEntry } from "./hmm_map.ts";
import { PAGE_FAULT, RDMA_ACCESS } from "./rdma_access.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { named, optional, param } from "../../describe/parameters.ts";

/** A region and the device that it was registered with. */
export interface MrTarget {
  readonly adapter: RdmaAdapter;
  readonly region: MemoryRegion | ImplicitRegion;
}

const ACCESS_BYTES = 512;

/** Setup code of examples: a region of 16 KiB that was not accessed yet. */
const REGION = `${RDMA_PROCESS}let mr = nic.reg_mr(mm, at, 16KiB)\n`;

/** The region, if it has its own pages; raises for an implicit region, which has none. */
export function ownPages({ region }: MrTarget, what: string): MemoryRegion {
  if (!(region instanceof ImplicitRegion)) return region;
  throw new ScriptError(
    "E0914",
    `An implicit region has no ${what}`,
    "ask one of its children: `.children[0]`",
  );
}

/**
 * The device address of a page; null if the page is not mapped. The page may be mapped alone or as
 * a part of a larger page.
 */
function mappedAt({ pageBytes, pages }: UmemOdp, page: number): DmaAddr | null {
  const at = page * PAGE_SIZE_BYTES;
  const index = Math.floor(at / pageBytes);
  return pages.isUsed(index) ? pages.address(index, null) + at % pageBytes as DmaAddr : null;
}

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

/** Runs the machine until an access has ended, and raises its error. */
function finish(access: RdmaAccess, context: ExecutionContext): void {
  runUntilDone(context, access, `An access at ${formatAddress(access.virt)}`, {
    stuck: () => `${access.refaults} page faults made no progress`,
  });
  if (access.error === null) return;
  throw new KernelError(
    access.error,
    `The device cannot ${access.write ? "write" : "read"} at ${formatAddress(access.virt)}`,
  );
}

const method = methodsOf<MrTarget>();

export const MR_METHODS: readonly MethodSpec<MrTarget>[] = [
  method({
    name: "read",
    parameters: [VIRT, SIZE],
    result: "bytes",
    doc: "The device reads memory of the region, with a page fault for each unmapped page.",
    example: `${REGION}mm.write(at, bytes"01 02")\nassert mr.read(at, 2B) == bytes"01 02"\n` +
      `assert mr.faults == 1\nmr.dereg()`,
    raises: ["EACCES", "EFAULT", "EPERM", "ENOMEM", "EIO", "EINVAL"],
    run(context, target, [addr, sizeBytes]) {
      context.chargeMemory(2 * sizeBytes + ACCESS_BYTES);
      const bytes = new Uint8Array(sizeBytes);
      finish(submit(target, false, addr, bytes), context);
      return bytes;
    },
  }),
  method({
    name: "write",
    parameters: [VIRT, param.bytes("bytes", "What it writes.")],
    doc: "The device writes memory of the region, with a page fault for each unmapped page.",
    example: `${REGION}mr.write(at, bytes"01 02")\nassert mm.read(at, 2B) == bytes"01 02"\n` +
      `mr.dereg()`,
    raises: ["EACCES", "EFAULT", "EPERM", "ENOMEM", "EIO", "EINVAL"],
    run(context, target, [addr, bytes]) {
      context.chargeMemory(2 * bytes.length + ACCESS_BYTES);
      finish(submit(target, true, addr, bytes.slice()), context);
    },
  }),
  method({
    name: "access",
    parameters: [
      param.word("op", "read or write."),
      VIRT,
      optional({ ...SIZE, doc: "How many bytes are read." }),
      named(param.bytes("bytes", "What is written.")),
    ],
    result: RDMA_ACCESS,
    doc:
      "Queues an access of the device: `step` and `wait` run it. The device's part and the two " +
      "steps of the host on a page fault are separate activities: others can run in between.",
    example: `${REGION}let a = mr.access(read, at, 4KiB)
step
assert not a.done and a.faults == 1, "the device has asked for the page"
wait a
assert a.error == none
mr.dereg()`,
    run(context, target, [op, addr, length, content]) {
      if (op !== "read" && op !== "write") {
        throw new ValueError(`Cannot ${op} a memory region`, "write read or write");
      }
      const write = op === "write";
      const sizeBytes = write ? content?.length : length;
      if (sizeBytes === undefined) {
        throw new ValueError(`A ${op} needs ${write ? "`bytes:`, what is written" : "a size"}`);
      }
      context.chargeMemory(2 * sizeBytes + ACCESS_BYTES);
      return submit(target, write, addr, write ? content!.slice() : new Uint8Array(sizeBytes));
    },
  }),
  method({
    name: "prefetch",
    parameters: [
      VIRT,
      SIZE,
      named(param.bool("write", "The device may write if the process may, the default."), true),
      named(
        param.bool(
          "fault",
          "Fault in missing pages, the default; false: only pages that are present.",
        ),
        true,
      ),
    ],
    result: "int",
    doc: "Maps pages before the device faults on them, and returns how many.",
    example: `${REGION}assert mr.prefetch(at, 16KiB) == 4\nmr.read(at, 16KiB)\n` +
      `assert mr.faults_handled == 0\nmr.dereg()`,
    raises: ["EFAULT", "EINVAL", "EBUSY", "EPERM", "ENOMEM"],
    run(_run, { adapter, region }, [addr, sizeBytes, write, fault]) {
      const pages = adapter.prefetch(region, addr, sizeBytes, fault, !write);
      if (pages >= 0) return pages;
      throw failure(pages, "These pages cannot be mapped for the device");
    },
  }),
  method({
    name: "page_fault",
    parameters: [VIRT, SIZE],
    result: PAGE_FAULT,
    doc: "A page fault that the script handles step by step.",
    example: `${REGION}let pf = mr.page_fault(at, 4KiB)
pf.read_begin()
assert pf.range_fault() and pf.map()
assert mr.entry(0).write
mr.dereg()`,
    raises: ["EFAULT"],
    run(_run, { adapter, region }, [addr, sizeBytes]) {
      const fault = adapter.pageFault(region, addr, sizeBytes);
      if (typeof fault !== "number") return fault;
      throw failure(fault, "The region has no such pages");
    },
  }),
  method({
    name: "entry",
    pure: true,
    parameters: [param.int("index", "Its number, from 0.")],
    result: { address: "dma", read: "bool", write: "bool" },
    doc: "An entry of the device's table, { address, read, write }; none if it is not present.",
    example: `${REGION}mr.read(at, 1B)
assert mr.entry(0).address == mr.map.state.addr and mr.entry(1) == none
mr.dereg()`,
    run(_run, target, [index]) {
      const { table, umem } = ownPages(target, "table");
      const number = toInt(index, "index", 0, umem.entries - 1);
      const access = table?.access(number) ?? 0;
      if (access === 0) return null;
      return {
        address: table!.address(number),
        read: (access & TABLE_READ) !== 0,
        write: (access & TABLE_WRITE) !== 0,
      };
    },
  }),
  method({
    name: "pfn",
    pure: true,
    parameters: [param.int("index", "The number of the page of 4 KiB, from 0.")],
    result: ENTRY,
    doc: "An entry of its list of page frames: { flags, pfn, phys, order, dma, word }.",
    example: `${REGION}mr.read(at, 1B)
assert mr.pfn(0).flags == [valid, write, dma_mapped]
mr.dereg()`,
    run(_run, target, [index]) {
      const { umem } = ownPages(target, "list");
      const { map, pfns } = umem.pages;
      const number = toInt(index, "index", 0, pfns.length - 1);
      return plainEntry(
        pfns,
        number,
        map === null ? mappedAt(umem, number) : addressOf({ map }, number),
      );
    },
  }),
  method({
    name: "dereg",
    doc: "Deregisters the region: everything is unmapped and freed.",
    example: `${REGION}mr.read(at, 16KiB)\nmr.dereg()\n` +
      `assert iommu.live_mappings == 0 and counters.iova.free == 1`,
    raises: ["ETIMEDOUT"],
    run(_run, { adapter, region }) {
      if (region.released) throw new ValueError("The region was deregistered before");
      adapter.deregister(region);
    },
  }),
];
