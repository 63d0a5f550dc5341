/** The command line of `dmalab`: help, version and completions, or a command with its values. */
import { type Command, type CommandTable, loadCommands, type OptionValues } from "./command.ts";
import { type ExitCode, HELD } from "./exit_code.ts";
import { HELP, meant, noOption, readWords } from "./read_words.ts";
import { refuse } from "./print_error.ts";
import type { Screen } from "./screen.ts";

/** The program's description. */
export interface ProgramInfo {
  readonly name: string;
  readonly version: string;
  readonly brief: string;
  readonly commands: CommandTable;
}

/** A command with its values; or the exit code, when everything has been printed already. */
export type Parsed =
  | {
    readonly command: Command;
    readonly words: readonly string[];
    readonly options: OptionValues;
  }
  | ExitCode;

const VERSION = ["--version", "-V"];
/** `help`, `help run` and `version` are written as options of the program or of the command. */
function withoutHelpWords(words: readonly string[]): readonly string[] {
  const [name, ...rest] = words;
  if (name === undefined) return ["--help"];
  if (name === "help") return [...rest, "--help"];
  return name === "version" && rest.length === 0 ? ["--version"] : words;
}

const COMPLETIONS = "completions";

/** Parses the words of a command line; prints help and messages about mistakes. */
export async function parseCommandLine(
  { commands: own, name: program, ...about }: ProgramInfo,
  given: readonly string[],
  screen: Screen,
): Promise<Parsed> {
  const words = withoutHelpWords(given);
  const table: CommandTable = {
    ...own,
    [COMPLETIONS]: async () => (await import("./completions.ts")).COMPLETIONS,
  };
  const [name = "", ...rest] = words;
  const say = (text: string): ExitCode => {
    screen.data(text);
    return HELD;
  };
  const end = words.indexOf("--");
  const asked = end < 0 ? words : words.slice(0, end);
  const isKnown = Object.hasOwn(table, name);
  if (name === COMPLETIONS && rest[0]?.startsWith("-") === false) {
    const { completionText } = await import("./completions.ts");
    const completed = await completionText({ program, commands: await loadCommands(table) }, rest);
    return completed.found ? say(completed.text) : refuse(completed.problem, screen);
  }
  const isAskedFor = (names: readonly string[]) =>
    (isKnown || name.startsWith("-")) && asked.some((word) => names.includes(word));
  if (isAskedFor(HELP)) {
    const { commandHelp, programHelp } = await import("./command_help.ts");
    return say(
      isKnown ? commandHelp(helped(await table[name]!(), rest), program, screen) : programHelp(
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
          (meant(name, Object.keys(table)) || fileHint(name, program, table) ||
            `; "${program} --help" lists them`),
      screen,
    );
  }
  const whole = await table[name]!();
  const command = whole.actions === undefined ? whole : actionOf(whole, rest[0]);
  if (typeof command === "string") return refuse(command, screen);
  const read = readWords(command, whole.actions === undefined ? rest : rest.slice(1));
  if (typeof read === "string") return refuse(ownerOf(whole, command, rest) ?? read, screen);
  return { command, ...read };
}

/**
 * A hint that names the right command, if a scenario's name is in the place of the command; empty
 * for any other word.
 */
function fileHint(name: string, program: string, table: CommandTable): string {
  const isScenario = name.endsWith(".dma") && Object.hasOwn(table, "run");
  return isScenario ? `; write "${program} run ${name}" to run that scenario` : "";
}

/**
 * The action that a command line selects; the name of the result consists of the command's name and
 * the action's name. If the word is wrong, the problem as a sentence without its full stop.
 */
function actionOf({ actions, name }: Command, word: string | undefined): Command | string {
  const found = actions!.find((each) => each.name === word);
  if (found !== undefined) return { ...found, name: `${name} ${found.name}` };
  const names = actions!.map((each) => each.name);
  if (word === undefined || word.startsWith("-")) {
    return `${name} needs an action before anything else: ${names.join(", ")}`;
  }
  return `unknown ${name} action "${word}"; expected one of: ${names.join(", ")}${
    meant(word, names)
  }`;
}

/**
 * If the chosen action lacks a given option, a sentence that names another action with this option;
 * null if no action has it.
 */
function ownerOf(
  { actions, name }: Command,
  chosen: Command,
  words: readonly string[],
): string | null {
  const given = words.filter((word) => /^--./.test(word)).map((word) => word.replace(/=.*$/s, ""));
  const option = given.find((each) => !Object.hasOwn(chosen.options, each.slice(2)));
  const owner = actions?.find(({ options }) => Object.hasOwn(options, option?.slice(2) ?? ""));
  if (owner === undefined) return null;
  return `${chosen.name} has no option "${option}"; "${name} ${owner.name}" has it`;
}

/** The command or action to print help for: the action, if the words name one. */
function helped(command: Command, [word]: readonly string[]): Command {
  const action = command.actions === undefined ? command : actionOf(command, word);
  return typeof action === "string" ? command : action;
}
