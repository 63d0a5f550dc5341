/** The tables of the kernel side, which every machine has. */
import type { AnyTableSpec } from "../history_table_spec.ts";
import { FLUSH_QUEUE } from "./flush_queue.ts";
import { HELD_TABLES } from "./held.ts";
import { INCIDENTS } from "./incidents.ts";
import { IOVA } from "./iova.ts";
import { MAPPINGS } from "./mappings.ts";
import { PAGE_TABLE } from "./page_table.ts";
import { SWIOTLB } from "./swiotlb.ts";

export const RUNTIME_TABLES = [
  PAGE_TABLE,
  IOVA,
  FLUSH_QUEUE,
  MAPPINGS,
  SWIOTLB,
  ...HELD_TABLES,
  INCIDENTS,
] as const satisfies readonly AnyTableSpec[];
