/** The command line of `dmalab`: help, version and completions, or a command with its values. */
import { type Command, type CommandTable, loadCommands, type OptionValues } from "./command.ts";
import { type ExitCode, HELD } from "./exit_code.ts";
import { HELP, meant, noOption, readWords } from "./read_words.ts";
import { refuse, type Screen } from "./screen.ts";

/** The program's description. */
export interface ProgramInfo {
  readonly name: string;
  readonly version: string;
  readonly brief: string;
  readonly commands: CommandTable;
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
const COMPLETIONS = "completions";

/** Reads the words of a command line; says itself what there is to say about help and mistakes. */
export async function parseCommandLine(
  { commands: own, name: program, ...about }: ProgramInfo,
  words: readonly string[],
  screen: Screen,
): Promise<Parsed> {
  const table: CommandTable = {
    ...own,
    [COMPLETIONS]: async () => (await import("./completions.ts")).COMPLETIONS,
  };
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
  const isKnown = Object.hasOwn(table, name);
  if (name === COMPLETIONS && rest[0]?.startsWith("-") === false) {
    const { completionText } = await import("./completions.ts");
    const completed = completionText({ program, commands: await loadCommands(table) }, rest);
    return completed.found ? say(completed.text) : refuse(completed.problem, screen);
  }
  const isAskedFor = (names: readonly string[]) =>
    (isKnown || name.startsWith("-")) && asked.some((word) => names.includes(word));
  if (isAskedFor(HELP)) {
    const { commandHelp, programHelp } = await import("./command_help.ts");
    return say(
      isKnown ? commandHelp(await table[name]!(), program, screen) : programHelp(
        { name: program, brief: about.brief, commands: await loadCommands(table) },
        screen,
      ),
    );
  }
  if (isAskedFor(VERSION)) return say(`${program} ${about.version}\n`);
  if (!isKnown) {
    return refuse(
      name.startsWith("-")
        ? noOption(program, name, [...HELP, ...VERSION])
        : `There is no command "${name}"` +
          (meant(name, Object.keys(table)) || `; "${program} --help" lists them`),
      screen,
    );
  }
  const command = await table[name]!();
  const read = readWords(command, rest);
  return typeof read === "string" ? refuse(read, screen) : { command, ...read };
}
