/** Devices: the things that do DMA. */
import type { DeviceBase, LabDevice } from "@dmalab/devices";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { pairLines } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ScriptError, ValueError } from "../../values/script_error.ts";
import { isHandle } from "../arguments.ts";
import { deviceStory } from "../explain/device_story.ts";
import { readLedger } from "../ledger.ts";
import type { HandleType } from "../../values/spec.ts";
import { ledgerMapping } from "./dma/ledger_mapping.ts";
import { LIMITS, type LimitsTarget } from "./limits.ts";
import { MAPPING, type Mapping, WHERE } from "./dma/mapping.ts";
import { DIRECT_MACHINE } from "../calls/example_machines.ts";
import { methodsOf } from "../describe/builtin.ts";
import { fieldsOf } from "../describe/fields.ts";
import { param } from "../describe/parameters.ts";
import type { Bytes, DmaAddr } from "@dmalab/runtime";
import { ITEM_BYTES } from "../../values/limits.ts";
import { describeValue } from "../../values/operators.ts";
import { ListValue, Quantity, RecordValue, type Value } from "../../values/value.ts";
import { IOVA_STATE } from "./dma/iova_state.ts";
import { SCATTERLIST } from "./dma/scatterlist.ts";
import { SHARED_ATTACHMENT, SHARED_MEMORY, SHARING_MACHINE } from "./pci/shared_memory.ts";

function translationText(device: DmaDevice): string {
  if (device.domain === null) {
    return device.rangeMap === null
      ? "none, it sees physical addresses"
      : "none, it sees bus addresses by its ranges";
  }
  if (device.domain.isUsers) return "IOMMU, by what the user of its group maps";
  return device.domain.lazy ? "IOMMU, lazy" : "IOMMU, strict";
}

function limitsOf(given: DeviceBase): LimitsTarget {
  // The kind of an added device may be none of the kinds of `LabDevice`.
  const device = given as LabDevice;
  if (device.kind !== "nvme") {
    throw new ScriptError(
      "E0914",
      `${device.name} has no limits: only disks have queues that bios are split for`,
    );
  }
  return { limits: device.disk.limits, device: device.name };
}

function liveMappings(device: DeviceBase, context: ExecutionContext): Mapping[] {
  const live = readLedger(context.recorder.events, context).filter((entry) =>
    entry.ended === null && entry.device === device.name
  );
  context.chargeMemory(64 * live.length);
  return live.map(ledgerMapping);
}

const RANGES = param.any(
  "ranges",
  "The DMA ranges that a driver's map returned: an iova_state, a mapping, a scatterlist, { " +
    "addr, size }, a list of these, or a record with one of them as `sees`.",
);

const method = methodsOf<DeviceBase>();

