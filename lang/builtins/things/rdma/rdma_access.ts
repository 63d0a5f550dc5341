/** What an RDMA device does with a region: accesses, and page faults taken step by step. */
import { errnoName, KernelError } from "../../../../runtime/errno.ts";
import type { PageFault, StepResult } from "../../../../devices/rdma/page_fault.ts";
import type { RdmaAccess } from "../../../../devices/rdma/rdma_access.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { ScriptError } from "../../../values/script_error.ts";
import { BytesValue } from "../../../values/value.ts";
import { errorValue, isThing, size, virt, word } from "../../arguments.ts";
import type { TypeSpec } from "../../../values/spec.ts";
import { RDMA_PROCESS } from "../../calls/example_machines.ts";

function formatAccess(access: RdmaAccess): string {
  const { done, error, faults, sizeBytes, write } = access;
  const state = done ? error ?? "done" : "under way";
  return `${write ? "write" : "read"} of ${formatSize(sizeBytes)} at ${
    formatAddress(access.virt)
  }, ${state}, ${formatCount(faults, "page fault")}`;
}

export const RDMA_ACCESS: TypeSpec<RdmaAccess> = {
  name: "rdma_access",
  doc: "An access of an RDMA device to a memory region.",
  fields: [
    { name: "done", kind: "bool", doc: "It has ended.", get: ({ done }) => done },
    {
      name: "error",
      kind: "word",
      doc: "Why it ended early: EACCES, outside of the region or not allowed; EIO, its DMA " +
        "faulted; or what the page fault ended with. None while all is well.",
      get: ({ error }) => errorValue(error),
    },
    {
      name: "op",
      kind: "word",
      doc: "What the device does: read or write.",
      get: ({ write }) => word(write ? "write" : "read"),
    },
    { name: "addr", kind: "virt", doc: "Where it begins.", get: (access) => virt(access.virt) },
    {
      name: "size",
      kind: "size",
      doc: "How long it is.",
      get: ({ sizeBytes }) => size(sizeBytes),
    },
    {
      name: "moved",
      kind: "size",
      doc: "How many bytes are done.",
      get: ({ doneBytes }) => size(doneBytes),
    },
    {
      name: "bytes",
      kind: "bytes",
      doc: "What was read so far, or what is written.",
      get(access, run) {
        run.chargeMemory(access.sizeBytes);
        return new BytesValue(access.bytes.slice());
      },
    },
    {
      name: "faults",
      kind: "int",
      doc: "How often the device asked for pages.",
      get: ({ faults }) => faults,
    },
    {
      name: "refaults",
      kind: "int",
      doc: "How often it asked for the same page again at once: such a fault made no progress.",
      get: ({ refaults }) => refaults,
    },
  ],
  methods: [],
  format: formatAccess,
  equals: (access, other) => isThing(other, RDMA_ACCESS) && other.target === access,
};

/** A step's result as a truth: false when all must be begun again. */
function stepValue(result: StepResult, what: string): boolean {
  if (result === "again") return false;
  if (result === 0) return true;
  throw new KernelError(errnoName(result), what);
}

function begun(fault: PageFault): PageFault {
  if (fault.sequence !== null) return fault;
  throw new ScriptError("E0914", "The page fault has not begun", "call read_begin() first");
}

/** The beginning of examples: a region of 16 KiB that nobody has touched. */
const FAULT = `${RDMA_PROCESS}let mr = nic.reg_mr(mm, at, 16KiB)
let pf = mr.page_fault(at, 4KiB)
`;

export const PAGE_FAULT: TypeSpec<PageFault> = {
  name: "page_fault",
  doc: "A page fault of an RDMA device, taken step by step, so that something may come between.",
  fields: [
    {
      name: "sequence",
      kind: "int",
      doc: "The interval's sequence number when it began; none before.",
      get: ({ sequence }) => sequence,
    },
    {
      name: "pages",
      kind: "int",
      doc: "How many pages the device was told of.",
      get: ({ mappedEntries }) => mappedEntries,
    },
  ],
  methods: [
    {
      name: "read_begin",
      parameters: [],
      result: "nothing",
      doc: "Reads the interval's sequence number (mmu_interval_read_begin).",
      example: `${FAULT}pf.read_begin()\nassert pf.sequence == 0\nmr.dereg()`,
      raises: ["EFAULT", "EINVAL"],
      run(_run, fault) {
        stepValue(fault.begin(), "The region has no such pages");
        return null;
      },
    },
    {
      name: "range_fault",
      parameters: [],
      result: "bool",
      doc: "Reads the process's page table, and brings in what is not there. False while it is " +
        "changing, or when it has changed: begin again.",
      example: `${FAULT}pf.read_begin()\nassert pf.range_fault() and mm.pages == 1\nmr.dereg()`,
      raises: ["EFAULT", "EPERM", "ENOMEM"],
      run: (_run, fault) => stepValue(begun(fault).readPages(), "The pages cannot be had"),
    },
    {
      name: "map",
      parameters: [{
        name: "compare",
        kind: "bool",
        optional: true,
        named: true,
        doc: "Compare the sequence number, the default; false: a driver that forgets it.",
      }],
      result: "bool",
      doc: "Takes the region's lock, compares the sequence number, and tells the device of the " +
        "pages. False when the page table has changed since it was read: begin again.",
      example: `${FAULT}pf.read_begin()\npf.range_fault()\nmm.migrate(at)\n` +
        `assert not pf.map()\nmr.dereg()`,
      raises: ["EFAULT", "EINVAL"],
      run: (_run, fault, [compare]) =>
        stepValue(begun(fault).map(compare !== false), "The device cannot be told of the pages"),
    },
  ],
  format: ({ mappedEntries, request }) =>
    `page fault at ${formatAddress(request.virt)}, ${formatCount(mappedEntries, "page")} mapped`,
  equals: (fault, other) => isThing(other, PAGE_FAULT) && other.target === fault,
};
