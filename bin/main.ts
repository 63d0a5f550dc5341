/**
 * `dmalab`: the command line, with its extensions.
 *
 *     deno task dmalab run examples/start/02-hello-map.dma
 */
import "./provide.ts";
import { runMain } from "@dmalab/cli/program";

await runMain();
