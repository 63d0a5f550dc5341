/**
 * Hostile cases. Each case must end by the error of its limit. A case may take at most twice its
 * time limit (more in proportion on a slower host) and 1.25 times its memory limit.
 *
 * The case of a script is a file in `scripts/`; its first lines name the limits and the end of the
 * case. A case without a script is a row of `inputs.ts`. `deno test -A tests/hostile -- --only TEXT
 * --took` runs the cases with a name that contains the text, and prints the time and memory of
 * each.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../source_text.ts";
import { caseOfScript, exitCodeOf, givenTo, type HostileCase } from "./hostile_case.ts";
import { INPUTS } from "./inputs.ts";
import { type Ended, runCases, tookMs } from "./run_case.ts";

const MAX_TIME_SHARE = 2;
const MAX_MEMORY_SHARE = 1.25;

/** Time for starting and ending a process, which no limit includes. */
const START_MS = 500;

/** Duration of an ordinary run on the host on which the limits were chosen. */
const ORDINARY_MS = 700;

/**
 * The allowed time of a case: the case's time limit and some more time, which is longer on a slower
 * host.
 */
function mostMs(hostile: HostileCase, { ordinaryMs }: Ended): number {
  const givenMs = 1000 * givenTo(hostile).seconds;
  const beyondMs = (MAX_TIME_SHARE - 1) * givenMs + START_MS;
  return givenMs + Math.max(1, ordinaryMs / ORDINARY_MS) * beyondMs;
}

const FOLDER = "tests/hostile/scripts";

const SCRIPTS = [...Deno.readDirSync(join(ROOT, FOLDER))]
  .map(({ name }) => `${FOLDER}/${name}`)
  .sort()
  .map((path) => caseOfScript(path, Deno.readTextFileSync(join(ROOT, path))));

const CASES = [...SCRIPTS, ...INPUTS];

/** Families of error codes: errors of names, errors of machines, and errors of running scripts. */
const FAMILIES = /^(?:E03|E05|E09)/;

/** The way in which a case ends: a limit, a family of errors, or another way. */
function wayToEnd({ ends }: HostileCase): string {
  const [first] = ends;
  return FAMILIES.exec(first!)?.[0] ?? first!;
}

/** One case for each way to end, for the short suite. */
export const WITNESSES: readonly HostileCase[] = [
  ...Map.groupBy(CASES, wayToEnd).values(),
].map(([first]) => first!);

/** All other cases. */
export const OTHERS: readonly HostileCase[] = CASES.filter((each) => !WITNESSES.includes(each));

/** Runs cases, with a test step for each. */
export async function holdCases(
  context: Deno.TestContext,
  all: readonly HostileCase[],
): Promise<void> {
  const [, only = ""] = Deno.args.join(" ").match(/--only (\S+)/) ?? [];
  const cases = all.filter(({ name }) => name.includes(only));
  const ended = await runCases(cases, holds);
  for (const [index, hostile] of cases.entries()) {
    const one = ended[index]!;
    if (Deno.args.includes("--took")) console.log(tookText(hostile, one));
    await context.step(hostile.name, () => judge(hostile, one));
  }
}

function holds(hostile: HostileCase, ended: Ended): boolean {
  try {
    judge(hostile, ended);
    return true;
  } catch {
    return false;
  }
}

function judge(hostile: HostileCase, ended: Ended): void {
  const { exitCode, output, outputBytes, peakBytes } = ended;
  const start = output.slice(0, 2000);
  // eslint-disable-next-line no-control-regex
  assert(!/^\s+at \S.*:\d+:\d+\)?$/m.test(output), `a stack:\n${start}`);
  assert(!output.includes("E0999"), `a bug:\n${start}`);
  assert(exitCode !== null, `it does not end:\n${start}`);
  assertEquals(exitCode, exitCodeOf(hostile), start);
  const [end] = hostile.ends;
  if (end !== "held" && end !== "refused" && hostile.stdout === undefined) {
    const said = hostile.ends.some((code) => output.includes(code));
    assert(said, `none of ${hostile.ends.join(", ")}:\n${start}`);
  }
  if (hostile.says !== undefined) assertStringIncludes(output, hostile.says);
  if (hostile.hides !== undefined) assert(!output.includes(hostile.hides), start);
  const given = givenTo(hostile);
  const took = tookText(hostile, ended);
  assert(tookMs(ended) <= mostMs(hostile, ended), took);
  assert(peakBytes <= MAX_MEMORY_SHARE * given.memoryBytes, took);
  assert(outputBytes <= given.outputBytes, `${outputBytes} bytes of output:\n${start}`);
  assertEquals(output.match(UNCLEAN), null);
}

/** Control characters except line ends and tabs, and characters that change the direction of text. */
export const UNCLEAN: RegExp =
  // deno-lint-ignore no-control-regex
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

function tookText(hostile: HostileCase, ended: Ended): string {
  const { memoryBytes, seconds } = givenTo(hostile);
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return `${hostile.name}: ${(tookMs(ended) / 1000).toFixed(2)} s of ` +
    `${seconds} s, ${mib(ended.peakBytes)} of ${mib(memoryBytes)}, ` +
    `${ended.outputBytes} bytes of output, exit code ${ended.exitCode}`;
}
