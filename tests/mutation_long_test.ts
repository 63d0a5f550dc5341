/**
 * The changes that `deno task script mutate` makes, how the task puts them into one text, and the list of
 * judged changes.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { runDeno } from "./deno_process.ts";
import { type Candidate, findCandidates } from "./mutation/candidates.ts";
import { keyOf, sample } from "./mutation/plan.ts";
import { withSwitches } from "./mutation/schemata.ts";
import { mutableFiles } from "./mutation/tree.ts";
import { findUses } from "./mutation/uses.ts";
import { Judged, Score } from "./mutation/verdict.ts";
import { ROOT } from "./source_text.ts";

const SOURCE = `/** A part of a buffer. */
type Kind = "a b" | 3;
export function cut(from: number, sizeBytes: number, last: boolean): number {
  if (sizeBytes <= 4 && last) return 0;
  note("too long for it", 1);
  invariant(from >= 0, "It begins nowhere");
  let left = from - cut(sizeBytes, from, true);
  left += Math.min(from, sizeBytes);
  return left;
}
function note(text: string, level: number) {
  return \`\${text} \${level}\`;
}
export const kind = (given?: Kind) => given ?? 3;
`;

/** The candidates in a file with this text. */
function candidatesOf(text: string): Candidate[] {
  using folder = new TempFolder({ "cut.ts": text });
  return findCandidates(`${folder.path}/`, ["cut.ts"]);
}

Deno.test("changes: borders, choices, constants, arguments of one type, statements, values, texts", () => {
  const found = candidatesOf(SOURCE).map(({ line, change }) => [line, change]);
  assertEquals(found, [
    [4, "sizeBytes <= 4 && last → sizeBytes <= 4 || last"],
    [4, "last → !(last)"],
    [4, "sizeBytes <= 4 → sizeBytes < 4"],
    [4, "sizeBytes <= 4 → sizeBytes > 4"],
    [4, "sizeBytes <= 4 → sizeBytes <= 4 + 1"],
    [4, "sizeBytes <= 4 → sizeBytes <= 4 - 1"],
    [4, "return 0; → return 0 + 1;"],
    [5, 'note("too long for it", 1); → nothing'],
    [5, '"too long for it" → ""'],
    [5, 'note("too long for it", 1) → note("too long for it", 1 + 1)'],
    [5, 'note("too long for it", 1) → note("too long for it", 1 - 1)'],
    [7, "from - cut(sizeBytes, from, true) → from + cut(sizeBytes, from, true)"],
    [7, "cut(sizeBytes, from, true) → cut(from, sizeBytes, true)"],
    [7, "cut(sizeBytes, from, true) → cut(sizeBytes, from, false)"],
    [8, "left += Math.min(from, sizeBytes); → nothing"],
    [8, "left += Math.min(from, sizeBytes) → left -= Math.min(from, sizeBytes)"],
    [9, "left → 0"],
    [12, '`${text} ${level}` → ""'],
    [14, "given ?? 3 → 3"],
    [14, "given ?? 3 → given ?? 3 + 1"],
    [14, "given ?? 3 → given ?? 3 - 1"],
  ]);
});

Deno.test("all changes stand in one text, each behind its switch, on the lines that they had", () => {
  const mutants = candidatesOf(SOURCE).map((candidate, id) => ({ ...candidate, id }));
  const text = withSwitches(SOURCE, mutants, [], "./switches.ts");
  assertEquals(text.split("\n").length, SOURCE.split("\n").length);
  const lines = text.split("\n");
  assertEquals(
    lines[4],
    [
      "  { if (!isOn__(7)) { ",
      'note((isOn__(8) ? ("") : ("too long for it")), ',
      "(isOn__(10) ? (1 - 1) : ((isOn__(9) ? (1 + 1) : (1)))));",
      " } }",
    ].join(""),
  );
  assertEquals(withSwitches(SOURCE, [], [], "./switches.ts"), SOURCE);
});

/**
 * For each line of the changed file, the uses of its value, as `path:line`. A test that reaches
 * such a use may notice a change of that line.
 */
function usesIn(files: Readonly<Record<string, string>>): Record<number, string[]> {
  using folder = new TempFolder();
  const paths = Object.keys(files);
  for (const path of paths) folder.write(path, files[path]!);
  const mutants = findCandidates(`${folder.path}/`, ["sizes.ts"]).map((each, id) => ({
    ...each,
    id,
  }));
  const { marks, of } = findUses(`${folder.path}/`, paths, mutants);
  return Object.fromEntries(mutants.map(({ id, line }) => {
    const use = of.get(id)!;
    const places = [...use.marks].map((mark) => {
      const { path, start } = marks[mark]!;
      return `${path}:${files[path]!.slice(0, start).split("\n").length}`;
    });
    return [line, [...places, ...use.testFiles, ...use.isOpen ? ["anybody"] : []].toSorted()];
  }));
}

Deno.test("what acts at load is followed to who uses it: by name, by entry, by what is made of it", () => {
  const uses = usesIn({
    "sizes.ts": `export const PAGE = 4096;
export const TABLE = { first: 1 } as const;
const HALF = halved(PAGE);
function halved(value: number) {
  return value / 2;
}
export class Ring {
  static depth = 64;
  room() {
    return HALF;
  }
}
let left = 9;
export const take = () => [left--, left = 2, left += 1, left];
`,
    "ring.ts": `import { PAGE as SIZE, Ring, TABLE } from "./sizes.ts";
export const first = () => TABLE.first;
export const all = (key: "first") => [TABLE[key], TABLE.second];
export const depth = () => Ring.depth;
export const entry = (PAGE: number) => PAGE;
export const size = () => ({ SIZE });
`,
    "ring_test.ts": `import { PAGE } from "./sizes.ts";
for (let at = 0; at < PAGE; at++) Deno.test("at", () => {});
`,
  });
  assertEquals(uses, {
    1: ["ring.ts:6", "ring_test.ts", "sizes.ts:10"],
    2: ["ring.ts:2", "ring.ts:3"],
    5: ["sizes.ts:10"],
    8: ["ring.ts:4"],
    10: [],
    13: ["sizes.ts:14"],
    14: [],
  });
});

Deno.test("a marked name tells that it is used, and stands for what it stood for", () => {
  const mark = { id: 3, path: "", isShorthand: false };
  const text = withSwitches("f(SIZE, { SIZE });", [], [
    { ...mark, start: 2, end: 6 },
    { ...mark, start: 10, end: 14, isShorthand: true },
  ], "./switches.ts");
  assertEquals(
    text.slice(text.indexOf("; ") + 2),
    "f((used__[3] = 1, SIZE), { SIZE: (used__[3] = 1, SIZE) });",
  );
});

Deno.test("a sample is that of its seed, and stays when lines come elsewhere", () => {
  const before = candidatesOf(SOURCE);
  const after = candidatesOf(`const one = 0;\n\n${SOURCE}`);
  const names = (candidates: readonly Candidate[]) => candidates.map(keyOf);
  const drawn = names(sample(before, 8, 1));
  assertEquals(drawn, names(sample(before, 8, 1)));
  assert(names(sample(before, 8, 2)).join() !== drawn.join());
  const kept = names(sample(after, 8, 1)).filter((name) => drawn.includes(name));
  assert(kept.length >= 7, `${kept.length} of 8 are drawn again`);
});

Deno.test("the score leaves out what was judged, and counts what no test reaches", () => {
  const score = new Score();
  for (const fate of ["killed", "killed", "killed", "survived", "equivalent"] as const) {
    score.add("b.ts", fate);
  }
  score.add("a.ts", "not reached");
  assertEquals(score.lines(), [
    "  score  killed survived equivalent  file",
    "  0.0 %       0        1          0  a.ts",
    " 75.0 %       3        1          1  b.ts",
    " 60.0 %       3        2          1  all",
  ]);
});

Deno.test("the score says whose tests noticed", () => {
  const score = new Score();
  for (const stage of ["nearest", "others", "nearest", null]) {
    score.add("a.ts", stage === null ? "survived" : "killed", stage);
  }
  assertEquals(score.lines().slice(2), [
    " 75.0 %       3        1          0  all",
    "              2  of them by the tests nearest",
    "              1  of them by the tests others",
  ]);
});

Deno.test("a judged change is found by its place, not by its line, and named when it is gone", () => {
  const judged = new Judged(`# two
a test
  cut.ts cut: sizeBytes <= 4 → sizeBytes <= 4 + 1
  cut.ts cut: sizeBytes <= 5 → sizeBytes <= 5 + 1
  other.ts cut: 1 → 2`);
  const found = candidatesOf(
    SOURCE.replace("(sizeBytes <= 4 &&", "(\n    sizeBytes <= 4 && true &&"),
  );
  assertEquals(found.filter((each) => judged.has(each)).map(({ line }) => line), [5]);
  const gone = "cut.ts cut: sizeBytes <= 5 → sizeBytes <= 5 + 1";
  assertEquals(judged.stale(found), [gone]);
  assertEquals(judged.stale([...found, ...found]).length, 2, "a key that fits two is none");
});

Deno.test("every change that was judged is still one that could be made", () => {
  const judged = new Judged();
  const files = judged.filesAmong(mutableFiles(ROOT));
  const candidates = findCandidates(ROOT, files);
  assertEquals(judged.stale(candidates), []);
  const keys = new Set(candidates.map(keyOf));
  assertEquals([...judged.reasons.keys()].filter((key) => !keys.has(key)), []);
  for (const [key, reason] of judged.reasons) assert(reason.length > 20, key);
});

Deno.test("an option that the task does not have ends it before it begins", async () => {
  const path = join(ROOT, "tests/mutation/mutate_main.ts");
  const { code, output } = await runDeno([
    "run",
    "-R",
    "--allow-env",
    "--no-check",
    path,
    "--sampel",
    "3",
  ], {
    folder: ROOT,
  });
  assertEquals(output, 'error: mutate has no option "--sampel"; did you mean "--sample"?\n');
  assertEquals(code, 2);
});
