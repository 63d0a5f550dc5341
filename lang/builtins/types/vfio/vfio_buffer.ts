/** Migration buffers, and the log of pages that a device has written. */
import type { DirtyTracker, MigrationBuffer, MigrationDriver } from "@dmalab/devices";
import { HostBuffer, type MachineEvent } from "@dmalab/runtime";
import { pairLines, tableLines } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { ValueError } from "../../../values/script_error.ts";
import { isHandle } from "../../arguments.ts";
import { decisionList } from "../../explain/decision_list.ts";
import type { HandleType } from "../../../values/spec.ts";
import { BUFFER } from "../buffer.ts";
import { IOVA_STATE, stateOf } from "../dma/iova_state.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";

/** A buffer and its driver. */
export interface VfioBufferTarget {
  readonly buffer: MigrationBuffer;
  readonly driver: MigrationDriver;
}

/** Memory charged for an item of a list of addresses. */
const ITEM_BYTES = 64;
/** Limit of the pages that a picture shows; the rest is only counted. */
const DISPLAYED_PAGES = 8;

/** The machine of the examples: a function that can be migrated, behind an IOMMU. */
export const VFIO_MACHINE = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { vfio vf { } } }
}
`;

/** Whether an event is a decision about the buffer. */
function isOfBuffer(event: MachineEvent, { buffer, driver }: VfioBufferTarget): boolean {
  return event.why !== null && event.device === driver.dev.name && event.name.startsWith("vfio.") &&
    (event.fields as { readonly buffer?: number }).buffer === buffer.id;
}

function formatBuffer({ buffer }: VfioBufferTarget): string {
  if (buffer.freed) return "migration buffer, freed";
  const way = buffer.direction ?? "for headers";
  return `migration buffer of ${formatCount(buffer.npages, "page")}, ${way}${
    buffer.key === null ? "" : `, key ${buffer.key}`
  }`;
}

/** The buffer of a call. Raises when it was freed, or belongs to another device. */
export function usableBuffer(
  target: VfioBufferTarget,
  driver: MigrationDriver,
): MigrationBuffer {
  const { buffer } = target;
  const problem = target.driver !== driver
    ? `The buffer is ${target.driver.dev.name}'s, not ${driver.dev.name}'s`
    : buffer.freed
    ? "The buffer was freed before"
    : driver.spare.includes(buffer)
    ? "The buffer was put back before"
    : driver.tracker?.buffer === buffer
    ? "The buffer is the dirty tracker's"
    : null;
  if (problem !== null) throw new ValueError(problem);
  return buffer;
}

const method = methodsOf<VfioBufferTarget>();

export const VFIO_BUFFER: HandleType<VfioBufferTarget> = {
  name: "vfio_buffer",
  doc: "A migration buffer: host pages, and the key by which the device addresses them.",
  fields: fieldsOf<VfioBufferTarget>((f) => ({
    npages: f.int("How many pages.", ({ buffer }) => buffer.npages),
    size: f.size("Bytes of its pages.", ({ buffer }) => buffer.sizeBytes),
    dir: f.word(
      "Its direction: from_device (save), to_device (load), none: for headers.",
      ({ buffer: { direction } }) => direction,
    ),
    pages: f.list("phys", "Physical addresses of its pages.", ({ buffer }, context) => {
      context.chargeMemory(ITEM_BYTES * buffer.npages);
      return buffer.pages;
    }),
    content: f.of(
      BUFFER,
      "The same memory as a buffer, to read, fill and compare.",
      ({ buffer }, context) => {
        context.chargeMemory(ITEM_BYTES * buffer.npages);
        const { pageBytes, pages } = buffer;
        const segments = pages.map((page) => ({ phys: page, sizeBytes: pageBytes }));
        // The buffer has no checker. The reason is that the driver writes to the pages while they
        // stay linked: the two-step API has no sync for the CPU.
        const { caches, memory, pages: allocator, random } = context.lab.machine;
        return new HostBuffer({ caches, memory, pages: allocator, random }, segments);
      },
    ),
    table: f.list(
      "dma",
      "The DMA address of each page; empty while the buffer is not mapped.",
      ({ buffer: { mailbox } }, context) => {
        if (mailbox === null) return [];
        context.chargeMemory(ITEM_BYTES * mailbox.entries);
        return Array.from({ length: mailbox.entries }, (_, index) => mailbox.entryAt(index));
      },
    ),
    table_room: f.int(
      "Entries that the table has room for: an even number.",
      ({ buffer }) => buffer.mailbox?.roomEntries ?? 0,
    ),
    key: f.int(
      "The device's number for it; none while there is no key.",
      ({ buffer }) => buffer.key,
    ),
    key_length: f.size(
      "How many bytes the key covers.",
      ({ buffer }) => buffer.mailbox?.lengthBytes ?? 0,
    ),
    iova: f.of(
      IOVA_STATE,
      "Its embedded state of the two-step API.",
      ({ buffer, driver }) => stateOf(buffer.state, driver.dev),
    ),
    memory: f.size(
      "Host memory that it takes besides its pages: 8 bytes a page and 16 for the state (7.2) " +
        "or 32 for each contiguous run (6.12), and the table.",
      ({ buffer }) => buffer.costBytes,
    ),
  })),
  methods: [
    method({
      name: "map",
      doc: "Maps the buffer for the device: writes the table, maps the pages, creates the key. A " +
        "buffer allocated with a direction is mapped already.",
      example:
        `${VFIO_MACHINE}let b = vf.alloc_buffer(2, from_device)\nb.map() fails EINVAL\nvf.free_buffer(b)`,
      raises: ["ENOTCONN", "EINVAL"],
      run(_run, target) {
        const buffer = usableBuffer(target, target.driver);
        if (buffer.dir === null) {
          throw new ValueError("A buffer for headers has no direction to be mapped in");
        }
        target.driver.mapBuffer(buffer);
      },
    }),
  ],
  format: formatBuffer,
  show(target) {
    const { buffer } = target;
    const { mailbox, pages, state } = buffer;
    if (buffer.freed) return [formatBuffer(target)];
    const rows = pages.slice(0, DISPLAYED_PAGES).map((page, index) => [
      String(index),
      formatAddress(page),
      mailbox === null ? "–" : formatAddress(mailbox.entryAt(index)),
    ]);
    const rest = pages.length - rows.length;
    const way = mailbox === null
      ? "not mapped"
      : buffer.list !== null
      ? `a scatterlist of ${formatCount(buffer.list.count, "entry", "entries")}`
      : state.sizeBytes === 0
      ? "page by page"
      : `one range of ${formatSize(state.sizeBytes)} at ${formatAddress(state.addr)}`;
    return [
      formatBuffer(target),
      ...pairLines([
        ["mapped", way],
        [
          "table",
          mailbox === null
            ? "none"
            : `room for ${formatCount(mailbox.roomEntries, "entry", "entries")}, ` +
              `${formatSize(mailbox.sizeBytes)}, key of ${formatSize(mailbox.lengthBytes)}`,
        ],
        ["memory", `${formatSize(buffer.costBytes)} besides its pages`],
      ]),
      ...tableLines(["page", "phys", "table entry"], rows, ["right", "right", "right"]),
      ...rest > 0 ? [`… ${formatCount(rest, "page")} more`] : [],
    ];
  },
  explain: (target, context) => [
    formatBuffer(target),
    ...decisionList(
      context.recorder.events.filter((event) => isOfBuffer(event, target)),
      context.columns,
    ),
  ],
  equals: ({ buffer }, other) => isHandle(other, VFIO_BUFFER) && other.target.buffer === buffer,
};

const trackerMethod = methodsOf<DirtyTracker>();

export const DIRTY_TRACKER: HandleType<DirtyTracker> = {
  name: "dirty_tracker",
  doc: "A dirty tracker: records which pages of a range a device writes, until it is stopped.",
  fields: fieldsOf<DirtyTracker>((f) => ({
    buffer: f.of(
      VFIO_BUFFER,
      "Where the device writes its reports: mapped from_device like any migration buffer.",
      ({ buffer, driver }) => ({ buffer, driver }),
    ),
  })),
  methods: [
    trackerMethod({
      name: "report",
      result: ["dma"],
      doc: "The pages that the device has written since the last report, by their addresses; the " +
        "device writes them into the buffer, 8 bytes each.",
      example: `${VFIO_MACHINE}let m = dma_map_phys(vf, alloc_pages(4), 16KiB, from_device)
let tracker = vf.track(m.addr, 16KiB)
vf.dma_write(m.addr + 8KiB, bytes"01")
assert tracker.report() == [m.addr + 8KiB] and tracker.report() == []
tracker.stop()
dma_unmap_phys(vf, m, 16KiB, from_device)`,
      raises: ["EIO", "ENOTCONN"],
      run(context, tracker) {
        requireRunning(tracker);
        const pages = tracker.report();
        context.chargeMemory(ITEM_BYTES * pages.length);
        return pages;
      },
    }),
    trackerMethod({
      name: "stop",
      doc: "Ends the tracking and frees the buffer.",
      example: `${VFIO_MACHINE}let tracker = vf.track(0, 1MiB)\ntracker.stop()\n` +
        `assert iommu.live_mappings == 0`,
      run(_run, tracker) {
        requireRunning(tracker);
        tracker.stop();
      },
    }),
  ],
  format: (tracker) =>
    `dirty tracker of ${tracker.driver.dev.name}${tracker.buffer.freed ? ", stopped" : ""}`,
};

function requireRunning(tracker: DirtyTracker): void {
  if (tracker.buffer.freed) throw new ValueError("The tracker was stopped before");
}
