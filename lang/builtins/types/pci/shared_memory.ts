/**
 * Memory of a BAR that devices share as a dma-buf: the exported buffer, and a device that imports
 * it.
 */
import {
  type DeviceBase,
  type SharedAttachment,
  type SharedEntry,
  SharedMemory,
  type SharedRange,
} from "@dmalab/devices";
import type { PhysAddr } from "@dmalab/runtime";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { ValueError } from "../../../values/script_error.ts";
import type { HandleType } from "../../../values/spec.ts";
import {
  type ListValue,
  Quantity,
  RangeValue,
  RecordValue,
  type Value,
} from "../../../values/value.ts";
import { DIR } from "../../calls/parameters.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { param } from "../../describe/parameters.ts";

/** Memory charged for a range or an entry. */
const RANGE_BYTES = 64;
const MAX_RANGES = 65_536;

/** A machine for examples: a device with memory below the same switch as another device. */
export const SHARING_MACHINE = `machine {
  iommu { mode = strict }
  pci {
    root_port rp0 {
      switch sw0 { endpoint nic { } endpoint gpu { bar = 1MiB } }
    }
  }
}
`;

/** The argument for the shared parts of a BAR. */
export const RANGES = param.of(
  "ranges",
  "list",
  "Parts of the BAR, as offsets: a list of ranges such as `0B..8KiB`.",
  (value) => (value as ListValue).items,
);

/** Exports parts of a device's BAR. */
export function exportMemory(
  context: ExecutionContext,
  device: DeviceBase,
  bar: { readonly basePhys: PhysAddr; readonly sizeBytes: number } | null,
  items: readonly Value[],
): SharedMemory {
  if (bar === null) {
    throw new ValueError(
      `${device.name} has no BAR to export memory of`,
      "give it one: `bar = 1MiB`",
    );
  }
  if (items.length === 0 || items.length > MAX_RANGES) {
    throw new ValueError(`${device.name} cannot export ${items.length} ranges`, "from 1 to 65536");
  }
  context.chargeMemory(RANGE_BYTES * items.length);
  const ranges = items.map((item): SharedRange => {
    if (!(item instanceof RangeValue) || item.kind !== "int" && item.kind !== "size") {
      throw new ValueError("A part of a BAR is a range of offsets", "write it as `0B..8KiB`");
    }
    const { end, first } = item;
    if (first >= end || first < 0 || end > bar.sizeBytes) {
      throw new ValueError(
        `${device.name} has no bytes ${first} to ${end} in its BAR of ${formatSize(bar.sizeBytes)}`,
      );
    }
    if (first % 4096 !== 0 || end % 4096 !== 0) {
      throw new ValueError(
        `The range ${first} to ${end} is not made of whole pages`,
        "offsets are multiples of 4KiB",
      );
    }
    return { phys: bar.basePhys + first as PhysAddr, sizeBytes: end - first };
  });
  return new SharedMemory(context.lab, device, ranges);
}

const entryValue = ({ dma, sizeBytes }: SharedEntry): RecordValue =>
  new RecordValue(
    new Map<string, Value>([
      ["addr", new Quantity("dma", dma)],
      ["size", new Quantity("size", sizeBytes)],
    ]),
  );

export const SHARED_MEMORY: HandleType<SharedMemory> = {
  name: "dma_buf",
  doc: "Memory of a device's BAR that it exports: parts without pages, which importers attach.",
  fields: fieldsOf<SharedMemory>((f) => ({
    exporter: f.string("The device with the memory.", ({ exporter }) => exporter.name),
    size: f.size("Its total size.", ({ sizeBytes }) => sizeBytes),
    ranges: f.list(
      { phys: "phys", size: "size" },
      "Its parts: a list of { phys, size }.",
      ({ ranges }) => ranges.map(({ phys, sizeBytes }) => ({ phys, size: sizeBytes })),
    ),
    revoked: f.bool("The exporter has taken it back.", ({ revoked }) => revoked),
    attachments: f.int("Devices that have attached it.", ({ attachments }) => attachments.length),
    mapped: f.list(
      "string",
      "Names of the devices that have it mapped.",
      ({ mapped }) => mapped.map(({ importer }) => importer.name),
    ),
  })),
  format: ({ exporter, revoked, sizeBytes }) =>
    `${formatSize(sizeBytes)} of ${exporter.name}${revoked ? ", revoked" : ""}`,
  show: ({ attachments, exporter, ranges, revoked }) => [
    `dma-buf of ${exporter.name}${revoked ? ", revoked" : ""}`,
    ...ranges.map(({ phys, sizeBytes }) => `  ${formatSize(sizeBytes)} at ${formatAddress(phys)}`),
    ...attachments.map(({ entries, importer, kind }) =>
      `  ${importer.name}: ${kind}, ${
        entries === null
          ? "not mapped"
          : `mapped as ${formatCount(entries.length, "entry", "entries")}`
      }`
    ),
  ],
};

const method = methodsOf<SharedAttachment>();

export const SHARED_ATTACHMENT: HandleType<SharedAttachment> = {
  name: "dma_buf_attachment",
  doc: "A device that has attached a dma-buf, and may map it.",
  fields: fieldsOf<SharedAttachment>((f) => ({
    device: f.string("The importer.", ({ importer }) => importer.name),
    kind: f.word(
      "How it reaches the memory: bus_addr, thru_host_bridge or not_supported.",
      ({ kind }) => kind,
    ),
    mapped: f.bool("Whether it is mapped.", ({ entries }) => entries !== null),
    entries: f.list(
      { addr: "dma", size: "size" },
      "What is mapped: a list of { addr, size }; empty without a map.",
      ({ entries }) =>
        (entries ?? []).map(({ dma, sizeBytes }) => ({ addr: dma, size: sizeBytes })),
    ),
  })),
  methods: [
    method({
      name: "map",
      parameters: [DIR],
      result: "list",
      doc: "Maps all ranges for the importer; returns a list of { addr, size }. By bus addresses " +
        "below a common switch; through the host bridge one range of IOVAs, or without " +
        "translation a mapping for each range. On 7.3.4 the kernel links every range at offset 0.",
      example: `${SHARING_MACHINE}let shared = gpu.export(ranges: [0B..8KiB, 64KiB..68KiB])\n` +
        `let attached = nic.attach(shared)\n` +
        `assert attached.map(bidirectional).length == 2\nattached.unmap()`,
      raises: ["EINVAL", "ENODEV", "EADDRINUSE", "EEXIST", "ENOMEM", "EIO"],
      run(context, attachment, [dir]) {
        if (attachment.entries !== null) {
          throw new ValueError(
            `${attachment.importer.name} has the memory mapped already`,
            "unmap it first: `.unmap()`",
          );
        }
        const entries = attachment.map(dir);
        context.chargeMemory(RANGE_BYTES * entries.length);
        return entries.map(entryValue);
      },
    }),
    method({
      name: "unmap",
      parameters: [],
      doc: "Ends the map; does nothing without one.",
      example: `${SHARING_MACHINE}let attached = nic.attach(gpu.export(ranges: [0B..4KiB]))\n` +
        `attached.map(to_device)\nattached.unmap()\nassert not attached.mapped`,
      run(_context, attachment) {
        attachment.unmap();
      },
    }),
  ],
  format: ({ importer, kind, memory }) =>
    `${importer.name} with memory of ${memory.exporter.name} (${kind})`,
};
