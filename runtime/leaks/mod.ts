/** What other members use of `runtime/leaks`. */
export { LEAK_KINDS, type LeakKindEntry } from "./leak_kinds.ts";
export { Beginning, type Leftover } from "./leftovers.ts";
