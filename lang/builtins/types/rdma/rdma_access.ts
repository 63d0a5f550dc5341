/** The actions of an RDMA device on a region: accesses, and page faults handled step by step. */
import type { PageFault, RdmaAccess, StepResult } from "@dmalab/devices";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { ScriptError } from "../../../values/script_error.ts";
import type { HandleType } from "../../../values/spec.ts";
import { RDMA_PROCESS } from "../../calls/example_machines.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { named, param } from "../../describe/parameters.ts";
import { failure } from "../../arguments.ts";

function formatAccess(access: RdmaAccess): string {
  const { done, error, faults, sizeBytes, write } = access;
  const state = done ? error ?? "done" : "under way";
  return `${write ? "write" : "read"} of ${formatSize(sizeBytes)} at ${
    formatAddress(access.virt)
  }, ${state}, ${formatCount(faults, "page fault")}`;
}

export const RDMA_ACCESS: HandleType<RdmaAccess> = {
  name: "rdma_access",
  doc: "An access of an RDMA device to a memory region.",
  fields: fieldsOf<RdmaAccess>((f) => ({
    done: f.bool("It has ended.", ({ done }) => done),
    error: f.word(
      "Why it failed: EACCES, outside of the region or not allowed; EIO, its DMA faulted; or " +
        "the errno of the page fault. None without an error.",
      ({ error }) => error,
    ),
    op: f.word("What the device does: read or write.", ({ write }) => write ? "write" : "read"),
    addr: f.virt("Where it begins.", (access) => access.virt),
    size: f.size("Its size.", ({ sizeBytes }) => sizeBytes),
    moved: f.size("How many bytes were transferred.", ({ doneBytes }) => doneBytes),
    bytes: f.bytes("What was read so far, or what is written.", (access, context) => {
      context.chargeMemory(access.sizeBytes);
      return access.bytes.slice();
    }),
    faults: f.int("How many page faults the device raised.", ({ faults }) => faults),
    refaults: f.int(
      "How often it faulted on the same page again at once: the fault before made no progress.",
      ({ refaults }) => refaults,
    ),
  })),
  format: formatAccess,
};

/** A step's result as a boolean: false when the fault has to be handled again from the start. */
function stepValue(result: StepResult, what: string): boolean {
  if (result === "again") return false;
  if (result === 0) return true;
  throw failure(result, what);
}

function begun(fault: PageFault): PageFault {
  if (fault.sequence !== null) return fault;
  throw new ScriptError("E0914", "The page fault has not begun", "call read_begin() first");
}

/** Setup code of examples: a region of 16 KiB that was not accessed yet. */
const FAULT = `${RDMA_PROCESS}let mr = nic.reg_mr(mm, at, 16KiB)
let pf = mr.page_fault(at, 4KiB)
`;

const method = methodsOf<PageFault>();

export const PAGE_FAULT: HandleType<PageFault> = {
  name: "page_fault",
  doc: "A page fault of an RDMA device, handled step by step, so that an invalidation can run in " +
    "between.",
  fields: fieldsOf<PageFault>((f) => ({
    sequence: f.int(
      "The interval's sequence number when it began; none before.",
      ({ sequence }) => sequence,
    ),
    pages: f.int(
      "How many pages were mapped for the device.",
      ({ mappedEntries }) => mappedEntries,
    ),
  })),
  methods: [
    method({
      name: "read_begin",
      doc: "Reads the interval's sequence number (mmu_interval_read_begin).",
      example: `${FAULT}pf.read_begin()\nassert pf.sequence == 0\nmr.dereg()`,
      raises: ["EFAULT", "EINVAL"],
      run(_run, fault) {
        stepValue(fault.begin(), "The region has no such pages");
      },
    }),
    method({
      name: "range_fault",
      result: "bool",
      doc: "Reads the process's page table and faults in missing pages. Returns false if an " +
        "invalidation is running, or ran in between: start again.",
      example: `${FAULT}pf.read_begin()\nassert pf.range_fault() and mm.pages == 1\nmr.dereg()`,
      raises: ["EFAULT", "EPERM", "ENOMEM"],
      run: (_run, fault) => stepValue(begun(fault).readPages(), "The pages cannot be faulted in"),
    }),
    method({
      name: "map",
      parameters: [
        named(
          param.bool(
            "compare",
            "Compare the sequence number, the default; false: like a driver that omits the " +
              "comparison.",
          ),
          true,
        ),
      ],
      result: "bool",
      doc: "Takes the region's lock, compares the sequence number, and writes the pages to the " +
        "device's table. Returns false if the page table has changed since it was read: start " +
        "again.",
      example: `${FAULT}pf.read_begin()\npf.range_fault()\nmm.migrate(at)\n` +
        `assert not pf.map()\nmr.dereg()`,
      raises: ["EFAULT", "EINVAL"],
      run: (_run, fault, [compare]) =>
        stepValue(begun(fault).map(compare), "The pages cannot be mapped for the device"),
    }),
  ],
  format: ({ mappedEntries, request }) =>
    `page fault at ${formatAddress(request.virt)}, ${formatCount(mappedEntries, "page")} mapped`,
};
