/** What hunts draw, for other members: runs of drivers and requests. */
export * from "./driver/mod.ts";
export * from "./requests/mod.ts";
