/** Every table that a recording of a lab can have: the kernel's, and those of each kind of device. */
import type { AnyTableSpec } from "../runtime/recording/fact_table_spec.ts";
import { RUNTIME_TABLES } from "../runtime/recording/tables/runtime_tables.ts";
import { DEVICE_KINDS } from "./registry.ts";

export const LAB_TABLES: readonly AnyTableSpec[] = [
  ...RUNTIME_TABLES,
  ...DEVICE_KINDS.flatMap(({ tables }) => tables),
];
