/**
 * Commands that write files: the typed text as a scenario that passes, and the events of a run for
 * other programs.
 */
import { type Recording, recordRun, runsOf } from "@dmalab/recording";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { clip, formatCount } from "@dmalab/lang/text";
import type { CommandContext, ReplCommand } from "./command_target.ts";
import { expectedEvents, MAX_EXPECTED } from "./expected_events.ts";

/** The word after the file's name with which `:save` also writes the events as expectations. */
const EXPECT = "expect";

export const SAVE_COMMANDS: readonly ReplCommand[] = [
  {
    name: "save",
    takes: `FILE [${EXPECT}]`,
    doc: "write the inputs of this branch to a scenario that passes; expect: and its events",
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
  const { inputs, left, recording, text } = passing;
  const events = recording?.log.count ?? 0;
  const more = expects === undefined || recording === null
    ? ""
    : expectation(repl, text, recording);
  if (more === null || !repl.host!.save(path, SAVED + text + more)) return;
  for (const text of left) repl.say(clip(`left out: ${text.split("\n")[0]}`, repl.columns));
  const expected = more === "" ? "" : ", all of them expected";
  repl.say(
    `${path}: ${formatCount(inputs.length, "input")}, ${formatCount(events, "event")}${expected}`,
  );
  const here = repl.timeTravel!.recording.last.seq;
  if (events !== here) repl.say(`here there were ${formatCount(here, "event")}`);
}

/**
 * Removes the inputs that fail, until the remaining inputs, as the text of a file, run without a
 * failure. If that is impossible, returns the reason as a sentence.
 */
function passingInputs(repl: CommandContext) {
  let inputs = repl.timeTravel!.sinceMachine();
  const left: string[] = [];
  for (;;) {
    const text = inputs.map((input) => `${input}\n`).join("");
    const { recording, wrongLine } = tryOut(repl, text);
    if (wrongLine === null) return { inputs, left, recording, text };
    let last = 0;
    const wrong = inputs.findIndex((input) => (last += input.split("\n").length) >= wrongLine);
    if (wrong < 0) {
      return `The inputs are not a scenario that passes: line ${wrongLine} is wrong`;
    }
    left.push(inputs[wrong]!);
    inputs = inputs.toSpliced(wrong, 1);
  }
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
 * @returns The line of its error, null if it passes; and the recording, null if the text does not
 *   load or has no statements.
 */
function tryOut(repl: CommandContext, text: string) {
  const source = new SourceFile("saved.dma", text);
  const { diagnostics, program } = loadForDebugging(source, repl.host!.loader);
  if (program === null) {
    const wrong = diagnostics.find(({ severity }) => severity === "error")!;
    return { recording: null, wrongLine: source.position(wrong.span.start).line };
  }
  const [main] = runsOf(program);
  if (main?.test !== null) return { recording: null, wrongLine: null };
  // Uses the seed in the file. The run is lenient, because leaks and findings of the typed inputs
  // must not fail it.
  const recording = recordRun(program, main, { lenient: true });
  const { failedAt, failure } = recording;
  if (failure === null) return { recording, wrongLine: null };
  const start = recording.statement(failedAt!)?.span.start ?? 0;
  return { recording, wrongLine: source.position(start).line };
}

function exportEvents(repl: CommandContext, path: string): void {
  const { position, recording } = repl.cursor;
  const problem = repl.exportRun!(path, recording, repl.timeTravel === null, position);
  if (problem !== null) repl.refuse(problem);
  else repl.say(`${path}: ${formatCount(recording.log.count, "event")}`);
}
