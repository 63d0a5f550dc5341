/**
 * Converts the words of a command line to the values of a command's options. The command's table
 * describes these options. Both entries of `bin/` use this file.
 */
import { nearestNames } from "@dmalab/lang/diagnostics";
import type { ArgumentSpec, CommandSpec, OptionsOf, OptionSpec, OptionSpecs } from "./command.ts";
import { readWholeNumber } from "./numbers.ts";

/** The options that every command has. */
export const HELP: readonly string[] = ["--help", "-h"];

export type Taking<O extends OptionSpecs> = Pick<CommandSpec<O>, "name" | "argument" | "options">;

/**
 * Reads the words after a command's name. If a word is wrong, returns the problem as a sentence
 * without its full stop.
 */
export function readWords<O extends OptionSpecs>(
  { argument, name: commandName, options: specs }: Taking<O>,
  given: readonly string[],
): { readonly words: readonly string[]; readonly options: OptionsOf<O> } | string {
  const words: string[] = [];
  const values = new Map<string, boolean | number | string | string[] | Record<string, number>>();
  const names = new Map<string, string>();
  for (const [name, spec] of Object.entries(specs)) {
    names.set(`--${name}`, name);
    if (spec.kind === "text" && spec.also !== undefined) names.set(spec.also, name);
  }
  for (let index = 0; index < given.length; index++) {
    const word = given[index]!;
    if (word === "--") {
      words.push(...given.slice(index + 1));
      break;
    }
    if (!/^-./.test(word)) {
      words.push(word);
      continue;
    }
    const [, option = word, attached] = word.match(/^(--[^=]*)=(.*)$/s) ?? [];
    const name = names.get(option);
    if (name === undefined) return noOption(commandName, option, [...names.keys(), ...HELP]);
    const spec = specs[name]!;
    if (!isRepeatable(spec) && values.has(name)) return `${option} can be given only once`;
    if (spec.kind === "flag") {
      if (attached !== undefined) return `${option} takes no value, but was given "${attached}"`;
      values.set(name, true);
      continue;
    }
    const next = given[index + 1];
    if (spec.kind === "form") {
      const isNamed = attached === undefined && next !== undefined && spec.forms.includes(next);
      if (isNamed) index++;
      const form = attached ?? (isNamed ? next : spec.forms[0]);
      if (!spec.forms.includes(form)) {
        return `${option} takes ${spec.forms.join(" or ")}, not "${form}"${
          meant(form, spec.forms)
        }`;
      }
      values.set(name, form);
      continue;
    }
    const isMissing = attached === undefined && (next === undefined || names.has(next));
    if (isMissing) return `${option} needs a ${spec.placeholder}: ${spec.doc}`;
    const text = attached ?? next!;
    if (attached === undefined) index++;
    if (spec.kind === "integer") {
      const value = wholeNumber(text, spec);
      if (typeof value === "string") return `${option}: ${value}`;
      values.set(name, value);
    } else if (spec.kind === "numbers") {
      const numbers = withNumber(values.get(name), text, option, spec);
      if (typeof numbers === "string") return numbers;
      values.set(name, numbers);
    } else if (spec.kind === "text") values.set(name, text);
    else values.set(name, [...values.get(name) as string[] ?? [], text]);
  }
  const problem = wrongWords(words, argument, commandName);
  if (problem !== null) return problem;
  const options = Object.entries(specs).map(([name, spec]) =>
    [name, values.get(name) ?? unset(spec)] as const
  );
  return { words, options: Object.fromEntries(options) as OptionsOf<O> };
}

/** A sentence without its full stop if there are too many or too few words. */
function wrongWords(
  words: readonly string[],
  argument: ArgumentSpec | null,
  command: string,
): string | null {
  const isOne = argument?.count === "one" || argument?.count === "maybe";
  const most = argument === null ? 0 : isOne ? 1 : Infinity;
  if (words.length > most) return `${command} takes no "${words[most]}"`;
  if (words.length === 0 && (argument?.count === "one" || argument?.count === "some")) {
    return `${command} needs a ${argument.placeholder}: ${argument.doc}`;
  }
  return null;
}

/** The value of an option that is not on the command line. */
function unset({ kind }: OptionSpec): boolean | readonly string[] | Record<string, never> | null {
  if (kind === "flag") return false;
  return kind === "texts" ? [] : kind === "numbers" ? {} : null;
}

/** Whether an option may be given several times. */
export function isRepeatable({ kind }: OptionSpec): boolean {
  return kind === "texts" || kind === "numbers";
}

/**
 * Adds `KEY=NUMBER` to the numbers of an option. If it is wrong, returns the problem as a sentence
 * without its full stop.
 * @param given The option's numbers that were given before it.
 */
function withNumber(
  given: unknown,
  text: string,
  option: string,
  { keys, placeholder }: Extract<OptionSpec, { kind: "numbers" }>,
): Record<string, number> | string {
  const before = given as Readonly<Record<string, number>> | undefined ?? {};
  const [, key = text, value] = text.match(/^([^=]*)=(.*)$/s) ?? [];
  const names = Object.keys(keys);
  if (!names.includes(key)) {
    return `${option} has no "${key}"; expected one of: ${names.join(", ")}${meant(key, names)}`;
  }
  if (value === undefined) return `${option} takes ${placeholder}, such as ${key}=1000`;
  if (Object.hasOwn(before, key)) return `${option} ${key} can be given only once`;
  const read = wholeNumber(value, { least: 1 });
  return typeof read === "string" ? `${option} ${key}: ${read}` : { ...before, [key]: read };
}

function wholeNumber(
  text: string,
  { least = 0, most = Infinity }: { readonly least?: number; readonly most?: number },
): number | string {
  const value = readWholeNumber(text);
  if (value === null) return `"${text}" is not a whole number such as 12 or 0x1f`;
  if (value < least) return `it takes at least ${least}, not ${text}`;
  return value > most ? `it takes at most ${most}, not ${text}` : value;
}

/** Names that options have in other programs. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  "--grep": "--match",
  "--filter": "--match",
  "-k": "--match",
  "-t": "--match",
};

/** The error for an unknown option. */
export function noOption(of: string, option: string, options: readonly string[]): string {
  const name = option.replace(/=.*$/s, "");
  const other = Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name]! : null;
  const hint = other !== null && options.includes(other)
    ? `; did you mean "${other}"?`
    : meant(name, options);
  return `${of} has no option "${option}"${hint}`;
}

/**
 * The text `; did you mean …?` with the most similar name, to add to a sentence; empty if no name
 * is similar.
 */
export function meant(name: string, candidates: readonly string[]): string {
  const [nearest] = nearestNames(name, candidates, 1);
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}
