/**
 * The description of a command: its arguments, options, help texts and function. Both entries of
 * `bin/` read these descriptions.
 */
import type { CommandPermissions } from "./permissions.ts";
import type { ExitCode } from "./exit_code.ts";
import type { Screen } from "./screen.ts";

/** A word after the command's name. */
export interface ArgumentSpec {
  /** The argument's name in help: `FILE`. */
  readonly placeholder: string;
  readonly doc: string;
  /** What completion offers: `.dma` files, any files, folders, these words, or nothing. */
  readonly completes:
    | "scenarios"
    | "files"
    | "folders"
    | "nothing"
    | (() => readonly string[] | Promise<readonly string[]>);
  /** How many arguments of this kind the command accepts. */
  readonly count: "one" | "maybe" | "some" | "any";
}

/** `--name`, with or without a value. */
export type OptionSpec =
  & {
    readonly doc: string;
    /** The option must be given: usage shows it without brackets. */
    readonly isNeeded?: true;
  }
  & (
    | { readonly kind: "flag" }
    /** `also` is a short name of the option; `choices` are the values that completion offers. */
    | {
      readonly kind: "text";
      readonly placeholder: string;
      readonly also?: `-${string}`;
      readonly choices?: readonly string[];
    }
    /** May be given several times. */
    | { readonly kind: "texts"; readonly placeholder: string }
    /** `--name KEY=NUMBER`, several times; each number is 1 or more. `keys`: the description of each key. */
    | {
      readonly kind: "numbers";
      readonly placeholder: string;
      readonly keys: Readonly<Record<string, string>>;
    }
    /** `--name`, `--name FORM` or `--name=FORM`; `--name` alone means the first form. */
    | {
      readonly kind: "form";
      readonly placeholder: string;
      readonly forms: readonly [string, ...string[]];
    }
    /** Decimal or hexadecimal, from `least` (0) to `most`. */
    | {
      readonly kind: "integer";
      readonly placeholder: string;
      readonly least?: number;
      readonly most?: number;
    }
  );

export const flag = (doc: string) => ({ kind: "flag", doc }) as const;
export const text = (placeholder: string, doc: string) =>
  ({ kind: "text", placeholder, doc }) as const;
/** A text that is one of some words. */
export const choice = (placeholder: string, choices: readonly string[], doc: string) =>
  ({ kind: "text", placeholder, choices, doc }) as const;
/** An option that must be given. */
export const needed = <const S extends OptionSpec>(spec: S) =>
  ({ ...spec, isNeeded: true }) as const;
export const texts = (placeholder: string, doc: string) =>
  ({ kind: "texts", placeholder, doc }) as const;
export const integer = (
  placeholder: string,
  doc: string,
  bounds: { readonly least?: number; readonly most?: number } = {},
) => ({ kind: "integer", placeholder, doc, ...bounds }) as const;

export interface Example {
  /** The command line, without the program's name. */
  readonly line: string;
  readonly doc: string;
}

type OptionValue<S extends OptionSpec> = S["kind"] extends "flag" ? boolean
  : S["kind"] extends "integer" ? number | null
  : S["kind"] extends "texts" ? readonly string[]
  : S extends { readonly keys: Readonly<Record<infer K extends string, string>> }
    ? Readonly<Partial<Record<K, number>>>
  : S extends { readonly forms: readonly (infer F)[] } ? F | null
  : string | null;

/** Values of options by their names, whatever their kinds. */
export type OptionValues = Readonly<
  Record<
    string,
    boolean | number | string | readonly string[] | Readonly<Partial<Record<string, number>>> | null
  >
>;

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/**
 * The value of each option by its name; null for an option that was not given, and no key for a
 * number that was not given.
 */
export type OptionsOf<O extends OptionSpecs> = { readonly [N in keyof O]: OptionValue<O[N]> };

/** The input of a command: its arguments and options. */
export interface Invocation<O extends OptionSpecs> {
  readonly words: readonly string[];
  readonly options: OptionsOf<O>;
  readonly screen: Screen;
}

export interface CommandSpec<O extends OptionSpecs> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly brief: string;
  /** A paragraph for the command's own help. */
  readonly description: string;
  readonly argument: ArgumentSpec | null;
  readonly options: O;
  readonly examples: readonly Example[];
  /** What the launcher permits the command to do. */
  readonly may: CommandPermissions;
  /** Runs the command. Modules that are slow to load are imported here, not before. */
  run(invocation: Invocation<O>): Promise<ExitCode>;
}

/**
 * A command without the types of its options. These types are checked where the command is defined.
 */
export interface Command extends Omit<CommandSpec<OptionSpecs>, "run"> {
  /**
   * The command's actions, if it has any. The word after the command's name selects an action;
   * without that word the command does nothing.
   */
  readonly actions?: readonly Command[];
  run(invocation: {
    readonly words: readonly string[];
    readonly options: OptionValues;
    readonly screen: Screen;
  }): Promise<ExitCode>;
}

/**
 * Commands by their names, in the order in which help lists them. At its start the program loads
 * only the record of the command that the user gave. It loads all records for help, for completions
 * and for the tables in docs.
 */
export type CommandTable = Readonly<Record<string, () => Promise<Command>>>;

export function loadCommands(table: CommandTable): Promise<readonly Command[]> {
  return Promise.all(Object.values(table).map((load) => load()));
}

/**
 * Makes a command. The type checker refuses a `run` that uses an option that the command does not
 * declare.
 */
export function command<const O extends OptionSpecs>(spec: CommandSpec<O>): Command {
  return {
    ...spec,
    run: ({ words, options, screen }) =>
      spec.run({ words, options: options as Invocation<O>["options"], screen }),
  };
}

/** One of the actions of a command: it has options, examples and help like a command. */
export function action<const O extends OptionSpecs>(
  spec: Omit<CommandSpec<O>, "may">,
): Command {
  return command({ ...spec, may: {} });
}

/**
 * A command that does nothing without one of its actions.
 * @param may The permissions that all actions need.
 */
export function commandOfActions(
  spec: Pick<Command, "name" | "brief" | "description" | "may"> & {
    readonly actions: readonly Command[];
  },
): Command {
  const { actions } = spec;
  return {
    ...spec,
    argument: {
      placeholder: "ACTION",
      doc: actions.map(({ name }) => name).join(", "),
      completes: () => actions.map(({ name }) => name),
      count: "some",
    },
    options: {},
    examples: actions.flatMap(({ examples }) => examples),
    run: () => Promise.reject(new Error(`"${spec.name}" was run without an action`)),
  };
}
