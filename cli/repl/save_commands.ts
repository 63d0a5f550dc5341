/**
 * Commands that write files: the typed text as a scenario, and the events of a run for other
 * programs.
 */
import { type Recording, recordRun, runsOf } from "@dmalab/recording";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { afterColon } from "@dmalab/lang/diagnostics";
import { clip, formatCount, wrapText } from "@dmalab/lang/text";
import type { MachineEvent } from "@dmalab/runtime";
import type { CommandContext, ReplCommand } from "./command_target.ts";
import { expectedEvents, MAX_EXPECTED } from "./expected_events.ts";

/** The word after the file's name with which `:save` also writes the events as expectations. */
const EXPECT = "expect";

export const SAVE_COMMANDS: readonly ReplCommand[] = [
  {
    name: "save",
    takes: `FILE [${EXPECT}]`,
    doc: "write the inputs of this branch to a scenario that expects their reports and faults; " +
      "expect: and its events",
    needsBench: true,
    needs: "host",
    words: (_, before) =>
      before.trim() === ""
        ? []
        : [{ text: EXPECT, doc: "every event with its fields, or else the scenario fails" }],
    run: save,
  },
  {
    name: "export",
    takes: "FILE",
    doc: "write the events of this run to FILE.dmatrace.jsonl, or to FILE.json for Perfetto; the " +
      "picture of this position to FILE.svg, the timeline to FILE.timeline.svg",
    needs: "exportRun",
    run: exportEvents,
  },
];

/** The first line of a saved file; `:save` replaces only files that have it. */
const SAVED = "# Saved by dmalab repl.\n\n";

function save(repl: CommandContext, argument: string): void {
  const [, path, expects] = argument.match(/^(\S+\.dma)(?:\s+(\S+))?$/) ?? [];
  if (path === undefined || (expects ?? EXPECT) !== EXPECT) {
    return repl.refuse(
      `"${argument}" is not the name of a scenario, such as lab.dma, or lab.dma ${EXPECT}`,
    );
  }
  const passing = passingInputs(repl);
  if (typeof passing === "string") return repl.refuse(passing);
  const { left } = passing;
  const { failure, inputs, recording, text } = expectIncidents(repl, passing);
  const events = recording?.log.count ?? 0;
  const more = expects === undefined || recording === null
    ? ""
    : expectation(repl, text, recording);
  if (more === null || !repl.host!.save(path, SAVED + text + more)) return;
  for (const { reason, text } of left) {
    const said = ` (${reason})`;
    repl.say(clip(`left out: ${text.split("\n")[0]}`, repl.columns - said.length) + said);
  }
  const expected = more === "" ? "" : ", all of them expected";
  const file = repl.timeTravel!.fileSinceMachine;
  const hasFile = file !== null && file.text === passing.inputs[0];
  const typed = formatCount(inputs.length - (hasFile ? 1 : 0), "input");
  const kept = hasFile ? `the text of ${file.name}, ${typed}` : typed;
  repl.say(`${path}: ${kept}, ${formatCount(events, "event")}${expected}`);
  const here = repl.timeTravel!.recording.last.seq;
  if (events !== here) repl.say(`here there were ${formatCount(here, "event")}`);
  if (failure === null) return;
  for (const line of wrapText(`its run fails: ${afterColon(failure.message)}`, repl.columns)) {
    repl.say(line);
  }
}

/** The inputs as the text of a file. */
function textOf(inputs: readonly string[]): string {
  return inputs.map((input) => `${input}\n`).join("");
}

/** The index of the input that has a line of {@linkcode textOf}; -1 behind all. */
function inputAt(inputs: readonly string[], line: number): number {
  let last = 0;
  return inputs.findIndex((input) => (last += input.split("\n").length) >= line);
}

/**
 * Removes the inputs that fail, until the remaining inputs, as the text of a file, run without a
 * failure. If that is impossible, returns the reason as a sentence.
 */
function passingInputs(repl: CommandContext) {
  let inputs = repl.timeTravel!.sinceMachine();
  const left: { readonly reason: string; readonly text: string }[] = [];
  for (;;) {
    const text = textOf(inputs);
    const { code, recording, wrongLine } = tryOut(repl, text);
    if (wrongLine === null) return { inputs, left, recording, text };
    const wrong = inputAt(inputs, wrongLine);
    if (wrong < 0) {
      return `The inputs are not a scenario that passes: line ${wrongLine} is wrong`;
    }
    left.push({ text: inputs[wrong]!, reason: code === BARE_VALUE ? "only a value" : "it fails" });
    inputs = inputs.toSpliced(wrong, 1);
  }
}

interface SavedInputs {
  readonly inputs: readonly string[];
  readonly recording: Recording | null;
  readonly text: string;
}

/**
 * Writes the reports and faults of the inputs as expected, because they fail a file that does not
 * expect them. `failure` is what fails the file all the same: a leak, or a report of a `let`.
 */
