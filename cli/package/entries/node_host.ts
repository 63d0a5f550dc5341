/** What stands for Deno on Node; see `cli/host.ts`. */
export * from "../../node_host.ts";
export * from "../../node_worker.ts";
