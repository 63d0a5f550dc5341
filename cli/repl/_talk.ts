/** A REPL for tests: lines in, output out. */
import { LoadError, type SourceLoader } from "@dmalab/lang/syntax";
import { Repl, type ReplOptions } from "./repl.ts";

export const MACHINE =
  "machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { queues = 1, depth = 32 } } } }";

export const NO_FILES: SourceLoader = {
  load: (path) => new LoadError("not_found", `Cannot read "${path}": there is no such file`),
};

/** The words that Tab offers, and the part of the line that they replace. */
export function complete(repl: Repl, line: string): [readonly string[], string] {
  const { all, part } = repl.suggest(line);
  return [all.map(({ text }) => text), part];
}

/** The REPL's output for some lines, with prompts, and the prompts separately. */
export function talk(...lines: string[]) {
  return talkWith({}, ...lines);
}

/** Like `talk`, with further options of the REPL. */
export async function talkWith(more: Partial<ReplOptions>, ...lines: string[]) {
  let output = "";
  const prompts: string[] = [];
  // The output of each line.
  const answers: string[] = [];
  async function* feed() {
    for (const line of lines) {
      output = "";
      yield line;
      answers.push(output);
    }
  }
  const repl = new Repl({
    lines: feed(),
    write: (text) => void (output += text),
    prompt: (text) => void prompts.push(text),
  }, { loader: NO_FILES, colour: false, columns: 80, ...more });
  repl.start();
  output = "";
  await repl.run();
  answers.push(output);
  return { answers, prompts, last: answers[lines.length - 1] ?? "", rest: output, repl };
}
