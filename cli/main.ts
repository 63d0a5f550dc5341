/**
 * `dmalab`: the command line.
 *
 *     deno task dmalab run examples/start/02-hello-map.dma
 */
import { runMain } from "./program.ts";

await runMain();
