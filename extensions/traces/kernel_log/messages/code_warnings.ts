/**
 * Warnings that the kernel raises in its code of IOMMUs, of DMA mapping and of DMA engines, and whose
 * message no row of the table has: read by the words in the name of the function.
 *
 * @see rules/traces.md T.78
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { inOrder, type MessageRow } from "./message.ts";

/** What the function of a warning does, by its name. */
interface Work {
  readonly id: string;
  readonly words: RegExp;
  readonly text: string;
  readonly next: readonly string[];
}

const TRACE =
  "compare the maps and unmaps of the device: `dmalab trace check` with the dma and iommu events (examples/traces/data/collect-trace.sh)";
const AT_BOOT =
  "look at the lines of the IOMMU at boot (`dmesg | grep -i -e iommu -e dmar -e smmu`) and at the firmware's version";

const WORKS: readonly Work[] = [
  {
    id: "firmware",
    words: /invalid_dmar|dmar_(?:parse|table|sanity|dev)|acpi|ivrs|iort|ivhd|rmrr/i,
    text: "the firmware's table of the IOMMUs does not fit the machine, or itself",
    next: [AT_BOOT],
  },
  {
    id: "bounce",
    words: /swiotlb|bounce/i,
    text:
      "a mapping asked the bounce pool for what it cannot do: a length of 0, or one above a piece of the pool, an alignment, or a pool that is not there",
    next: [
      "compare the length that the caller maps with the largest piece (dma_max_mapping_size), and look for `software IO TLB: mapped` at boot",
    ],
  },
  {
    id: "iova",
    words: /iova/i,
    text:
      "a range of DMA addresses was given back that is not given out, or the lists of a domain are not in order: a second unmap, or a domain that was freed while a device uses it",
    next: [TRACE],
  },
  {
    id: "call",
    words: /^_*dma_(?!pte|ops|buf|resv|fence)|^debug_dma/i,
    text:
      "an argument of the call is wrong: the direction, the device (no mask, none at all), a list or a length. The stack names the driver",
    next: ["look at the caller in the stack, and at the line in the source of the release"],
  },
  {
    id: "shared",
    words: /^dma_buf|^dma_resv|^dma_fence/i,
    text:
      "a driver called it with no buffer or device, or with a pointer of an error, or its buffer was given back: an import or an attach that does not fit its exporter",
    next: [
      "look at the caller in the stack, and at what it gave: the buffer, the device, the fence",
    ],
  },
  {
    id: "unmap",
    words: /unmap|clear_pte|clear_range|unpin/i,
    text:
      "an unmap of what is not mapped, or of more than was mapped: a second unmap, a wrong device, address or length. The stack names the driver",
    next: [TRACE],
  },
  {
    id: "interrupts",
    words: /enable_interrupts|ga_log|vapic|irq|intr|[_-]ir_/i,
    text:
      "the remapping of interrupts, or the log of interrupts for guests, did not start as the firmware's table and the registers announce it; translation goes on, and faults have lines of their own",
    next: [
      AT_BOOT,
      "try a newer firmware; with AMD, amd_iommu_intr=legacy leaves the log of guests' interrupts off",
    ],
  },
  {
    id: "invalidation",
    words: /flush|inv_|invalidat|sync|cmdq|completion|qi_/i,
    text:
      "the IOMMU did not take or complete a command: a device that does not answer (ATS), an error in its queue, or a clock or power state of the IOMMU",
    next: [
      "look for an invalidation that failed and for an access that faulted in the same seconds, and at the device that the stack removes or resets",
    ],
  },
  {
    id: "map",
    words: /map|pgtable|pte|page/i,
    text:
      "the table had an entry where the map writes (an unmap was skipped, or a second user maps the range), or an address or a length does not fit the page or the width of the IOMMU",
    next: [TRACE],
  },
  {
    id: "register",
    words: /register/i,
    text:
      "the driver of an engine registers without an operation or a property that its clients ask for: they may do without, and no transfer is wrong by it",
    next: ["look at the text beside the warning, and at a newer driver of the engine"],
  },
  {
    id: "setup",
    words: /init|enable|probe|setup|attach|detach|domain|group|release|remove|free|alloc/i,
    text:
      "a device, a domain or a group was not in the state that the step expects: attached twice or not at all, removed too early, or described otherwise by the firmware",
    next: [AT_BOOT],
  },
];

const workOf = ({ file, function: name }: LogEntryFacts) =>
  WORKS.find(({ words }) => words.test(String(name)))?.id ?? (file === undefined ? null : "other");

const AREAS: readonly (readonly [start: string, kind: MessageRow["kind"], words: string])[] = [
  ["drivers/dma/", "driver_dma_error", "DMA engines"],
  ["arch/", "driver_dma_error", "a platform's DMA engine"],
  ["drivers/dma-buf/", "driver_dma_error", "buffers that drivers share (dma-buf)"],
  ["drivers/iommu/", "iommu_error", "IOMMUs"],
  ["drivers/", "driver_dma_error", "a driver's use of DMA"],
  ["", "mapping_warning", "DMA mapping"],
];

const ROWS = AREAS.map(([start, kind, words]) => {
  const row: MessageRow = {
    kind,
    forms: [],
    role: "report",
    means: ({ file, function: name }) =>
      `The kernel warned or stopped in its code of ${words}${
        typeof name === "string" ? `, in ${name}()` : ""
      } (${file}): a state that the code does not expect. The message, if there is one, is beside it`,
    causes: inOrder([
      // The functions of a driver have names of their own.
      ...(start === "drivers/" ? [] : WORKS).map(({ id, next, text }) => ({
        id,
        when: (facts: LogEntryFacts) => workOf(facts) === id,
        certainty: "possible" as const,
        text,
        next,
      })),
      {
        id: "other",
        certainty: "unknown" as const,
        text: ({ function: name }) =>
          typeof name === "string"
            ? "the name of the function does not say what it waited for or compared"
            : "the line names no function, and the file does not say what the code waited for or compared",
        next: [
          "look at the message beside the warning, and at the first function of a driver in the stack below it: the call and its arguments are the driver's",
        ],
      },
    ]),
  };
  return { start, row };
});

/** The row for a warning in a file. */
export function rowOfWarning(file: string): MessageRow {
  return ROWS.find(({ start }) => file.startsWith(start))!.row;
}
