/** Random cases of drivers and requests, for other members. */
export * from "./driver/mod.ts";
export * from "./requests/mod.ts";
