/**
 * `deno task tree-plants DIR FILE COUNT SEED --clang PROGRAM`: changes one line at random in a copy of a
 * file of mapping code, in memory, and prints which changes `dmalab tree diff` finds. Only lines that
 * the comparison runs are changed; which functions it does not run is printed first.
 */
import { HostTree } from "../cli/c/host_tree.ts";
import { TreeBuild } from "../cli/c/tree_build.ts";
import { ORACLES } from "../cli/tree/oracles.ts";
import { readWholeNumber } from "../cli/numbers.ts";
import { TreeError } from "../c_drivers/tree/tree_files.ts";
import { STOPPED } from "../instruments/oracle/compare.ts";
import { Random } from "../runtime/random.ts";
import { SystemClang } from "./tree/system_clang.ts";

/** What one change makes of a line. */
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
/** Lines that only report. */
const REPORTS = /WARN|BUG|pr_|dev_|printk|trace_/;
/** A statement can begin with the next line. */
const ENDS = /[;{}]\s*(?:\/\*.*)?$|^\s*(?:case .*|\w+):$/;
const EMPTY = /^\s*(?:$|\/?\*)/;
const CASES = { count: 120, seed: 1 };

const [folder = "", path = "", count = "10", seed = "1", option, program = ""] = Deno.args;
if (option !== "--clang" || program === "") {
  console.error("usage: deno task tree-plants DIR FILE COUNT SEED --clang PROGRAM");
  Deno.exit(2);
}
const oracles = ORACLES.filter(({ needs }) => needs.includes(path));
if (oracles.length === 0) {
  console.error(`error: no comparison runs ${path}`);
  Deno.exit(2);
}

/** The tree, each file read once, with one of them changed. */
class PlantedTree extends HostTree {
  static readonly #texts = new Map<string, string | null>();

  constructor(folder: string, readonly changed: readonly string[]) {
    super(folder);
  }

  override text(name: string): string | null {
    if (name === path) return this.changed.join("\n");
    const texts = PlantedTree.#texts;
    if (!texts.has(name)) texts.set(name, super.text(name));
    return texts.get(name)!;
  }
}

const clang = new SystemClang(program);
try {
  await plantAll(new TextDecoder().decode(Deno.readFileSync(`${folder}/${path}`)).split("\n"));
} finally {
  await clang.close();
}

async function plantAll(lines: readonly string[]): Promise<void> {
  const random = new Random(readWholeNumber(seed) ?? 1);
  const run = await linesRun(lines);
  const places = placesIn(lines, run);
  let [found, planted] = [0, 0];
  while (planted < Number(count) && places.length > 0) {
    const [{ at, change }] = places.splice(random.below(places.length), 1) as [Place];
    const [pattern, by] = CHANGES[change]!;
    const outcome = await outcomeOf(lines, lines.with(at, lines[at]!.replace(pattern, by)));
    // A change that does not compile is none.
    if (outcome === null) continue;
    planted++;
    if (outcome !== "missed") found++;
    console.log(`${path}:${at + 1} | ${pattern.source} | ${outcome.slice(0, 160)}`);
  }
  console.log(`${path}: ${found} of ${planted} changes found (seed ${seed})`);
}

/** What the comparisons say of a changed file, null where it does not compile. */
async function outcomeOf(
  lines: readonly string[],
  changed: readonly string[],
): Promise<string | null> {
  const [old, planted] = [lines, changed]
    .map((text) => new TreeBuild(new PlantedTree(folder, text), clang, false));
  try {
    for (const oracle of oracles) {
      const { difference } = await oracle.compare(old!, planted!, CASES);
      if (difference === null) continue;
      const last = difference.other[STOPPED] ?? JSON.stringify(difference.operations.at(-1));
      return `found | ${difference.operations.length} operations | ${last}`;
    }
    return "missed";
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return null;
  }
}

/** By the lines of statements, whether they run. */
async function linesRun(lines: readonly string[]): Promise<ReadonlyMap<number, boolean>> {
  const run = new Map<number, boolean>();
  const NativeInstance = WebAssembly.Instance;
  const reached = (line: bigint) => run.set(Number(line), true);
  WebAssembly.Instance = class extends NativeInstance {
    constructor(module: WebAssembly.Module, { env }: WebAssembly.Imports = {}) {
      super(module, { env: { ...env, lab_line: reached } });
    }
  };
  const marked = lines.map((line, at) => {
    if (!isStatement(lines, at)) return line;
    run.set(at, false);
    return `lab_line(${at}); ${line}`;
  });
  const outcome = await outcomeOf(lines, ["void lab_line(long line);", ...marked]);
  WebAssembly.Instance = NativeInstance;
  if (outcome !== "missed") throw new Error(`with its lines counted: ${outcome}`);
  const idle = functionsIn(lines).filter(({ begin, end }) =>
    [...run].every(([at, isRun]) => at < begin || at > end || !isRun)
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
    functionsIn(lines).some(({ begin, end }) => at > begin && at < end);
}

interface Function {
  readonly name: string;
  /** The lines of its braces. */
  readonly begin: number;
  readonly end: number;
}

function functionsIn(lines: readonly string[]): readonly Function[] {
  const functions: Function[] = [];
  for (const [begin, line] of lines.entries()) {
    if (line !== "{") continue;
    let head = begin - 1;
    while (/^\s/.test(lines[head] ?? "")) head--;
    const end = lines.indexOf("}", begin);
    functions.push({ name: /(\w+)\(/.exec(lines[head] ?? "")?.[1] ?? "?", begin, end });
  }
  return functions;
}

interface Place {
  readonly at: number;
  readonly change: number;
}

/** What can be changed in statements that run. */
function placesIn(lines: readonly string[], run: ReadonlyMap<number, boolean>): Place[] {
  const places: Place[] = [];
  for (const { begin, end } of functionsIn(lines)) {
    let isRun = false;
    for (let at = begin + 1; at < end; at++) {
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
