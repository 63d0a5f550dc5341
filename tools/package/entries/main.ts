/** The command line, on Deno: what the launcher starts, or `deno install -g`. */
import { runMain } from "../../../cli/main.ts";

await runMain();
