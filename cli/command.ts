/**
 * How a command describes itself: its words, its texts, its function. Both entries read these
 * tables.
 */
import type { CommandPermissions } from "./permissions.ts";
import type { ExitCode } from "./exit_code.ts";
import type { Screen } from "./screen.ts";

/** A word after the command's name. */
export interface ArgumentSpec {
  /** What help calls it: `FILE`. */
  readonly placeholder: string;
  readonly doc: string;
  /** What completion offers: `.dma` files, any files, folders, these words, or nothing. */
  readonly completes: "scenarios" | "files" | "folders" | "nothing" | (() => readonly string[]);
  /** How many are taken. */
  readonly count: "one" | "maybe" | "some" | "any";
}

/** `--name`, with or without a value. */
export type OptionSpec =
  & {
    readonly doc: string;
    /** The command does nothing without it: usage shows it without brackets. */
    readonly isNeeded?: true;
  }
  & (
    | { readonly kind: "flag" }
    /** Also by a short name. */
    | { readonly kind: "text"; readonly placeholder: string; readonly also?: `-${string}` }
    /** May be given several times. */
    | { readonly kind: "texts"; readonly placeholder: string }
    /** `--name`, `--name FORM` or `--name=FORM`; the first form where none is named. */
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
/** An option that the command does nothing without. */
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
  : S extends { readonly forms: readonly (infer F)[] } ? F | null
  : string | null;

/** Values of options by their names, whatever their kinds. */
export type OptionValues = Readonly<
  Record<string, boolean | number | string | readonly string[] | null>
>;

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** Each option by its name, null when it was not given. */
export type OptionsOf<O extends OptionSpecs> = { readonly [N in keyof O]: OptionValue<O[N]> };

/** The input of a command: the words, and its options. */
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
  /** Its permissions where the launcher starts it. */
  readonly may: CommandPermissions;
  /** Does it. Whatever is slow to load is loaded here, not before. */
  run(invocation: Invocation<O>): Promise<ExitCode>;
}

/** A command without the types of its options, which have been checked. */
export interface Command extends Omit<CommandSpec<OptionSpecs>, "run"> {
  /** Its actions, where it has several: the word after its name. The command alone does nothing. */
  readonly actions?: readonly Command[];
  run(invocation: {
    readonly words: readonly string[];
    readonly options: OptionValues;
    readonly screen: Screen;
  }): Promise<ExitCode>;
}

/**
 * Commands by their names, in the order in which help lists them. A start loads the record of the
 * command that it was given, and all of them only for help, completions and a table of docs.
 */
export type CommandTable = Readonly<Record<string, () => Promise<Command>>>;

export function loadCommands(table: CommandTable): Promise<readonly Command[]> {
  return Promise.all(Object.values(table).map((load) => load()));
}

/** Checks that a command asks for the options it declares. */
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

/** A command that does nothing without one of its actions. @param may What all of them need. */
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
