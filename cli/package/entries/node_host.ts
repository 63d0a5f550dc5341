/** What stands for Deno on Node; see `cli/host.ts`. */
export * from "../../node/host.ts";
export * from "../../node/worker.ts";
