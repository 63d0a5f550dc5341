/**
 * The command line: words to a command and its values. The only file that knows the framework
 * (optique): to use another, rewrite this one. It is loaded by `main.ts` alone, never on the way
 * of `deno run scenario.dma`, because loading it takes longer than running a small scenario.
 *
 * `@optique/core` reads neither the environment nor the terminal, so that help and completions need
 * no permission; the screen says what the terminal can do.
 */
import { object, or } from "@optique/core/constructs";
import { type RunOptions, runParserSync } from "@optique/core/facade";
import { formatMessage, type Message, text } from "@optique/core/message";
import { map, multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Suggestion } from "@optique/core/parser";
import { argument, command as commandParser, constant, option } from "@optique/core/primitives";
import { string, type ValueParser } from "@optique/core/valueparser";
import { nearestNames } from "../lang/diagnostics/suggest.ts";
import { wrappedPairs } from "../lang/text/columns.ts";
import type { ArgumentSpec, Command, OptionSpec, OptionValues } from "./command.ts";
import { type ExitCode, HELD, WRONG } from "./exit_code.ts";
import { readWholeNumber } from "./numbers.ts";
import type { Screen } from "./screen.ts";
import { withUsage } from "./usage_lines.ts";

/** What the program says about itself. */
export interface Program {
  readonly name: string;
  readonly version: string;
  readonly brief: string;
  readonly commands: readonly Command[];
}

/** A command found, with its values; or the exit code, when all has been said already. */
export type Parsed =
  | {
    readonly command: Command;
    readonly words: readonly string[];
    readonly options: OptionValues;
  }
  | ExitCode;

/** Width of help where the width of the screen is unknown. */
const DEFAULT_COLUMNS = 100;
/** The framework's own command: a script for bash, zsh, fish and others, and its answers. */
const COMPLETIONS = "completions";

/** Reads the words of a command line; says itself what there is to say about help and mistakes. */
export function parseCommandLine(
  program: Program,
  words: readonly string[],
  screen: Screen,
): Parsed {
  // The framework takes longer to make the parsers of all commands than to parse.
  const named = program.commands.filter(({ name }) => name === words[0]);
  const possible = named.length > 0 ? named : program.commands;
  const parser = or(...possible.map(commandOf), {
    errors: {
      unexpectedInput: (unexpected) => plain(unexpectedWord(program, words, unexpected)),
      noMatch: plain(`No command given: "${program.name} --help" lists the commands`),
    },
  });
  // The framework looks shells up in an object, where it finds what every object has.
  const shell = words[0] === COMPLETIONS ? words[1] : undefined;
  if (shell !== undefined && shell in Object.prototype) {
    screen.err(`error: There are no completions for a shell "${shell}"\n`);
    return WRONG;
  }
  // The framework writes first and calls back then; a text of ours may have to follow.
  let written = "";
  const said = (exitCode: ExitCode): Parsed => {
    screen.out(written);
    return exitCode;
  };
  const columns = screen.columns ?? DEFAULT_COLUMNS;
  const options: RunOptions<Parsed, Parsed> = {
    brief: plain(program.brief),
    colors: screen.colour,
    maxWidth: columns,
    termWidth: "auto",
    usageLine: [{ type: "literal", value: "COMMAND" }, { type: "ellipsis" }],
    aboveError: "none",
    stdout: (text) => void (written += `${withUsage(text.trimEnd(), columns)}\n`),
    stderr: () => {},
    help: {
      option: { names: ["-h", "--help"] },
      onShow: () => {
        written += examplesText(program, words, columns);
        return said(HELD);
      },
    },
    version: {
      value: `${program.name} ${program.version}`,
      option: { names: ["-V", "--version"] },
      onShow: () => said(HELD),
    },
    completion: { command: { names: [COMPLETIONS] }, onShow: () => said(HELD) },
    onError: (_, error) => {
      screen.err(`error: ${formatMessage(error, { colors: screen.colour, quotes: true })}\n`);
      return WRONG;
    },
  };
  const given = withForms(program, words);
  return runParserSync<typeof parser, Parsed, Parsed>(parser, program.name, given, options);
}

/** The same words with every form written out: the framework knows no option with a value or without. */
function withForms({ commands }: Program, words: readonly string[]): readonly string[] {
  const options = commands.find(({ name }) => name === words[0])?.options ?? {};
  const given: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (word === "--") return [...given, ...words.slice(index)];
    const spec = word.startsWith("--") ? options[word.slice(2)] : undefined;
    if (spec?.kind !== "form") {
      given.push(word);
      continue;
    }
    const [first, ...others] = spec.forms;
    const next = words[index + 1] ?? "";
    const isNamed = next === first || others.includes(next);
    given.push(`${word}=${isNamed ? next : first}`);
    if (isNamed) index++;
  }
  return given;
}

/** What is wrong with a word that fits nowhere, and what may have been meant. */
function unexpectedWord(program: Program, words: readonly string[], unexpected: string): string {
  const command = program.commands.find(({ name }) => name === words[0]);
  if (unexpected.startsWith("-")) {
    const options = [...Object.keys(command?.options ?? {}), "help", ...command ? [] : ["version"]];
    const name = unexpected.replace(/=.*$/s, "");
    return `${command?.name ?? program.name} has no option "${name}"` +
      meant(name, options.map((option) => `--${option}`));
  }
  if (command !== undefined) return `${command.name} takes no "${unexpected}"`;
  const names = [...program.commands.map(({ name }) => name), COMPLETIONS];
  return `There is no command "${unexpected}"` +
    (meant(unexpected, names) || `; "${program.name} --help" lists them`);
}

