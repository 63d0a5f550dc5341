import { command } from "../command.ts";
import { limitsOf } from "@dmalab/lang/values";
import { LIMIT, SCENARIOS, SEED } from "./scenario_options.ts";

export const REPL = command({
  name: "repl",
  brief: "Run statements interactively; step the machine forwards and backwards.",
  description:
    "Reads statements line by line and runs them on one machine. The prompt shows the number of " +
    "the last event and the virtual time. `:help` lists the commands. With piped input the exit " +
    "code is that of the most severe error, as for `dmalab run`; at a terminal it is 0.",
  argument: {
    ...SCENARIOS,
    doc: "a scenario to load first: its machine, functions and statements, not its tests",
    count: "maybe",
  },
  options: { seed: SEED, limit: LIMIT },
  examples: [
    { line: "repl", doc: "a machine of 1 CPU and 4 GiB" },
    { line: "repl examples/start/02-hello-map.dma", doc: "the machine of a scenario" },
  ],
  may: { compiles: true, keeps: true, edits: true, here: "always" },
  async run({ words, options, screen }) {
    const { runTerminalRepl } = await import("../repl/terminal.ts");
    const limits = limitsOf(options.limit);
    return await runTerminalRepl(words[0] ?? null, { seed: options.seed, limits }, screen);
  },
});