/** The type of any device: the type of each kind extends it. */
export const DEVICE: HandleType<DeviceBase> = {
  name: "device",
  doc: "A device that does DMA, under the name of its block in the machine.",
  gone: {
    iommu: "the machine has one IOMMU: `iommu.live_mappings`; the device's own mappings are " +
      "`.mappings`, and `iommu.page_table(device)` what its page table maps",
    swiotlb: "the machine has one pool: `swiotlb.used`",
    pci: "its place on the bus is `.address`",
  },
  fields: fieldsOf<DeviceBase>((f) => ({
    name: f.string("Its name.", (device) => device.name),
    dma_mask_bits: f.int("How many address bits it can drive.", (device) => device.dma.maskBits),
    coherent: f.bool("Its DMA is coherent with the CPU's caches.", (device) => device.dma.coherent),
    untrusted: f.bool(
      "It is untrusted: always translated, in strict mode, whatever the machine block says.",
      (device) => device.dma.untrusted,
    ),
    iommu_mode: f.word(
      "The translation mode in effect: off, passthrough, strict or lazy.",
      (device, context) => context.lab.machine.iommu.modeOf(device.dma),
    ),
    limits: f.of(LIMITS, "Limits of its queues.", limitsOf),
    mappings: f.list(
      MAPPING,
      "Its live mappings, links of the two-step API included, oldest first.",
      liveMappings,
    ),
    live_mappings: f.int(
      "How many mappings are live; those of a request that needs no unmap until the driver is " +
        "through with it. Counted also while no events are recorded.",
      (device) => device.dma.mappings,
    ),
    address: f.string(
      "Its place on the PCI bus: bus, device and function.",
      (device) => String(device.function.address),
    ),
  })),
  methods: [
    method({
      name: "attach",
      parameters: [param.handle("shared", SHARED_MEMORY, "Memory that another device exports.")],
      result: SHARED_ATTACHMENT,
      doc: "Attaches a dma-buf as its importer: it may be mapped from here on.",
      example: `${SHARING_MACHINE}let attached = nic.attach(gpu.export(ranges: [0B..8KiB]))\n` +
        `assert attached.kind == bus_addr`,
      raises: ["ENODEV"],
      run: (_context, device, [shared]) => shared.attach(device),
    }),
    method({
      name: "dma_read",
      parameters: [
        WHERE,
        param.size("size", "How many bytes."),
      ],
      result: "bytes",
      doc: "The device reads memory, through the IOMMU if there is one. Returns none on a fault, " +
        "and while its driver in C has bus mastering switched off.",
      example: `${DIRECT_MACHINE}let buf = buffer(size: 4KiB, fill: counting)\n` +
        `let m = dma_map_phys(ssd, buf, 4KiB, to_device)\n` +
        `assert ssd.dma_read(m.addr + 2B, 2B) == bytes"02 03"\n` +
        `dma_unmap_phys(ssd, m, 4KiB, to_device)`,
      run(context, device, [address, sizeBytes]) {
        if (device.dma.busMaster === false) return null;
        context.chargeMemory(sizeBytes);
        const bytes = new Uint8Array(sizeBytes);
        return context.lab.machine.bus.read(device.dma, address, bytes, 0, sizeBytes)
          ? bytes
          : null;
      },
    }),
    method({
      name: "dma_write",
      parameters: [
        WHERE,
        param.bytes("bytes", "What it writes."),
      ],
      result: "bool",
      doc:
        "The device writes memory, through the IOMMU if there is one. Returns false, with nothing written, " +
        "on a fault, and while its driver in C has bus mastering switched off.",
      example: `${DIRECT_MACHINE}let buf = alloc_pages(1)\n` +
        `let m = dma_map_phys(ssd, buf, 4KiB, from_device)\n` +
        `assert ssd.dma_write(m.addr, bytes"01 02")\n` +
        `dma_unmap_phys(ssd, m, 4KiB, from_device)\nassert buf[1] == 2`,
      run(context, device, [address, bytes]) {
        if (device.dma.busMaster === false) return false;
        const written = context.lab.machine.bus.write(device.dma, address, bytes, 0, bytes.length);
        if (written) device.onDmaWrite?.(address, bytes.length);
        return written;
      },
    }),
    method({
      name: "gather",
      parameters: [RANGES],
      result: "bytes",
      doc: "The device reads a whole buffer from the DMA ranges that its driver passed, range " +
        "after range. Returns none on a fault.",
      example: `${DIRECT_MACHINE}let buf = buffer(size: 8KiB, fill: counting)\n` +
        `let m = dma_map_phys(ssd, buf, 8KiB, to_device)\nassert ssd.gather(m) == buf.bytes\n` +
        `let ranges = [{ addr: m.addr + 4B, size: 2B }, { addr: m.addr, size: 1B }]\nassert ssd.gather(ranges) ==\n` +
        `  bytes"04 05 00"\ndma_unmap_phys(ssd, m, 8KiB, to_device)`,
      run(context, device, [handle]) {
        const ranges = dmaRanges(handle);
        const bytes = new Uint8Array(rangeBytes(ranges, context));
        let at = 0;
        for (const { dma, sizeBytes } of ranges) {
          if (!context.lab.machine.bus.read(device.dma, dma, bytes, at, sizeBytes)) return null;
          at += sizeBytes;
        }
        return bytes;
      },
    }),
    method({
      name: "scatter",
      parameters: [RANGES, param.bytes("bytes", "What it writes: as many bytes as there is room.")],
      result: "bool",
      doc: "The device writes a whole buffer to the DMA ranges that its driver passed, range " +
        "after range. Returns false on a fault, with the ranges before it written.",
      example: `${DIRECT_MACHINE}let buf = alloc_pages(1)\n` +
        `let m = dma_map_phys(ssd, buf, 4B, from_device)\n` +
        `assert ssd.scatter(m, bytes"01 02 03 04")\n` +
        `dma_unmap_phys(ssd, m, 4B, from_device)\nassert buf[3] == 4`,
      run(context, device, [handle, bytes]) {
        const ranges = dmaRanges(handle);
        const roomBytes = rangeBytes(ranges, context);
        if (roomBytes !== bytes.length) {
          throw new ValueError(
            `Cannot write ${formatSize(bytes.length)}: the DMA ranges hold ${
              formatSize(roomBytes)
            }`,
          );
        }
        let at = 0;
        for (const { dma, sizeBytes } of ranges) {
          if (!context.lab.machine.bus.write(device.dma, dma, bytes, at, sizeBytes)) return false;
          device.onDmaWrite?.(dma, sizeBytes);
          at += sizeBytes;
        }
        return true;
      },
    }),
  ],
  format: (device) => `${device.kind} ${device.name}`,
  show: (device) => deviceLines(device),
  explain: (device, context) =>
    deviceStory(device, `${device.kind} ${device.name} at ${device.function.address}`, context),
  // Requests, mappings and events contain their device's name: `req.device == ssd` compares with
  // that name.
  equals: (device, other) =>
    other === device.name || isHandle(other, DEVICE) && other.target === device,
};

