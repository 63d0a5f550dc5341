/**
 * Every table that a recording of a lab can contain: the tables of the kernel, and those of each
 * kind of device. A reader of recordings loads this module, but no code of devices.
 */
import { type AnyTableSpec, type HistoryRow, RUNTIME_TABLES } from "@dmalab/runtime/recording";
import { NVME_TABLES } from "./nvme/recording/nvme_tables.ts";
import { RDMA_TABLES } from "./rdma/recording/rdma_tables.ts";
import type { DeviceWord } from "./registry.ts";
import { VFIO_TABLES } from "./vfio/recording/vfio_tables.ts";

/** The tables for each kind of device. */
const DEVICE_TABLES = {
  nvme: NVME_TABLES,
  endpoint: [],
  vfio: VFIO_TABLES,
  rdma: RDMA_TABLES,
} as const satisfies Readonly<Record<DeviceWord, readonly AnyTableSpec[]>>;

export const LAB_TABLES: readonly AnyTableSpec[] = [
  ...RUNTIME_TABLES,
  ...Object.values<readonly AnyTableSpec[]>(DEVICE_TABLES).flat(),
];

type LabTable =
  | (typeof RUNTIME_TABLES)[number]
  | (typeof DEVICE_TABLES)[keyof typeof DEVICE_TABLES][number];

/**
 * The fields of each table, by its name.
 * @internal
 */
export type TableFields = { readonly [S in LabTable as S["name"]]: S["fields"] };

/** The name of a table. */
export type LabTableName = keyof TableFields;

/** A row of a table, by the table's name. */
export type LabTableRow<T extends LabTableName = LabTableName> = HistoryRow<TableFields[T]>;
