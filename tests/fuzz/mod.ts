/** Other workspace members use these exports of `tests/fuzz`. */
export { damageListing } from "./mutations.ts";
export { readDamaged, traceCorpus } from "./trace_lines.ts";
