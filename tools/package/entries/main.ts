/** The command line, on Deno: what the launcher starts, or `deno install -g`. */
import { runMain } from "@dmalab/cli/program";

await runMain();
