/**
 * The process that tries mutants. It loads test files of the copied project that contains this
 * file, and runs their tests one by one in one JavaScript realm. No module of the project keeps
 * state. Therefore a test cannot notice whether another test ran before it, whatever a mutant did
 * in that other test.
 *
 * Reads orders from its standard input. Its arguments are the number of mutants and the number of
 * marks.
 * @see protocol.ts
 */
import fc from "fast-check";
import { isLong } from "../running/sizes.ts";
import {
  ANSWER,
  type Answer,
  type Failed,
  linesOf,
  type Measured,
  type Order,
} from "./protocol.ts";
import { reserve, takeAsks, takeUsed, turnOff, turnOn } from "./switches.ts";

type TestBody = (context: StepContext) => unknown;

interface CapturedTest {
  readonly name: string;
  readonly body: TestBody;
}

type Step = string | TestBody | { readonly name: string; readonly fn: TestBody };

/** The part of `Deno.TestContext` that the project's tests use. */
interface StepContext {
  step(what: Step, body?: TestBody): Promise<boolean>;
}

const ROOT = new URL("../../", import.meta.url);
const encoder = new TextEncoder();
const write = Deno.stdout.writeSync.bind(Deno.stdout);
const captured: CapturedTest[] = [];
const loaded = new Map<string, readonly CapturedTest[]>();

function answer(message: Answer): void {
  let rest = encoder.encode(`${ANSWER}${JSON.stringify(message)}\n`);
  while (rest.length > 0) rest = rest.subarray(write(rest));
}

/**
 * Stands in for `Deno.test(name, body)`, `Deno.test(name, options, body)` and `Deno.test({ name, fn,
 * ignore })`.
 */
function capture(
  first: string | Deno.TestDefinition,
  options?: TestBody | Partial<Deno.TestDefinition>,
  body?: TestBody,
): void {
  if (typeof first === "string") {
    captured.push({ name: first, body: body ?? options as TestBody });
  } else if (first.ignore !== true) captured.push({ name: first.name, body: first.fn as TestBody });
}

async function load(file: string): Promise<readonly CapturedTest[]> {
  const known = loaded.get(file);
  if (known !== undefined) return known;
  captured.length = 0;
  await import(new URL(file, ROOT).href);
  const tests = captured.slice();
  loaded.set(file, tests);
  return tests;
}

const STEPS: StepContext = {
  async step(what, body) {
    const run = typeof what === "object" ? what.fn : typeof what === "function" ? what : body!;
    await run(STEPS);
    return true;
  },
};

/** The error of a test; null if it passes. */
async function failureOf(test: CapturedTest): Promise<string | null> {
  try {
    await test.body(STEPS);
    return null;
  } catch (error) {
    return firstLine(error);
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).trim().split("\n")[0]!;
}

async function measure(file: string, short: boolean): Promise<Answer> {
  takeAsks();
  takeUsed();
  let tests: readonly CapturedTest[] = [];
  try {
    tests = await load(file);
  } catch (error) {
    const failure = firstLine(error);
    return { kind: "measured", asksAtLoad: [], usedAtLoad: [], failure, tests: [] };
  }
  const [asksAtLoad, usedAtLoad] = [takeAsks(), takeUsed()];
  const measured: Measured[] = [];
  for (const [index, test] of tests.entries()) {
    const { name } = test;
    if (short && isLong(name)) continue;
    answer({ kind: "begins", what: name, test: { file, index } });
    const start = performance.now();
    const failure = await failureOf(test);
    const ms = performance.now() - start;
    measured.push({ index, name, ms, failure, asks: takeAsks(), used: takeUsed() });
  }
  return { kind: "measured", asksAtLoad, usedAtLoad, failure: null, tests: measured };
}

async function tryTests(order: Order & { kind: "try" }): Promise<Answer> {
  const { mutant, asksOfClean, atLoad, tests } = order;
  // A mutant that does not act at load is turned on after loading. If it were on during loading,
  // its effect would stay in the values that the modules create.
  if (!atLoad) { for (const { file } of tests) await load(file); }
  turnOn(mutant, atLoad ? Infinity : asksOfClean);
  for (const test of tests) {
    answer({ kind: "begins", what: test.file, test });
    let known: CapturedTest;
    try {
      known = (await load(test.file))[test.index]!;
    } catch (error) {
      return failed({ test, name: test.file, failure: firstLine(error), passesWithout: null });
    }
    const { name } = known;
    answer({ kind: "begins", what: name, test });
    const failure = await failureOf(known);
    if (failure === null) continue;
    turnOff();
    const passesWithout = atLoad ? null : await failureOf(known) === null;
    return failed({ test, name, failure, passesWithout });
  }
  turnOff();
  return { kind: "tried", failed: null };
}

function failed(what: Failed): Answer {
  return { kind: "tried", failed: what };
}

Object.assign(Deno, { test: capture });
for (const method of ["log", "error", "warn", "info", "debug"] as const) console[method] = () => {};
// Uses the same cases each time. The smallest failing case is not searched for, because any failing
// case is enough.
fc.configureGlobal({ seed: 1, endOnFailure: true });
reserve(Number(Deno.args[0]), Number(Deno.args[1]));
for await (const line of linesOf(Deno.stdin.readable)) {
  const order = JSON.parse(line) as Order;
  answer(order.kind === "measure" ? await measure(order.file, order.short) : await tryTests(order));
}
