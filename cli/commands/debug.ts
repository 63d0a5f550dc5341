import { command } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { readMatches } from "../name_match.ts";
import { allLimits, limitsOf } from "../scenario/limit_options.ts";
import { refuse } from "../screen.ts";
import { LIMITS, MATCH, SEED, STRICT } from "./scenario_options.ts";

export const DEBUG = command({
  name: "debug",
  brief: "Go through a run of a scenario, both ways.",
  description:
    "Runs one test of a file, or the statements at its top, and goes through what happened by the " +
    "commands of the REPL: by event, statement or breakpoint, forwards and backwards. It begins " +
    "where the run failed, or at its start. On a terminal it fills the screen: source, events, " +
    "tables, watches and IO addresses follow each move, every key is a command, and ? lists the " +
    "keys. Where the file has several runs that are meant, one is chosen from a list. With --plain, " +
    "or from a pipe, the same commands are lines, and the runs are listed. An expression is told as " +
    "it was there; nothing that is asked changes the run. Exit code 0; 2: the file, or a line from a pipe, is wrong.",
  argument: {
    placeholder: "FILE",
    doc: "a scenario",
    completes: "scenarios",
    count: "one",
  },
  options: {
    match: MATCH,
    run: {
      kind: "integer",
      least: 1,
      placeholder: "N",
      doc: "the N-th of the runs that are listed",
    },
    plain: { kind: "flag", doc: "line by line, as from a pipe" },
    strict: STRICT,
    seed: SEED,
    ...LIMITS,
  },
  examples: [
    { line: "debug examples/start/03-directions.dma", doc: "lists its runs" },
    { line: "debug examples/start/03-directions.dma --run 1", doc: "goes through the first" },
  ],
  async run({ words, options, screen }) {
    const match = readMatches(options.match);
    if (typeof match === "string") return refuse(match, screen);
    const [path] = words;
    if (path === undefined) return WRONG;
    const { runDebug } = await import("../debug/run_debug.ts");
    const { plain, run, seed, strict } = options;
    const limits = allLimits(limitsOf((option) => options[option]));
    const record = { limits, strict, ...seed === null ? {} : { seed } };
    return await runDebug(path, { match: match.matches, plain, run, record }, screen);
  },
});
