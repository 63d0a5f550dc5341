/**
 * `deno task script tree-plants DIR FILE COUNT SEED --clang PROGRAM [SCENARIO]...`: changes random
 * lines in a copy of a file, one at a time. Prints which of these changes `dmalab tree diff` finds,
 * by its random sequences or by the named scenarios. Only lines that are executed by the sequences
 * or scenarios are changed. The functions that are not executed are printed first.
 */
import { ORACLES } from "../oracles.ts";
import { readWholeNumber } from "@dmalab/cli";
import { Random } from "@dmalab/runtime";
import { functionsIn } from "../review/changed_lines.ts";
import { MISSED, type PlantBench, ScenarioBench, SequenceBench } from "./tree/plant_bench.ts";
import { SystemClang } from "./tree/system_clang.ts";

/** The changes of a line: a pattern and its replacement. */
const CHANGES: readonly (readonly [RegExp, string])[] = [
  [/ < /, " <= "],
  [/ > /, " >= "],
  [/ <= /, " < "],
  [/ >= /, " > "],
  [/ == /, " != "],
  [/ != /, " == "],
  [/ \+ 1\b/, ""],
  [/ - 1\b/, ""],
  [/ \+ /, " - "],
  [/ - /, " + "],
  [/ && /, " || "],
  [/ \|\| /, " && "],
  [/ \|= /, " = "],
  [/ \+= /, " -= "],
  [/ -= /, " += "],
  [/\bif \(!/, "if ("],
  [/\bif \((?=\w)/, "if (0 && "],
  [/\((\w+), (\w+)\)/, "($2, $1)"],
];
/** Lines that only print messages or trace. */
const REPORTS = /WARN|BUG|pr_|dev_|printk|trace_/;
/** The end of a line after which a new statement can begin. */
const ENDS = /[;{}]\s*(?:\/\*.*)?$|^\s*(?:case .*|\w+):$/;
const EMPTY = /^\s*(?:$|\/?\*)/;
const [folder = "", path = "", count = "10", seed = "1", option, program = "", ...scenarios] =
  Deno.args;
const oracles = ORACLES.filter(({ needs }) => needs.includes(path));
if (option !== "--clang" || program === "") {
  console.error(
    "usage: deno task script tree-plants DIR FILE COUNT SEED --clang PROGRAM [SCENARIO]...",
  );
  Deno.exit(2);
}
if (scenarios.length === 0 && oracles.length === 0) {
  console.error(`error: no comparison runs ${path}\n  hint: name scenarios that do`);
  Deno.exit(2);
}

const clang = new SystemClang(program);
const copies = Deno.makeTempDirSync();
try {
  const text = new TextDecoder().decode(Deno.readFileSync(`${folder}/${path}`)).split("\n");
  await plantAll(text, await benchOf(text));
} finally {
  await clang.close();
  Deno.removeSync(copies, { recursive: true });
}

async function benchOf(lines: readonly string[]): Promise<PlantBench> {
  if (scenarios.length === 0) return new SequenceBench(folder, path, oracles, clang, lines);
  const copied = await new Deno.Command("cp", { args: ["-rl", folder, `${copies}/tree`] }).output();
  if (!copied.success) throw new Error(new TextDecoder().decode(copied.stderr));
  return new ScenarioBench(`${copies}/tree`, path, scenarios, lines);
}

async function plantAll(lines: readonly string[], bench: PlantBench): Promise<void> {
  const random = new Random(readWholeNumber(seed) ?? 1);
  const run = await linesRun(lines, bench);
  const places = placesIn(lines, run);
  let [found, planted] = [0, 0];
  while (planted < Number(count) && places.length > 0) {
    const [{ at, change }] = places.splice(random.below(places.length), 1) as [Place];
    const [pattern, by] = CHANGES[change]!;
    const outcome = await bench.outcomeOf(lines.with(at, lines[at]!.replace(pattern, by)));
    // A change that does not compile is not counted.
    if (outcome === null) continue;
    planted++;
    if (outcome !== MISSED) found++;
    const name = functionAt(lines, at)?.name;
    const said = outcome === MISSED ? await missedAt(lines, at, change, bench) : outcome;
    console.log(`${path}:${at + 1} | ${name} | ${pattern.source} | ${said.slice(0, 160)}`);
  }
  console.log(`${path}: ${found} of ${planted} changes found (seed ${seed})`);
}

/**
 * For a missed change of a condition: finds out whether the changed condition ever has another
 * value than the original condition.
 */
async function missedAt(
  lines: readonly string[],
  at: number,
  change: number,
  bench: PlantBench,
): Promise<string> {
  const [pattern, by] = CHANGES[change]!;
  const [, condition] = /^\t+if (\(.*\))(?: \{)?$/.exec(lines[at]!) ?? [];
  if (condition === undefined || !isStatement(lines, at)) return MISSED;
  const [, other] = /^if (\(.*\))$/.exec(`if ${condition}`.replace(pattern, by)) ?? [];
  const asks = `if (!!${condition} != !!${other}) {\n${bench.mark(at)}\n}\n${lines[at]}`;
  const reached = await bench.ran([bench.declaration, ...lines.with(at, asks)]);
  return reached === null
    ? MISSED
    : `${MISSED} | the condition is ${reached.has(at) ? "sometimes" : "never"} another one`;
}

/** For each line with a statement, whether it runs. */
async function linesRun(
  lines: readonly string[],
  bench: PlantBench,
): Promise<ReadonlyMap<number, boolean>> {
  const marked = lines.map((line, at) =>
    isStatement(lines, at) ? `${bench.mark(at)} ${line}` : line
  );
  const reached = await bench.ran([bench.declaration, ...marked]);
  if (reached === null) throw new Error("with its lines counted the file behaves otherwise");
  const run = new Map(
    lines.flatMap((_, at) => isStatement(lines, at) ? [[at, reached.has(at)] as const] : []),
  );
  const idle = functionsIn(lines).filter(({ begin, end }) =>
    [...run].every(([at, isRun]) => at < begin - 1 || at > end - 1 || !isRun)
  );
  const ran = [...run.values()].filter((isRun) => isRun).length;
  console.log(
    `${path}: ${ran} of ${run.size} statements run; not run: ${
      idle.map(({ name }) => name).join(", ")
    }`,
  );
  return run;
}

function isStatement(lines: readonly string[], at: number): boolean {
  let before = at - 1;
  while (before > 0 && EMPTY.test(lines[before]!)) before--;
  const [opened, closed] = ["(", ")"].map((each) =>
    lines.slice(lines.lastIndexOf("{", at), at).join("").split(each).length
  );
  return opened === closed && /^\s+(?!else\b|case\b|default\b)\w/.test(lines[at]!) &&
    !/^\t+\w+:$/.test(lines[at]!) &&
    ENDS.test(lines[before]!) &&
    functionAt(lines, at) !== undefined;
}

/** @param at Index of a line, from 0. */
function functionAt(lines: readonly string[], at: number) {
  return functionsIn(lines).find(({ begin, end }) => at >= begin && at < end - 1);
}

interface Place {
  readonly at: number;
  readonly change: number;
}

/** The possible changes in statements that run. */
function placesIn(lines: readonly string[], run: ReadonlyMap<number, boolean>): Place[] {
  const places: Place[] = [];
  for (const { begin, end } of functionsIn(lines)) {
    let isRun = false;
    for (let at = begin; at < end - 1; at++) {
      const line = lines[at]!;
      isRun = run.get(at) ?? isRun;
      if (!isRun || !/^\t+\w/.test(line) || REPORTS.test(line)) continue;
      for (const [change, [pattern]] of CHANGES.entries()) {
        if (pattern.test(line)) places.push({ at, change });
      }
    }
  }
  return places;
}