function expectIncidents(repl: CommandContext, saved: SavedInputs) {
  let { inputs } = saved;
  for (;;) {
    const text = textOf(inputs);
    const judged = tryOut(repl, text, { lenient: false }).recording;
    const failure = judged?.failure ?? null;
    const next = failure?.code === UNEXPECTED ? expectFirst(repl, inputs, judged!) : null;
    if (next !== null) inputs = next;
    else if (inputs === saved.inputs) return { ...saved, failure };
    else return { inputs, text, recording: tryOut(repl, text).recording, failure };
  }
}

/** The code of a value that is no statement. */
const BARE_VALUE = "E0207";
/** The code of a report or a fault that was not expected. */
const UNEXPECTED = "E0908";
/** The code of a leak at the end of a run. */
const LEAK = "E0926";

/** The words that expect a report or a fault, behind a call and around a block, and its name. */
function outcomeWords(event: MachineEvent): readonly [string, string, string] | null {
  if (event.name === "dma.report") return ["warns", "warning", event.fields.class];
  return event.name === "iommu.fault" ? ["faults", "fault", event.fields.reason] : null;
}

/**
 * Expects the report or fault that failed a run: behind the call that is the input, or else around
 * the input. Null if the file cannot be written so.
 */
function expectFirst(
  repl: CommandContext,
  inputs: readonly string[],
  recording: Recording,
): readonly string[] | null {
  const { eventSeq: seq } = recording.failure!;
  const words = seq === undefined ? null : outcomeWords(recording.event(seq));
  if (words === null) return null;
  const [behind, around, name] = words;
  const outermost = recording.frames(recording.afterEvent(seq!)).at(-1);
  if (outermost === undefined) return null;
  const { source, start } = outermost.span;
  const index = inputAt(inputs, source.position(start).line);
  const input = inputs[index];
  if (input === undefined) return null;
  const written = [
    `${input} ${behind} ${name}`,
    `expect ${around} ${name} {\n${input.replaceAll(/^/gm, "  ")}\n}`,
  ];
  for (const changed of written) {
    const next = inputs.with(index, changed);
    const { failure, log } = tryOut(repl, textOf(next), { lenient: false }).recording ?? {};
    // The machine must do the same, and nothing up to this event may fail.
    if (failure === undefined || log!.count !== recording.log.count) continue;
    const isLater = failure?.code === UNEXPECTED && (failure.eventSeq ?? 0) > seq!;
    if (failure === null || failure.code === LEAK || isLater) return next;
  }
  return null;
}

/**
 * Statements that expect the events of a passing scenario. If they cannot be written, prints a
 * message and returns null.
 */
function expectation(repl: CommandContext, text: string, recording: Recording): string | null {
  if (recording.log.count > MAX_EXPECTED) {
    const most = formatCount(MAX_EXPECTED, "event");
    repl.refuse(`It has ${formatCount(recording.log.count, "event")}: ${most} can be expected`);
    return null;
  }
  const more = `\n${expectedEvents(recording)}`;
  const { wrongLine } = tryOut(repl, text + more);
  if (wrongLine === null) return more;
  const line = `${text}${more}`.split("\n")[wrongLine - 1]!.trim();
  repl.refuse(clip(`Its events cannot be expected: \`${line}\` fails`, repl.columns));
  return null;
}

/**
 * Runs a text as a file.
 * @param options Whether leaks, and reports and faults that the text does not expect, are no
 *   errors.
 * @returns The line and the code of its error, null if it passes; and the recording, null if the
 *   text does not load or has no statements.
 */
function tryOut(repl: CommandContext, text: string, { lenient } = { lenient: true }) {
  const source = new SourceFile("saved.dma", text);
  const { diagnostics, program } = loadForDebugging(source, repl.host!.loader);
  if (program === null) {
    const wrong = diagnostics.find(({ severity }) => severity === "error")!;
    const wrongLine = source.position(wrong.span.start).line;
    return { code: wrong.code, recording: null, wrongLine };
  }
  const [main] = runsOf(program);
  if (main?.test !== null) return { code: null, recording: null, wrongLine: null };
  // Uses the seed in the file.
  const recording = recordRun(program, main, { lenient });
  const { failedAt, failure } = recording;
  if (failure === null) return { code: null, recording, wrongLine: null };
  const start = recording.statement(failedAt!)?.span.start ?? 0;
  return { code: failure.code, recording, wrongLine: source.position(start).line };
}

function exportEvents(repl: CommandContext, path: string): void {
  const { position, recording } = repl.cursor;
  const problem = repl.exportRun!(path, recording, repl.timeTravel === null, position);
  if (problem !== null) repl.refuse(problem);
  else repl.say(`${path}: ${formatCount(recording.log.count, "event")}`);
}
