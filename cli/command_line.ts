/** The command line of `dmalab`: help, version and completions, or a command with its values. */
import type { Command, OptionValues } from "./command.ts";
import { commandHelp, programHelp } from "./command_help.ts";
import { COMPLETIONS, completionText } from "./completions.ts";
import { type ExitCode, HELD } from "./exit_code.ts";
import { HELP, meant, noOption, readWords } from "./read_words.ts";
import { refuse, type Screen } from "./screen.ts";

/** The program's description. */
export interface ProgramInfo {
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

const VERSION = ["--version", "-V"];

/** Reads the words of a command line; says itself what there is to say about help and mistakes. */
export function parseCommandLine(
  { commands: own, name: program, ...about }: ProgramInfo,
  words: readonly string[],
  screen: Screen,
): Parsed {
  const commands = [...own, COMPLETIONS];
  const [name, ...rest] = words;
  const say = (text: string): ExitCode => {
    screen.data(text);
    return HELD;
  };
  if (name === undefined) {
    return refuse(`No command given: "${program} --help" lists the commands`, screen);
  }
  const end = words.indexOf("--");
  const asked = end < 0 ? words : words.slice(0, end);
  const command = commands.find((each) => each.name === name);
  if (command === COMPLETIONS && rest[0]?.startsWith("-") === false) {
    const completed = completionText({ program, commands }, rest);
    return completed.found ? say(completed.text) : refuse(completed.problem, screen);
  }
  const isAskedFor = (names: readonly string[]) =>
    (command !== undefined || name.startsWith("-")) && asked.some((word) => names.includes(word));
  if (isAskedFor(HELP)) {
    return say(
      command === undefined
        ? programHelp({ name: program, brief: about.brief, commands }, screen)
        : commandHelp(command, program, screen),
    );
  }
  if (isAskedFor(VERSION)) return say(`${program} ${about.version}\n`);
  if (command === undefined) {
    return refuse(
      name.startsWith("-")
        ? noOption(program, name, [...HELP, ...VERSION])
        : `There is no command "${name}"` +
          (meant(name, commands.map((each) => each.name)) || `; "${program} --help" lists them`),
      screen,
    );
  }
  const read = readWords(command, rest);
  return typeof read === "string" ? refuse(read, screen) : { command, ...read };
}
