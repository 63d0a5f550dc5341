/** Deno's functions on Node; see `cli/host.ts`. */
export * from "../../node/host.ts";
export * from "../../node/worker.ts";
