import { command } from "../command.ts";
import { limitsOf } from "../scenario/limit_options.ts";
import { LIMITS, SEED } from "./scenario_options.ts";

export const REPL = command({
  name: "repl",
  brief: "Type statements at a machine, step it, go back.",
  description:
    "Reads statements line by line and runs them on one machine. The prompt carries the " +
    "number of the last event and the virtual time. `:help` lists the commands. Lines may come " +
    "from a pipe; then the exit code is that of the worst, as with `dmalab run`. At a terminal it is 0.",
  argument: {
    placeholder: "FILE",
    doc: "a scenario to begin with: its machine, functions and statements, not its tests",
    completes: "scenarios",
    count: "maybe",
  },
  options: { seed: SEED, ...LIMITS },
  examples: [
    { line: "repl", doc: "a machine of 1 CPU and 4 GiB" },
    { line: "repl examples/start/02-hello-map.dma", doc: "the machine of a scenario" },
  ],
  async run({ words, options, screen }) {
    const { runTerminalRepl } = await import("../repl/terminal.ts");
    const limits = limitsOf((option) => options[option]);
    return await runTerminalRepl(words[0] ?? null, { seed: options.seed, limits }, screen);
  },
});
