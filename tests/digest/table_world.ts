/** The tables that pages, help and messages are made from, with every sentence and number of them. */
import { LAB_TABLES } from "../../devices/lab_tables.ts";
import { MALFORMED_COMMANDS } from "../../devices/nvme/malformed_commands.ts";
import { STATUS_CODES, STATUS_TYPES } from "../../devices/nvme/status_codes.ts";
import { CPU_SETTINGS } from "../../devices/pci/host_bridge.ts";
import { FUNCTION_SETTINGS } from "../../devices/pci/function_settings.ts";
import { PORT_KINDS } from "../../devices/pci/port_kinds.ts";
import { DEVICE_KINDS, DEVICES } from "../../devices/registry.ts";
import { DMA_ATTR } from "../../runtime/dma/attributes.ts";
import { REPORT_CLASSES } from "../../runtime/dma/checker/report_classes.ts";
import { BLK_STS, ERRNO } from "../../runtime/errno.ts";
import {
  CALL_TABLE,
  EVENT_NAMES,
  EVENT_TABLE,
  eventFields,
} from "../../runtime/event_vocabulary.ts";
import { FAULT_POINTS } from "../../runtime/faults.ts";
import { IOMMU_MODELS } from "../../runtime/iommu/iommu_models.ts";
import { KERNELS } from "../../runtime/kernels/kernels.ts";
import { QUIRKS } from "../../runtime/kernels/quirks.ts";
import { LEAK_KINDS } from "../../runtime/leaks/leak_kinds.ts";
import {
  IOMMU_SETTINGS,
  MACHINE_SETTINGS,
  RAM_SETTINGS,
  REGION_SETTINGS,
  SWIOTLB_SETTINGS,
} from "../../runtime/machine_config.ts";
import { nearestNames } from "../../runtime/nearest_names.ts";
import { LATENCY_PRESETS } from "../../runtime/time/latency_presets.ts";
import { LATENCY_SETTINGS } from "../../runtime/time/latencies.ts";
import { fieldText } from "../../runtime/vocabulary/fields.ts";
import type { Sink } from "./digest.ts";

const TABLES: Readonly<Record<string, unknown>> = {
  attributes: DMA_ATTR,
  blocks: [...DEVICES.blocks],
  calls: CALL_TABLE,
  cpu: CPU_SETTINGS,
  devices: DEVICE_KINDS,
  errno: ERRNO,
  events: EVENT_TABLE,
  faults: FAULT_POINTS,
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

export function tellTables(sink: Sink): void {
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
