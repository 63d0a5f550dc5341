/** Random cases of drivers and requests. Other workspace members use these exports. */
export * from "./cases/mod.ts";
export * from "./driver/mod.ts";
export * from "./requests/mod.ts";
