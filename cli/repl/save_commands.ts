/** Writing what was typed as a scenario, which passes by itself. */
import { recordRun, runsOf } from "../../lang/recording/mod.ts";
import { loadFollowed } from "../../lang/language.ts";
import { clip } from "../../lang/text/columns.ts";
import { SourceFile } from "../../lang/source.ts";
import type { CommandTarget, ReplCommand } from "./command_target.ts";

export const SAVE_COMMANDS: readonly ReplCommand[] = [
  {
    name: "save",
    takes: "FILE",
    doc: "write what was typed on this branch as a scenario that passes",
    needsBench: true,
    needs: "host",
    run: save,
  },
];

/** An input with the lines that it has in the file. */
interface Part {
  readonly text: string;
  readonly first: number;
  readonly last: number;
}

function save(repl: CommandTarget, path: string): true {
  const bench = repl.bench!;
  if (!/^\S+\.dma$/.test(path)) {
    repl.refuse(`"${path}" is no name for a scenario, such as lab.dma`);
    return true;
  }
  let inputs = bench.sinceMachine();
  const left: string[] = [];
  for (;;) {
    const tried = tryOut(repl, inputs);
    if (tried.wrongLine === null) {
      if (!repl.host!.save(path, tried.text)) return true;
      for (const text of left) repl.say(clip(`left out: ${text.split("\n")[0]}`, repl.columns));
      const same = tried.events === bench.recording.last.seq;
      repl.say(`${path}: ${inputs.length} inputs, ${tried.events} events`);
      if (!same) repl.say(`here there were ${bench.recording.last.seq} events`);
      return true;
    }
    const { wrongLine } = tried;
    const wrong = tried.parts.findIndex(({ first, last }) =>
      first <= wrongLine && wrongLine <= last
    );
    if (wrong < 0) {
      repl.refuse(`What was typed makes no scenario that passes; line ${wrongLine} is wrong`);
      return true;
    }
    left.push(inputs[wrong]!);
    inputs = inputs.toSpliced(wrong, 1);
  }
}

/** Runs inputs as a file. @returns The line of what is wrong with it; null when it passes. */
function tryOut(repl: CommandTarget, inputs: readonly string[]) {
  const parts: Part[] = [];
  let line = 1;
  for (const text of inputs) {
    const lines = text.split("\n").length;
    parts.push({ text, first: line, last: line + lines - 1 });
    line += lines;
  }
  const text = inputs.map((input) => `${input}\n`).join("");
  const source = new SourceFile("saved.dma", text);
  const tried = { text, parts, events: 0 };
  const { diagnostics, program } = loadFollowed(source, repl.host!.loader);
  if (program === null) {
    const wrong = diagnostics.find(({ severity }) => severity === "error")!;
    return { ...tried, wrongLine: source.position(wrong.span.start).line };
  }
  const [main] = runsOf(program);
  if (main?.test !== null) return { ...tried, wrongLine: null };
  const recording = recordRun(program, main, { seed: repl.place.recording.name.seed });
  const { failedAt, failure } = recording;
  if (failure === null) return { ...tried, events: recording.last.seq, wrongLine: null };
  const statement = recording.statement(failedAt!);
  const start = statement?.span.start ?? 0;
  return { ...tried, wrongLine: source.position(start).line };
}
