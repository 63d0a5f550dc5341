/** The tables that pages, help and messages are made from, with every sentence and number of them. */
import { DEVICE_KINDS, DEVICES, LAB_TABLES } from "@dmalab/devices";
import { MALFORMED_COMMANDS, STATUS_CODES, STATUS_TYPES } from "@dmalab/devices/nvme";
import { CPU_SETTINGS, FUNCTION_SETTINGS, PORT_KINDS } from "@dmalab/devices/pci";
import { DMA_ATTR, REPORT_CLASSES } from "@dmalab/runtime/dma";
import {
  BLK_STS,
  CALL_TABLE,
  ERRNO,
  EVENT_NAMES,
  EVENT_TABLE,
  eventFields,
  INJECTION_POINTS,
  IOMMU_SETTINGS,
  MACHINE_SETTINGS,
  RAM_SETTINGS,
  REGION_SETTINGS,
  SWIOTLB_SETTINGS,
} from "@dmalab/runtime";
import { nearestNames } from "@dmalab/runtime/nearest_names";
import { IOMMU_MODELS } from "@dmalab/runtime/iommu";
import { KERNELS, QUIRKS } from "@dmalab/runtime/kernels";
import { LEAK_KINDS } from "@dmalab/runtime/leaks";
import { LATENCY_PRESETS, LATENCY_SETTINGS } from "@dmalab/runtime/time";
import { fieldText } from "@dmalab/runtime/vocabulary";
import type { Sink } from "./digest.ts";

const TABLES: Readonly<Record<string, unknown>> = {
  attributes: DMA_ATTR,
  blocks: [...DEVICES.blocks],
  calls: CALL_TABLE,
  cpu: CPU_SETTINGS,
  devices: DEVICE_KINDS,
  errno: ERRNO,
  events: EVENT_TABLE,
  faults: INJECTION_POINTS,
  functions: FUNCTION_SETTINGS,
  iommu: IOMMU_SETTINGS,
  kernels: KERNELS,
  leaks: LEAK_KINDS,
  machine: MACHINE_SETTINGS,
  malformed: MALFORMED_COMMANDS,
  models: IOMMU_MODELS,
  ports: PORT_KINDS,
  presets: LATENCY_PRESETS,
  latencies: LATENCY_SETTINGS,
  quirks: QUIRKS,
  ram: RAM_SETTINGS,
  recordings: LAB_TABLES,
  regions: REGION_SETTINGS,
  reports: REPORT_CLASSES,
  root: DEVICES.rootHolds,
  statuses: [STATUS_TYPES, STATUS_CODES, BLK_STS],
  swiotlb: SWIOTLB_SETTINGS,
};

/** Sets, maps and large numbers, which JSON has not; of functions that there are some. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Set || value instanceof Map) return [...value];
  return typeof value === "function" ? "a function" : value;
}

export function emitTables(sink: Sink): void {
  for (const [name, table] of Object.entries(TABLES)) {
    for (const [key, row] of Object.entries(table as object)) {
      sink(`${name} ${key}: ${JSON.stringify(row, plain)}`);
    }
  }
  for (const name of EVENT_NAMES) {
    for (const [field, each] of Object.entries(eventFields(name))) {
      sink(`${name} ${field}: ${fieldText(each)}`);
    }
  }
  // Names with a slip each: what is offered instead.
  for (const [index, name] of EVENT_NAMES.entries()) {
    const at = 1 + index % (name.length - 1);
    const other = EVENT_NAMES[(index * 7) % EVENT_NAMES.length]!;
    const slips = [
      name.slice(0, at) + name.slice(at + 1),
      `${name.slice(0, at)}x${name.slice(at)}`,
      name.slice(0, at - 1) + name[at] + name[at - 1] + name.slice(at + 1),
      name.slice(0, at) + other.slice(at),
    ];
    for (const slip of slips) sink(`${slip}: ${nearestNames(slip, EVENT_NAMES)}`);
  }
}
