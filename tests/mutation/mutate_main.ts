/**
 * `deno task mutate [--file PATH] [--sample N] [--seed S] [--seconds N] [--jobs N] [--results FILE]
 * [--short] [--nearest] [--tests PATH,PATH] [--others PATH,PATH] [--thorough]`:
 * small changes of `runtime/` and `devices/`, each tried against the tests that reach it.
 *
 * Without a sample every change of the chosen files is tried. What survives is printed with its place
 * and its change, then the score by file. With a file of results, a run that was interrupted goes on.
 */
import { readWholeNumber } from "../../cli/numbers.ts";
import { isLong } from "../running/sizes.ts";
import { ROOT, SOURCE_FOLDERS } from "../source_text.ts";
import { findCandidates } from "./candidates.ts";
import { mutate, type Result, type Stage } from "./mutate.ts";
import { keyOf, NEAREST, others, sample } from "./plan.ts";
import { ResultFile } from "./record.ts";
import { FIRST, mutableFiles, nearestTestFiles, otherTestFiles } from "./tree.ts";
import { Judged, Score, scoreText } from "./verdict.ts";

function fail(message: string): never {
  console.error(`error: ${message}`);
  Deno.exit(2);
}

function textOption(name: string): string | null {
  const at = Deno.args.indexOf(`--${name}`);
  if (at < 0) return null;
  return Deno.args[at + 1] ?? fail(`--${name} takes a value`);
}

function numberOption(name: string): number | null {
  const text = textOption(name);
  if (text === null) return null;
  return readWholeNumber(text) ?? fail(`--${name} takes a whole number`);
}

/** The files to change: one, those of a folder, or all. */
function chosenFiles(): string[] {
  const wanted = textOption("file")?.replace(/^\.\//, "").replace(/\/$/, "");
  const files = mutableFiles(ROOT);
  if (wanted === undefined) return files;
  const chosen = files.filter((path) => path === wanted || path.startsWith(`${wanted}/`));
  return chosen.length > 0 ? chosen : fail(`no source that is changed is called ${wanted}`);
}

/** The test files of an option; undefined when it is not given. */
function testsOption(name: string): string[] | undefined {
  const paths = textOption(name)?.split(",");
  const known = new Set([...nearestTestFiles(ROOT), ...otherTestFiles(ROOT)]);
  const wrong = paths?.find((path) => !known.has(path));
  return wrong === undefined ? paths : fail(`--${name}: there are no tests ${wrong}`);
}

/** The nearest tests, and the suite's others unless they are not wanted. */
function stages(): Stage[] {
  const chosen = testsOption("tests");
  const isLeftOut = Deno.args.includes("--short") ? isLong : () => false;
  const nearest: Stage = {
    name: chosen === undefined ? "nearest" : "chosen",
    testFiles: chosen ?? nearestTestFiles(ROOT),
    choice: NEAREST,
    isLeftOut,
    confirmAtLoad: false,
  };
  if (chosen !== undefined || Deno.args.includes("--nearest")) return [nearest];
  const only = testsOption("others");
  const testFiles = only ?? otherTestFiles(ROOT).filter((path) => !isLeftOut(path));
  const choice = others(FIRST);
  return [nearest, { name: "others", testFiles, choice, isLeftOut, confirmAtLoad: true }];
}

const start = performance.now();
const seed = numberOption("seed") ?? 1;
const all = findCandidates(ROOT, chosenFiles());
const judged = new Judged();
for (const entry of judged.stale(all)) console.log(`stale line of judged.txt: ${entry}`);
const drawn = sample(all, numberOption("sample") ?? all.length, seed);
const results = textOption("results");
const file = results === null ? null : new ResultFile(results, ROOT, [...SOURCE_FOLDERS, "tests"]);
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
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(
      `${done} of ${drawn.length} changes, ${scoreText(score.all)} noticed, ${seconds} s`,
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
    stages: stages(),
    thorough: Deno.args.includes("--thorough"),
    jobs: numberOption("jobs") ?? Math.max(1, navigator.hardwareConcurrency),
    deadlineMs: start + 1000 * (numberOption("seconds") ?? Infinity),
    note: (line) => console.log(line),
    done: (result) => {
      file?.add(result);
      take(result);
    },
  });
}
console.log(`\n${score.lines().join("\n")}`);
console.log(
  `\nmutation score ${scoreText(score.all)} in ${
    ((performance.now() - start) / 1000).toFixed(0)
  } s`,
);
