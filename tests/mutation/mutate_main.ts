/**
 * `deno task script mutate`: makes small changes in `runtime/` and `devices/`, and tries each change
 * with the tests that reach it; `--help` lists the options.
 *
 * Without a sample, every change of the chosen files is tried. The task prints surviving changes with
 * their places, and then the score by file. With a file of results, an interrupted run can be
 * continued.
 */
import { command, flag, integer, type Invocation, text } from "@dmalab/cli/extend";
import { HELD, WRONG } from "@dmalab/cli/exit_code";
import { isLong } from "../running/sizes.ts";
import { ROOT, SOURCE_FOLDERS } from "../source_text.ts";
import { runTask } from "@dmalab/tools";
import { findCandidates } from "./candidates.ts";
import { mutate, type Result, type Stage } from "./mutate.ts";
import { keyOf, NEAREST, others, sample } from "./plan.ts";
import { ResultFile } from "./record.ts";
import { FIRST, mutableFiles, nearestTestFiles, otherTestFiles } from "./tree.ts";
import { Judged, Score, scoreText } from "./verdict.ts";

const OPTIONS = {
  file: text("PATH", "Change this file or the files of this folder only."),
  sample: integer("N", "Try N changes drawn at random instead of all."),
  seed: integer("S", "Draw another sample (1)."),
  seconds: integer("N", "Stop after N seconds."),
  jobs: integer("N", "Run N processes (one for each processor).", { least: 1 }),
  results: text("FILE", "Keep results in FILE, and continue from them."),
  short: flag("Use the tests of the short suite only."),
  nearest: flag("Use the tests beside the changed sources only."),
  tests: text("PATH,…", "Use these test files only."),
  others: text("PATH,…", "After the nearest tests, use these files only."),
  thorough: flag("Run every test that reaches a change, however long it takes."),
} as const;

type Options = Invocation<typeof OPTIONS>["options"];

/** Thrown if the command line names something that does not exist. */
class Wrong extends Error {}

/** The files to change: one file, the files of a folder, or all. */
function chosenFiles({ file }: Options): string[] {
  const wanted = file?.replace(/^\.\//, "").replace(/\/$/, "");
  const files = mutableFiles(ROOT);
  if (wanted === undefined) return files;
  const chosen = files.filter((path) => path === wanted || path.startsWith(`${wanted}/`));
  if (chosen.length === 0) throw new Wrong(`There is no source "${wanted}" to change`);
  return chosen;
}

function testFiles(name: "tests" | "others", options: Options): string[] | undefined {
  const paths = options[name]?.split(",");
  const known = new Set([...nearestTestFiles(ROOT), ...otherTestFiles(ROOT)]);
  const wrong = paths?.find((path) => !known.has(path));
  if (wrong !== undefined) throw new Wrong(`--${name}: There is no test file "${wrong}"`);
  return paths;
}

/** The stages: first the nearest tests, then the suite's other tests unless they are excluded. */
function stages(options: Options): Stage[] {
  const chosen = testFiles("tests", options);
  const nearest: Stage = {
    name: chosen === undefined ? "nearest" : "chosen",
    testFiles: chosen ?? nearestTestFiles(ROOT),
    choice: NEAREST,
    confirmAtLoad: false,
  };
  if (chosen !== undefined || options.nearest) return [nearest];
  const more = testFiles("others", options) ??
    otherTestFiles(ROOT).filter((path) => !(options.short && isLong(path)));
  const choice = others(FIRST);
  return [nearest, { name: "others", testFiles: more, choice, confirmAtLoad: true }];
}

async function run(options: Options): Promise<void> {
  const start = performance.now();
  const took = () => `${((performance.now() - start) / 1000).toFixed(0)} s`;
  const seed = options.seed ?? 1;
  const all = findCandidates(ROOT, chosenFiles(options));
  const tried = stages(options);
  const judged = new Judged();
  for (const entry of judged.stale(all)) console.log(`stale line of judged.txt: ${entry}`);
  const drawn = sample(all, options.sample ?? all.length, seed);
  const file = options.results === null
    ? null
    : new ResultFile(options.results, ROOT, [...SOURCE_FOLDERS, "tests"], options.short);
  const score = new Score();
  let done = 0;

  function take(result: Result): void {
    const { candidate, fate, stage } = result;
    score.add(candidate.path, fate, stage);
    done++;
    if (fate !== "killed") {
      console.log(`${candidate.path}:${candidate.line}: ${fate}\n  ${keyOf(candidate)}`);
    }
    if (done % 100 === 0) {
      console.log(
        `${done} of ${drawn.length} changes, ${scoreText(score.all)} noticed, ${took()}`,
      );
    }
  }

  const open = drawn.filter((candidate) => {
    if (judged.has(candidate)) {
      score.add(candidate.path, "equivalent");
      return false;
    }
    const known = file?.known(candidate) ?? null;
    if (known !== null) take(known);
    return known === null;
  });
  console.log(`${drawn.length} of ${all.length} changes, seed ${seed}; ${open.length} to try`);
  if (open.length > 0) {
    await mutate({
      root: ROOT,
      candidates: open,
      stages: tried,
      short: options.short,
      thorough: options.thorough,
      jobs: options.jobs ?? Math.max(1, navigator.hardwareConcurrency),
      deadlineMs: start + 1000 * (options.seconds ?? Infinity),
      note: (line) => console.log(line),
      done: (result) => {
        file?.add(result);
        take(result);
      },
    });
  }
  console.log(`\n${score.lines().join("\n")}`);
  console.log(`\nmutation score ${scoreText(score.all)} in ${took()}`);
}

await runTask(command({
  name: "mutate",
  brief: "Change the sources and look whether a test fails",
  description: "Makes small changes to runtime/, devices/ and runtime/fault_log/, one at a time, " +
    "and runs the tests that reach each; prints what no test notices, and the score.",
  argument: null,
  options: OPTIONS,
  examples: [
    { line: "mutate --file runtime/block/split.ts", doc: "Every change of one file." },
    {
      line: "mutate --short --sample 1000 --seed 7",
      doc: "A thousand changes, by the short suite.",
    },
  ],
  may: {},
  async run({ options, screen }) {
    try {
      await run(options);
      return HELD;
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      screen.err(`error: ${error.message}\n`);
      return WRONG;
    }
  },
}));
