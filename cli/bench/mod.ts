/** The benchmarks of `deno task bench`, in the order in which they run. */
import type { Benchmark } from "./benchmark.ts";
import { IOVA_PAIRS } from "./iova_pair.ts";
import { NVME_READ_OFF, NVME_READ_STRICT } from "./nvme_read.ts";
import { START_CHECKOUT, START_COLD } from "./start_cold.ts";

export const BENCHMARKS: readonly Benchmark[] = [
  START_COLD,
  START_CHECKOUT,
  ...IOVA_PAIRS,
  NVME_READ_OFF,
  NVME_READ_STRICT,
];
