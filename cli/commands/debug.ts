import { command, flag, integer } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { readBranchOption } from "../read_branch.ts";
import { readMatches } from "../read_matches.ts";
import { limitsOf } from "@dmalab/lang/values";
import { runSettings } from "../scenario/run_settings.ts";
import { refuse } from "../print_error.ts";
import { BRANCH, LIMIT, MATCH, SCENARIOS, SEED, TREE_FOLDER, VERDICT } from "./scenario_options.ts";

export const DEBUG = command({
  name: "debug",
  brief: "Record a run of a scenario and step through it forwards and backwards.",
  description:
    "Records one test of a file, or its top-level statements, and steps through the recording with " +
    "the commands of the REPL: by event, statement or breakpoint, forwards and backwards. It opens " +
    "where the run failed, else at its start. On a terminal it fills the screen: source, events, " +
    "tables, watches and IOVAs follow each step, every key is a command, and ? lists the keys. If " +
    "several runs match, choose one from a list. With --plain, or with piped input, commands are " +
    "read line by line. Expressions are evaluated at the current position and cannot change the " +
    "recording. Exit codes: 0 success; 2 the file or a piped command has errors.",
  argument: { ...SCENARIOS, doc: "a scenario", count: "one" },
  options: {
    match: MATCH,
    run: integer("N", "run N of the list", { least: 1 }),
    plain: flag("read commands line by line, as from a pipe"),
    ...VERDICT,
    seed: SEED,
    branch: BRANCH,
    tree: TREE_FOLDER,
    limit: LIMIT,
  },
  examples: [
    { line: "debug examples/start/03-directions.dma", doc: "list its runs" },
    { line: "debug examples/start/03-directions.dma --run 1", doc: "step through the first" },
  ],
  may: { compiles: true, keeps: true, edits: true, here: "always" },
  async run({ words, options, screen }) {
    const match = await readMatches(options.match);
    if (typeof match === "string") return refuse(match, screen);
    const [path] = words;
    if (path === undefined) return WRONG;
    const { runDebug } = await import("../debug/run_debug.ts");
    const { lenient, plain, run, seed, tree } = options;
    const chosen = await readBranchOption(options.branch);
    if (typeof chosen === "string") return refuse(chosen, screen);
    const limits = limitsOf(options.limit);
    const record = runSettings({ ...chosen, lenient, limits, seed });
    return await runDebug(path, { match: match.matches, plain, run, record, tree }, screen);
  },
});
