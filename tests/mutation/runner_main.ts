/**
 * The process that tries mutants: loads test files of the copy that it stands in, and runs their
 * tests one by one in its own world. Nothing of the project keeps state in its modules, so a test
 * cannot tell whether another ran before it, whatever a mutant did to that.
 *
 * Takes orders from its input, started with the number of mutants. @see protocol.ts
 */
import fc from "fast-check";
import {
  ANSWER,
  type Answer,
  linesOf,
  type Measured,
  type Order,
  type TestName,
} from "./protocol.ts";
import { reserve, takeAsks, turnOff, turnOn } from "./switches.ts";

type TestBody = (context: StepContext) => unknown;

interface CapturedTest {
  readonly name: string;
  readonly body: TestBody;
}

type Step = string | TestBody | { readonly name: string; readonly fn: TestBody };

/** As much of `Deno.TestContext` as the project's tests use. */
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

/** `Deno.test(name, body)` and `Deno.test({ name, fn, ignore })`. */
function capture(first: string | Deno.TestDefinition, body?: TestBody): void {
  if (typeof first === "string") captured.push({ name: first, body: body! });
  else if (first.ignore !== true) captured.push({ name: first.name, body: first.fn as TestBody });
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

/** What it fails with, or null. */
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

async function measure(file: string): Promise<Answer> {
  takeAsks();
  let tests: readonly CapturedTest[] = [];
  try {
    tests = await load(file);
  } catch (error) {
    return { kind: "measured", asksAtLoad: [], failure: firstLine(error), tests: [] };
  }
  const asksAtLoad = takeAsks();
  const measured: Measured[] = [];
  for (const [index, test] of tests.entries()) {
    answer({ kind: "begins", what: test.name });
    const start = performance.now();
    const failure = await failureOf(test);
    const ms = performance.now() - start;
    measured.push({ index, name: test.name, ms, failure, asks: takeAsks() });
  }
  return { kind: "measured", asksAtLoad, failure: null, tests: measured };
}

/** @param passesWithout Whether a test passes on the sources as they are. */
async function tryTests(
  tests: readonly TestName[],
  passesWithout: (test: CapturedTest) => Promise<boolean> | true,
): Promise<Answer> {
  for (const { file, index } of tests) {
    const test = (await load(file))[index]!;
    answer({ kind: "begins", what: test.name });
    const failure = await failureOf(test);
    if (failure !== null && await passesWithout(test)) {
      return { kind: "tried", killer: test.name, failure };
    }
  }
  return { kind: "tried", killer: null, failure: null };
}

async function tryAtLoad(
  files: (Order & { kind: "try at load" })["files"],
): Promise<Answer> {
  for (const [file, indices] of files) {
    answer({ kind: "begins", what: file });
    try {
      await load(file);
    } catch (error) {
      return { kind: "tried", killer: file, failure: firstLine(error) };
    }
    const tried = await tryTests(indices.map((index) => ({ file, index })), () => true);
    if (tried.kind === "tried" && tried.killer !== null) return tried;
  }
  return { kind: "tried", killer: null, failure: null };
}

async function obey(order: Order): Promise<Answer> {
  if (order.kind === "measure") return await measure(order.file);
  if (order.kind === "try at load") {
    turnOn(order.mutant, Infinity);
    return await tryAtLoad(order.files);
  }
  // Loading comes first: a mutant that is on then would stay in what the modules have made.
  for (const { file } of order.tests) await load(file);
  turnOn(order.mutant, order.asksOfClean);
  const passesWithout = async (test: CapturedTest) => {
    turnOff();
    const failure = await failureOf(test);
    turnOn(order.mutant, order.asksOfClean);
    return failure === null;
  };
  const tried = await tryTests(order.tests, order.confirm ? passesWithout : () => true);
  turnOff();
  return tried;
}

Object.assign(Deno, { test: capture });
for (const method of ["log", "error", "warn", "info", "debug"] as const) console[method] = () => {};
// The same cases each time, and no search for the smallest one that fails: any is enough.
fc.configureGlobal({ seed: 1, endOnFailure: true });
reserve(Number(Deno.args[0]));
for await (const line of linesOf(Deno.stdin.readable)) {
  answer(await obey(JSON.parse(line) as Order));
}
