/** Every table that a recording of a lab can have: the kernel's, and those of each kind of device. */
import type { AnyTableSpec } from "../runtime/recording/fact_table.ts";
import { RUNTIME_TABLES } from "../runtime/recording/tables/runtime_tables.ts";
import { NVME_TABLES } from "./nvme/recording/nvme_tables.ts";
import { RDMA_TABLES } from "./rdma/recording/rdma_tables.ts";
import { VFIO_TABLES } from "./vfio/recording/vfio_tables.ts";

export const LAB_TABLES: readonly AnyTableSpec[] = [
  ...RUNTIME_TABLES,
  ...NVME_TABLES,
  ...RDMA_TABLES,
  ...VFIO_TABLES,
];
