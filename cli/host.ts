/**
 * The host: Deno, or on Node what gives the same. All of `cli/` that users get asks it here.
 *
 * What only Node needs is loaded only there: `deno run scenario.dma` waits for every module.
 */
export const host: typeof Deno = "Deno" in globalThis
  ? Deno
  : (await import("./node_host.ts")).NODE_HOST;
