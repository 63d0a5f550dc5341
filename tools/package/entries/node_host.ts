/** Deno's functions on Node; see `cli/host.ts`. */
export * from "../../../cli/node/host.ts";
export * from "../../../cli/node/worker.ts";