/**
 * A device as `name  value` lines, with the lines of its kind.
 * @param state What the head of the lines says of it; "live" says nothing.
 */
export function deviceLines(
  device: DeviceBase,
  more: readonly (readonly [string, string])[] = [],
  state: string = device.dma.refusal === "device_gone" ? "removed" : "live",
): string[] {
  const { dma } = device;
  return [
    `${device.kind} ${device.name} at ${device.function.address}${
      state === "live" ? "" : `, ${state}`
    }`,
    ...pairLines([
      ["mask", `${dma.maskBits} bits, last address ${formatAddress(dma.lastAddress)}`],
      ["translation", translationText(dma)],
      ["coherent", dma.coherent ? "yes" : "no"],
      ["trusted", dma.untrusted ? "no" : "yes"],
      ["mappings", formatCount(dma.mappings, "live mapping")],
      ...more,
    ]),
  ];
}

/** A range of device addresses. */
export interface ScriptDmaRange {
  readonly dma: DmaAddr;
  readonly sizeBytes: Bytes;
}

/**
 * The device addresses of a buffer's bytes, as ranges in order.
 *
 * @param value A range of the two-step API, a mapping, a mapped scatterlist, a record with `addr`
 *   and `size`, a list of these, or a record with one of these as its entry `sees`.
 * @throws {ScriptError} E0919 when the value contains no device address.
 */
export function dmaRanges(value: Value): readonly ScriptDmaRange[] {
  const ranges: ScriptDmaRange[] = [];
  collect(value, ranges);
  return ranges;
}

function collect(value: Value, ranges: ScriptDmaRange[]): void {
  if (isHandle(value, IOVA_STATE)) {
    const { addr, sizeBytes } = value.target.state;
    if (sizeBytes > 0) ranges.push({ dma: addr, sizeBytes });
  } else if (isHandle(value, MAPPING)) {
    const { addr, sizeBytes } = value.target;
    if (addr < 0) throw noPlace("the error value of a failed map");
    ranges.push({ dma: addr, sizeBytes });
  } else if (isHandle(value, SCATTERLIST)) {
    for (const { dma, sizeBytes } of value.target.list.mapped()) ranges.push({ dma, sizeBytes });
  } else if (value instanceof ListValue) {
    for (const item of value.items) collect(item, ranges);
  } else if (value instanceof RecordValue) collectRecord(value, ranges);
  else throw noPlace(describeValue(value));
}

function collectRecord(value: RecordValue, ranges: ScriptDmaRange[]): void {
  const sees = value.entries.get("sees");
  if (sees !== undefined) return collect(sees, ranges);
  const addr = value.entries.get("addr");
  const size = value.entries.get("size");
  if (addr instanceof Quantity && addr.kind === "dma" && size instanceof Quantity) {
    ranges.push({ dma: addr.value as DmaAddr, sizeBytes: size.value });
  } else throw noPlace(describeValue(value));
}

function noPlace(what: string): ScriptError {
  return new ValueError(
    `Expected DMA ranges, found ${what}`,
    "an iova_state, a mapping, a scatterlist, { addr, size }, a list of these, or a record with " +
      "one of them as `sees`",
  );
}

/**
 * The total length of ranges in bytes. Charges the memory for these bytes to the run, before the
 * caller reads or writes the ranges.
 */
function rangeBytes(ranges: readonly ScriptDmaRange[], context: ExecutionContext): Bytes {
  const sizeBytes = ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
  context.chargeMemory(sizeBytes + ITEM_BYTES * ranges.length);
  return sizeBytes;
}