function meant(name: string, candidates: readonly string[]): string {
  const [nearest] = nearestNames(name, candidates, 1);
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}

/** The examples of the command asked about; one of each when it is about the program. */
function examplesText(program: Program, words: readonly string[], columns: number): string {
  if (words[0] === COMPLETIONS) return "";
  const command = program.commands.find(({ name }) => words.includes(name));
  const examples = command === undefined
    ? program.commands.flatMap((each) => each.examples.slice(0, 1))
    : command.examples;
  const pairs = examples.map(({ doc, line }) => [`${program.name} ${line}`, doc] as const);
  const width = Math.max(...pairs.map(([line]) => line.length));
  const beside = pairs.map(([line, doc]) => `  ${line.padEnd(width)}  ${doc}`);
  const fits = beside.every(({ length }) => length <= columns);
  const lines = fits ? beside : wrappedPairs(pairs, columns);
  return `\nExamples:\n${lines.map((line) => `${line}\n`).join("")}`;
}

function commandOf(spec: Command) {
  const options = Object.entries(spec.options).map(([name, optionSpec]) =>
    [name, optionOf(name, optionSpec)] as const
  );
  const parser = object({
    command: constant(spec),
    words: wordsOf(spec),
    options: object(Object.fromEntries(options)),
  });
  return commandParser(spec.name, parser, {
    brief: plain(spec.brief),
    description: plain(spec.description),
  });
}

function optionOf(name: string, spec: OptionSpec) {
  const description = { description: plain(spec.doc) };
  if (spec.kind === "flag") return option(`--${name}`, description);
  if (spec.kind === "texts") {
    const value = string({ metavar: spec.placeholder as "TEXT" });
    return multiple(option(`--${name}`, value, description));
  }
  if (spec.kind === "form") {
    return withDefault(option(`--${name}`, oneForm(spec), description), null);
  }
  const value: ValueParser<"sync", string | number> = spec.kind === "text"
    ? string({ metavar: spec.placeholder as "TEXT" })
    : wholeNumber(spec);
  const long = `--${name}` as const;
  const named = spec.kind === "text" && spec.also !== undefined
    ? option(spec.also as `--${string}`, long, value, description)
    : option(long, value, description);
  return withDefault(named, null);
}

function wordsOf({ name, argument: spec }: Command) {
  if (spec === null) return constant<readonly string[]>([]);
  const missing = plain(`${name} needs a ${spec.placeholder}: ${spec.doc}`);
  const one = argument(word(spec), {
    description: plain(spec.doc),
    errors: { endOfInput: missing },
  });
  switch (spec.count) {
    case "one":
      return map(one, (value): readonly string[] => [value]);
    case "maybe":
      return map(optional(one), (value): readonly string[] => value === undefined ? [] : [value]);
    case "some":
      return multiple(one, { min: 1, errors: { tooFew: missing } });
    case "any":
      return multiple(one);
  }
}

/** The framework's texts wrap; ours are plain sentences. */
function plain(sentence: string): Message {
  return [text(sentence)];
}

function word(spec: ArgumentSpec): ValueParser<"sync", string> {
  return {
    mode: "sync",
    metavar: spec.placeholder as "WORD",
    placeholder: "",
    parse: (input) => ({ success: true, value: input }),
    format: (value) => value,
    *suggest(prefix): Iterable<Suggestion> {
      if (spec.completes === "scenarios") {
        yield { kind: "file", type: "any", extensions: [".dma"] };
      } else if (spec.completes === "files") {
        yield { kind: "file", type: "any" };
      } else if (spec.completes === "folders") {
        yield { kind: "file", type: "directory" };
      } else if (spec.completes !== "nothing") {
        for (const each of spec.completes()) {
          if (each.startsWith(prefix)) yield { kind: "literal", text: each };
        }
      }
    },
  };
}

function oneForm(
  { forms, placeholder }: Extract<OptionSpec, { kind: "form" }>,
): ValueParser<"sync", string> {
  return {
    mode: "sync",
    metavar: placeholder as "FORM",
    placeholder: forms[0],
    parse: (input) =>
      forms.includes(input) ? { success: true, value: input } : {
        success: false,
        error: plain(
          `it takes ${forms.join(" or ")}, not "${input}"${meant(input, forms)}`,
        ),
      },
    format: (value) => value,
    *suggest(prefix): Iterable<Suggestion> {
      for (const form of forms) if (form.startsWith(prefix)) yield { kind: "literal", text: form };
    },
  };
}

function wholeNumber(
  { least = 0, most = Infinity, placeholder }: Extract<OptionSpec, { kind: "integer" }>,
): ValueParser<"sync", number> {
  return {
    mode: "sync",
    metavar: placeholder as "NUMBER",
    placeholder: 0,
    parse: (input) => {
      const value = readWholeNumber(input);
      if (value === null) {
        return {
          success: false,
          error: plain(`"${input}" is not a whole number such as 12 or 0x1f`),
        };
      }
      if (value < least) {
        return { success: false, error: plain(`it takes at least ${least}, not ${input}`) };
      }
      return value > most
        ? { success: false, error: plain(`it takes at most ${most}, not ${input}`) }
        : { success: true, value };
    },
    format: String,
  };
}
