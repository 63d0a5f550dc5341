/** The machine's IOMMU. */
import type { Machine } from "../../../runtime/machine.ts";
import type { IommuFault } from "../../../runtime/iommu/iommu.ts";
import { pad, PICTURE_COLUMNS, spread } from "../../render/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../render/numbers.ts";
import type { Value } from "../../vm/value.ts";
import { Word } from "../../vm/value.ts";
import {
  dma,
  duration,
  isThing,
  list,
  phys,
  record,
  size,
  toDma,
  toThing,
  word,
} from "../arguments.ts";
import { type MappedRun, mappedRuns } from "../mapped_runs.ts";
import type { TypeSpec } from "../spec.ts";
import { TRANSLATED_MACHINE } from "../calls/parameters.ts";
import { DEVICE } from "./device.ts";
import { MAPPING } from "./mapping.ts";

/** Ranges of a device in a picture before the rest is only counted. */
const SHOWN_RUNS = 8;

function faultValue(fault: IommuFault): Value {
  return record({
    device: fault.device,
    dma: fault.dma < 0 ? null : dma(fault.dma),
    access: word(fault.access),
    reason: word(fault.reason),
    at: duration(fault.atNs),
  });
}

function runValue(run: MappedRun): Value {
  return record({
    iova: dma(run.iova as Parameters<typeof dma>[0]),
    phys: phys(run.phys as Parameters<typeof phys>[0]),
    size: size(run.sizeBytes),
    prot: word(run.access),
    page_sizes: list(run.leafSizesBytes.map(size)),
  });
}

export const IOMMU: TypeSpec<Machine> = {
  name: "iommu",
  doc: "What translates the addresses of devices.",
  fields: [
    {
      name: "mode",
      kind: "word",
      doc: "What the machine block says: off, passthrough, strict or lazy.",
      get: (machine) => word(machine.iommu.mode),
    },
    {
      name: "granule",
      kind: "size",
      doc: "The smallest page it maps.",
      get: (machine) => size(machine.iommu.granuleBytes),
    },
    {
      name: "live_mappings",
      kind: "int",
      doc: "Streaming and two-step mappings that are live; coherent memory does not count.",
      get: (machine) => machine.iommu.liveMappings,
    },
    {
      name: "faults",
      kind: "list",
      doc: "Accesses that went nowhere: { device, dma, access, reason, at }.",
      get: (machine) => list(machine.iommu.faults.map(faultValue)),
    },
    {
      name: "pending_flushes",
      kind: "int",
      doc: "Ranges that wait in flush queues.",
      get: (machine) => machine.iommu.pendingFlushes,
    },
  ],
  methods: [
    {
      name: "translate",
      parameters: [
        { name: "device", kind: "@device", doc: "Whose address." },
        { name: "dma", kind: ["dma", "@mapping"], doc: "The address as the device sees it." },
      ],
      result: "phys",
      doc: "Asks the page table where an address leads: a physical address or none. No event, " +
        "and no cached translation: it says what is mapped now.",
      example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)
let m = dma_map_phys(ssd, buf, 4KiB, to_device)
assert iommu.translate(ssd, m.addr) == buf.phys
dma_unmap_phys(ssd, m, 4KiB, to_device)
assert iommu.translate(ssd, m.addr) == none`,
      run(_run, machine, [device, address]) {
        const { dma: dev } = toThing(device, DEVICE, "device");
        const from = isThing(address, MAPPING) ? address.target.addr : toDma(address, "dma");
        const found = machine.iommu.lookup(dev, from);
        return found < 0 ? null : phys(found as Parameters<typeof phys>[0]);
      },
    },
    {
      name: "page_table",
      parameters: [{ name: "device", kind: "@device", doc: "Whose table." }],
      result: "list",
      doc: "What the device's page table maps: runs of { iova, phys, size, prot, page_sizes }.",
      example: `${TRANSLATED_MACHINE}let before = iommu.page_table(ssd).length
let m = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)
assert iommu.page_table(ssd).length == before + 1
dma_unmap_phys(ssd, m, 4KiB, to_device)`,
      run(run, _machine, [device]) {
        const runs = mappedRuns(toThing(device, DEVICE, "device").dma);
        run.chargeMemory(256 * runs.length);
        return list(runs.map(runValue));
      },
    },
  ],
  format: (machine) =>
    `iommu ${machine.iommu.mode}, ${formatCount(machine.iommu.liveMappings, "live mapping")}`,
  show: iommuLines,
  // The mapping path is called `iommu` too, and so is this thing: `m.path == iommu`.
  equals: (machine, other) =>
    other instanceof Word
      ? other.name === "iommu"
      : isThing(other, IOMMU) && other.target === machine,
};

function iommuLines(machine: Machine): string[] {
  const { iommu, config } = machine;
  const facts = [
    `granule ${formatSize(iommu.granuleBytes)}`,
    `${config.iommu.addressBits} address bits`,
    `IOTLB ${iommu.iotlb.used} of ${formatCount(config.iommu.iotlbEntries, "entry", "entries")}`,
  ];
  const lines = [
    spread(`iommu ${config.iommu.model} ${iommu.mode}`, facts.join(", ")),
    "─".repeat(PICTURE_COLUMNS),
  ];
  if (iommu.domains.length === 0) {
    return [...lines, "  no device is translated: devices see physical addresses"];
  }
  for (const domain of iommu.domains) {
    const runs = mappedRuns(domain.device);
    const mappedBytes = runs.reduce((sum, run) => sum + run.sizeBytes, 0);
    lines.push(
      spread(
        `${domain.device.name}   ${domain.lazy ? "lazy" : "strict"}, ${
          formatCount(domain.device.mappings, "live mapping")
        }`,
        `${formatSize(mappedBytes)} mapped, ${formatCount(domain.table.tables, "table page")}`,
      ),
      ...runs.slice(0, SHOWN_RUNS).map(runLine),
    );
    const rest = runs.length - SHOWN_RUNS;
    if (rest > 0) lines.push(`${pad("⋮", 16, "right")}  ${rest} more`);
    if (domain.lazy) {
      lines.push(`  ${formatCount(domain.flushQueue?.pending ?? 0, "range")} wait for a flush`);
    }
  }
  if (iommu.faults.length > 0) lines.push(`  ${formatCount(iommu.faults.length, "fault")} so far`);
  return lines;
}

const ACCESS_SIGNS: Readonly<Record<string, string>> = {
  read: "r-",
  write: "-w",
  read_write: "rw",
};

function runLine(run: MappedRun): string {
  const leaves = run.leafSizesBytes.map(formatSize).join(" + ");
  return `  ${pad(formatAddress(run.iova), 16, "right")} ${
    pad(formatSize(run.sizeBytes), 8, "right")
  } ───► ${pad(formatAddress(run.phys), 16)} ${ACCESS_SIGNS[run.access]}  pages of ${leaves}${
    run.mmio ? ", mmio" : ""
  }`;
}
