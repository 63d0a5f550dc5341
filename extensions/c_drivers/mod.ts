/**
 * Drivers in C that run on a machine: the module's memory, the kernel functions that it calls, the checks in its code.
 *
 * State: a `CDriver` owns its module's memory on one machine. Hot: a call from C to the kernel
 * (`call_entry.ts`), which `deno task bench c.` measures. Proof: `tests/c_*_test.ts`, and planted
 * bugs with the messages that report them.
 *
 * Other workspace members use these exports:
 */
export { PAGE_STRUCT_BYTES, TREE_PAGE_MAP } from "./c_addresses.ts";
export { CPlaces } from "./c_locations.ts";
export * from "./compiler/mod.ts";
export { type FirstReport, NO_REPORT, reportOfMany } from "./out_of_tree/first_reports.ts";
