/** What `--help` prints. */
import { painter, wrappedPairs, wrapText } from "@dmalab/lang/text";
import type { ArgumentSpec, Command, Example, OptionSpec } from "./command.ts";
import { isRepeatable } from "./read_words.ts";
import type { Screen } from "./screen.ts";

/** Width of help where the width of the screen is unknown. */
const DEFAULT_COLUMNS = 100;

type Look = Pick<Screen, "colour" | "columns">;
type Pair = readonly [name: string, text: string];

export function programHelp(
  { brief, commands, name }: {
    readonly name: string;
    readonly brief: string;
    readonly commands: readonly Command[];
  },
  look: Look,
): string {
  const pairs: readonly Pair[] = [
    ...commands.map((each) => [each.name, each.brief] as const),
    ["-h, --help", "Show this help, or that of a command."],
    ["-V, --version", "Show the version."],
  ];
  const examples = commands.flatMap((each) => each.examples.slice(0, 1));
  return new HelpText(look).line(brief).usage([name, "COMMAND", "..."]).pairs(pairs)
    .examples(name, examples).text;
}

/** A command's options and examples. @param program How a command line begins: the program's name. */
export function commandHelp(command: Command, program: string, look: Look): string {
  const { actions, argument, description, examples, name, options } = command;
  const usage = Object.entries(options).map(([option, spec]) => {
    const shown = optionText(option, spec);
    return spec.isNeeded ? shown : `[${shown}${isRepeatable(spec) ? "..." : ""}]`;
  });
  const help = new HelpText(look).line(command.brief)
    .usage([program, name, ...usage, ...argument === null ? [] : [argumentText(argument)]])
    .paragraph(description);
  const pairs: readonly Pair[] = actions?.map((each) => [each.name, each.brief] as const) ?? [
    ...argument === null ? [] : [[argument.placeholder, argument.doc] as const],
    ...optionPairs(options),
  ];
  return help.pairs(pairs).examples(program, examples).text;
}

/**
 * Help for the options only, for a program that has a single command.
 * @param usage How the program is started.
 */
export function optionsHelp(command: Command, usage: string, look: Look): string {
  const words = [...usage.split(" "), "[OPTION...]"];
  return new HelpText(look).usage(words).pairs(optionPairs(command.options)).text;
}

function optionPairs(options: Command["options"]): readonly Pair[] {
  return Object.entries(options).map(([option, spec]) => {
    const short = spec.kind === "text" && spec.also !== undefined ? `${spec.also}, ` : "";
    return [`${short}${optionText(option, spec)}`, spec.doc];
  });
}

function optionText(name: string, spec: OptionSpec): string {
  if (spec.kind === "flag") return `--${name}`;
  return `--${name} ${spec.kind === "form" ? `[${spec.placeholder}]` : spec.placeholder}`;
}

function argumentText({ count, placeholder }: ArgumentSpec): string {
  switch (count) {
    case "one":
      return placeholder;
    case "maybe":
      return `[${placeholder}]`;
    case "some":
      return `${placeholder}...`;
    case "any":
      return `[${placeholder}...]`;
  }
}

class HelpText {
  text = "";
  readonly #columns: number;
  readonly #strong: (text: string) => string;

  constructor({ colour, columns }: Look) {
    this.#columns = columns ?? DEFAULT_COLUMNS;
    const paint = painter(colour);
    this.#strong = (text) => paint("strong", text);
  }

  line(text: string): this {
    for (const line of wrapText(text, this.#columns)) this.text += `${line}\n`;
    return this;
  }

  paragraph(text: string): this {
    this.text += "\n";
    return this.line(text);
  }

  /** Adds the usage. Lines are broken between words, never inside an option with its value. */
  usage(words: readonly string[]): this {
    const head = "Usage: ";
    let line = `${head}${words[0]}`;
    for (const word of words.slice(1)) {
      if (line.length + 1 + word.length <= this.#columns) line += ` ${word}`;
      else {
        this.text += `${line}\n`;
        line = `${" ".repeat(head.length)}${word}`;
      }
    }
    this.text += `${line}\n`;
    this.text = this.text.replace(head, this.#strong(head.trim()) + " ");
    return this;
  }

  pairs(pairs: readonly Pair[]): this {
    const lines = wrappedPairs(pairs, this.#columns);
    // A name starts after two columns, and ends before two blanks.
    const shown = lines.map((line) =>
      line.replace(/^ {2}(\S+(?: \S+)*)/, (_, name) => `  ${this.#strong(name)}`)
    );
    this.text += `\n${shown.map((line) => `${line}\n`).join("")}`;
    return this;
  }

  examples(program: string, examples: readonly Example[]): this {
    if (examples.length === 0) return this;
    const pairs = examples.map(({ doc, line }) => [`${program} ${line}`, doc] as const);
    const width = Math.max(...pairs.map(([line]) => line.length));
    const beside = pairs.map(([line, doc]) => `  ${line.padEnd(width)}  ${doc}`);
    const fits = beside.every(({ length }) => length <= this.#columns);
    const lines = fits ? beside : wrappedPairs(pairs, this.#columns);
    this.text += `\n${this.#strong("Examples:")}\n${lines.map((line) => `${line}\n`).join("")}`;
    return this;
  }
}
