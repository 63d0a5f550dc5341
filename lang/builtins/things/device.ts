/** Devices: what does DMA. */
import type { LabDevice } from "../../../devices/lab.ts";
import type { DmaDevice } from "../../../runtime/dma/device/device.ts";
import { pairLines } from "../../text/columns.ts";
import { formatAddress, formatCount } from "../../text/numbers.ts";
import type { Run } from "../../values/run.ts";
import { ScriptError } from "../../values/script_error.ts";
import { BytesValue, type Value } from "../../values/value.ts";
import { isThing, list, thing, toDma, toSize, word } from "../arguments.ts";
import { deviceStory } from "../explain/device_story.ts";
import { readLedger } from "../ledger.ts";
import type { TypeSpec } from "../../values/spec.ts";
import { ledgerMapping } from "./dma/ledger_mapping.ts";
import { LIMITS } from "./limits.ts";
import { MAPPING } from "./dma/mapping.ts";
import { DIRECT_MACHINE } from "../calls/example_machines.ts";

/** The translation a device has, in a few words. */
function translationText(device: DmaDevice): string {
  if (device.domain === null) return "none, it sees physical addresses";
  return device.domain.lazy ? "IOMMU, lazy" : "IOMMU, strict";
}

function limitsOf(device: LabDevice): Value {
  if (device.kind !== "nvme") {
    throw new ScriptError(
      "E0914",
      `${device.name} has no limits: only disks have queues that requests are cut for`,
    );
  }
  return thing(LIMITS, { limits: device.disk.limits, device: device.name });
}

/** Live mappings, read out of the events. */
export function liveMappings(device: LabDevice, run: Run): Value {
  const live = readLedger(run.recorder.events).filter((entry) =>
    entry.died === null && entry.device === device.name
  );
  run.chargeMemory(64 * live.length);
  return list(live.map((entry) => thing(MAPPING, ledgerMapping(entry))));
}

export const DEVICE: TypeSpec<LabDevice> = {
  name: "device",
  doc: "Something that does DMA. Its block's name in the machine is its name here.",
  fields: [
    { name: "name", kind: "string", doc: "Its name.", get: (device) => device.name },
    {
      name: "dma_mask_bits",
      kind: "int",
      doc: "How many address bits it can drive.",
      get: (device) => device.dma.maskBits,
    },
    {
      name: "coherent",
      kind: "bool",
      doc: "It sees the CPU's caches.",
      get: (device) => device.dma.coherent,
    },
    {
      name: "untrusted",
      kind: "bool",
      doc: "It is translated and strict whatever the machine says.",
      get: (device) => device.dma.untrusted,
    },
    {
      name: "iommu_mode",
      kind: "word",
      doc: "How it is really translated, whatever was asked for: off, passthrough, strict or lazy.",
      get: (device, run) => word(run.lab.machine.iommu.modeOf(device.dma)),
    },
    {
      name: "limits",
      kind: "@limits",
      doc: "What its queues take.",
      get: limitsOf,
    },
    {
      name: "mappings",
      kind: "list",
      of: "@mapping",
      doc: "Its live mappings, those of the two-step API included, oldest first.",
      get: liveMappings,
    },
    {
      name: "live_mappings",
      kind: "int",
      doc: "How many mappings it has; also counted while no events are kept.",
      get: (device) => device.dma.mappings,
    },
    {
      name: "address",
      kind: "string",
      doc: "Its place on the PCI bus: bus, device and function.",
      get: (device) => String(device.function.address),
    },
  ],
  methods: [
    {
      name: "dma_read",
      parameters: [
        { name: "dma", kind: ["dma", "@mapping"], doc: "Where, as the device sees it." },
        { name: "size", kind: "size", doc: "How many bytes." },
      ],
      result: "bytes",
      doc: "The device reads memory, through the IOMMU if there is one. A fault gives none.",
      example: `${DIRECT_MACHINE}let buf = buffer(size: 4KiB, fill: counting)\n` +
        `let m = dma_map_phys(ssd, buf, 4KiB, to_device)\n` +
        `assert ssd.dma_read(m.addr + 2B, 2B) == bytes"02 03"\n` +
        `dma_unmap_phys(ssd, m, 4KiB, to_device)`,
      run(run, device, [where, length]) {
        const sizeBytes = toSize(length, "size");
        run.chargeMemory(sizeBytes);
        const bytes = new Uint8Array(sizeBytes);
        const address = isThing(where, MAPPING) ? where.target.addr : toDma(where, "dma");
        return run.lab.machine.bus.read(device.dma, address, bytes, 0, sizeBytes)
          ? new BytesValue(bytes)
          : null;
      },
    },
    {
      name: "dma_write",
      parameters: [
        { name: "dma", kind: ["dma", "@mapping"], doc: "Where, as the device sees it." },
        { name: "bytes", kind: "bytes", doc: "What it writes." },
      ],
      result: "bool",
      doc: "The device writes memory, through the IOMMU if there is one. A fault changes nothing " +
        "and gives false.",
      example: `${DIRECT_MACHINE}let buf = alloc_pages(1)\n` +
        `let m = dma_map_phys(ssd, buf, 4KiB, from_device)\n` +
        `assert ssd.dma_write(m.addr, bytes"01 02")\n` +
        `dma_unmap_phys(ssd, m, 4KiB, from_device)\nassert buf[1] == 2`,
      run(run, device, [where, content]) {
        const { bytes } = content as BytesValue;
        const address = isThing(where, MAPPING) ? where.target.addr : toDma(where, "dma");
        const written = run.lab.machine.bus.write(device.dma, address, bytes, 0, bytes.length);
        if (written) device.onDmaWrite?.(address, bytes.length);
        return written;
      },
    },
  ],
  format: (device) => `${device.kind} ${device.name}`,
  show: (device) => deviceLines(device),
  explain: (device, run) =>
    deviceStory(device, `${device.kind} ${device.name} at ${device.function.address}`, run),
  // Requests, mappings and events carry their device's name: `req.device == ssd` means it.
  equals: (device, other) =>
    other === device.name || isThing(other, DEVICE) && other.target === device,
};

/** A device as `name  value` lines, with what its own kind adds. */
export function deviceLines(
  device: LabDevice,
  more: readonly (readonly [string, string])[] = [],
): string[] {
  const { dma } = device;
  return [
    `${device.kind} ${device.name} at ${device.function.address}`,
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
