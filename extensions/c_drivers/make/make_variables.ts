/**
 * The variables of a makefile, and the expansion of `$(…)`. Programs are not run: the output of
 * `$(shell …)` is a mark in the text, and everything that is made of it has the mark, too.
 */
import { TreeError } from "@dmalab/runtime/kernels";
import { shellAnswer } from "./shell_answers.ts";
import { isBelow, KERNEL_ROOT, type MakeFiles, MODULE_ROOT, resolvedPath } from "./make_files.ts";
import { argumentsOf, closingOf, wordsOf } from "./make_lines.ts";
import { patternReplaced, stemOf } from "./make_patterns.ts";

/** Where a makefile says something. */
export interface MakePlace {
  /** Path of the makefile from the module's folder. */
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** Where a variable's value comes from, as `$(origin …)` prints it. */
export type MakeOrigin =
  | "automatic"
  | "command line"
  | "default"
  | "environment"
  | "file"
  | "override";

export interface MakeVariable {
  readonly text: string;
  /** Whether the text was expanded when it was assigned. */
  readonly isExpanded: boolean;
  readonly origin: MakeOrigin;
  /** The texts of an unexpanded variable, each with the line that assigned or added it. */
  readonly pieces?: (readonly [text: string, place: MakePlace])[];
}

/** The output of a program that is not run, or a file of the build machine. */
export interface Unknown {
  readonly what: string;
  readonly place: MakePlace;
}

/** Limits of all makefiles of one module together. */
export class MakeBudget {
  #left = 2 ** 24;

  /** @throws {TreeError} If the makefiles take more than any real one. */
  spend(characters: number, place: MakePlace): void {
    this.#left -= characters;
    if (this.#left >= 0) return;
    throw new TreeError(
      `${placeText(place)}: the makefiles expand to more than 16 Mi characters`,
      "look for a variable that doubles its own text",
    );
  }
}

const MAX_DEPTH = 100;
const MARK = /\uE000(\d+)\uE001/g;
const MARKED = /\uE000/;
const FUNCTION = /^([a-z-]+)[ \t]+/;

export function placeText({ line, path }: MakePlace): string {
  return `${path}:${line}`;
}

/** Whether a text depends on something unknown. */
export function isUnknown(text: string): boolean {
  return MARKED.test(text);
}

/** The text, if every program had printed nothing. */
export function withoutUnknown(text: string): string {
  return text.replace(MARK, "");
}

/** What the reader of lines gives to the expansion. */
export interface MakeContext {
  readonly files: MakeFiles;
  readonly budget: MakeBudget;
  /** The folder in which make runs. */
  readonly folder: string;
  /** The kernel's release, as `uname -r` prints it. */
  readonly release: string;
  /** The line that is being read. */
  place(): MakePlace;
  /** Runs a function as if another line were read. */
  within(place: MakePlace, run: () => string): string;
  /** Reads a text as lines of a makefile (`$(eval …)`). */
  evaluate(text: string): void;
  /**
   * Chooses an outcome of a condition that depends on a program.
   * @param yes The text of the outcome if the condition holds; `no` is the other one.
   */
  choose(condition: string, yes: string, no: string): boolean;
  /** The value of a symbol of the kernel's configuration, by its name with `CONFIG_`; "" if it is off. */
  config(name: string): string;
}

export class MakeVariables {
  readonly #values = new Map<string, MakeVariable>();
  readonly #unknown: Unknown[] = [];
  readonly #active: string[] = [];
  #depth = 0;

  constructor(readonly context: MakeContext) {}

  /** A variable. A symbol of the kernel's configuration that is on is one, too. */
  get(name: string): MakeVariable | undefined {
    const found = this.#values.get(name);
    if (found !== undefined || !name.startsWith("CONFIG_")) return found;
    const text = this.context.config(name);
    return text === "" ? undefined : { text, isExpanded: true, origin: "default" };
  }

  names(): readonly string[] {
    return [...this.#values.keys()];
  }

  delete(name: string): void {
    this.#values.delete(name);
  }

  set(name: string, variable: MakeVariable): void {
    this.#values.set(name, variable);
  }

  /** The expanded value of a variable; "" for an undefined one. */
  valueOf(name: string): string {
    const found = this.get(name);
    if (found === undefined) return "";
    if (found.isExpanded) return found.text;
    if (this.#active.includes(name)) {
      throw new TreeError(
        `${placeText(this.context.place())}: the variable ${name} refers to itself`,
        "make stops at it, too: assign with `:=`",
      );
    }
    this.#active.push(name);
    try {
      if (found.pieces === undefined) return this.expand(found.text);
      return found.pieces.map(([text, place]) =>
        this.context.within(place, () => this.expand(text))
      ).join(" ");
    } finally {
      this.#active.pop();
    }
  }

  /** The unknown values in a text. */
  unknownIn(text: string): readonly Unknown[] {
    return [...text.matchAll(MARK)].map(([, id]) => this.#unknown[Number(id)]!);
  }

  /** Counts the work of a function before it is done. @throws {TreeError} Beyond the limit. */
  spend(characters: number): void {
    this.context.budget.spend(characters, this.context.place());
  }

  /** A text that stands for an unknown value. */
  unknown(what: string): string {
    this.#unknown.push({ what: what.replace(MARK, "…"), place: this.context.place() });
    return `\uE000${this.#unknown.length - 1}\uE001`;
  }

  /** @throws {TreeError} For a loop of variables, and beyond the limits. */
  expand(text: string): string {
    if (!text.includes("$")) return text;
    const { budget } = this.context;
    if (++this.#depth > MAX_DEPTH) {
      throw new TreeError(
        `${placeText(this.context.place())}: more than ${MAX_DEPTH} references within each other`,
        "no makefile of a driver has as many",
      );
    }
    let made = "";
    for (let at = 0; at < text.length;) {
      const next = text.indexOf("$", at);
      if (next < 0) {
        made += text.slice(at);
        break;
      }
      made += text.slice(at, next);
      const sign = text[next + 1];
      if (sign === "(" || sign === "{") {
        at = closingOf(text, next + 1);
        budget.spend(at - next, this.context.place());
        const isClosed = text[at - 1] === (sign === "(" ? ")" : "}");
        made += this.#reference(text.slice(next + 2, isClosed ? at - 1 : at));
      } else {
        made += sign === "$" ? "$" : sign === undefined ? "" : this.valueOf(sign);
        at = next + 2;
      }
    }
    budget.spend(made.length, this.context.place());
    this.#depth--;
    return made;
  }

  #reference(inner: string): string {
    const [head, name] = FUNCTION.exec(inner) ?? [];
    if (name !== undefined && Object.hasOwn(FUNCTIONS, name)) {
      return FUNCTIONS[name]!(this, inner.slice(head!.length));
    }
    const colon = this.#colonIn(inner);
    if (colon >= 0) {
      const [from, to] = this.#substitution(inner.slice(colon + 1));
      if (from !== null) {
        const value = this.valueOf(this.expand(inner.slice(0, colon)));
        const pattern = from.includes("%") ? from : `%${from}`;
        const replacement = from.includes("%") ? to : `%${to}`;
        return wordsOf(value).map((word) => patternReplaced(pattern, replacement, word)).join(" ");
      }
    }
    return this.valueOf(this.expand(inner));
  }

  #colonIn(inner: string): number {
    for (let at = 0; at < inner.length; at++) {
      if (inner[at] === "$" && /[({]/.test(inner[at + 1] ?? "")) at = closingOf(inner, at + 1) - 1;
      else if (inner[at] === ":") return at;
    }
    return -1;
  }

  #substitution(text: string): readonly [from: string | null, to: string] {
    const at = text.indexOf("=");
    if (at < 0) return [null, ""];
    return [this.expand(text.slice(0, at)), this.expand(text.slice(at + 1))];
  }
}

type MakeFunction = (variables: MakeVariables, text: string) => string;

/** A function of some expanded arguments. The last one has the commas that follow. */
function of(
  count: number,
  each: (args: readonly string[], all: MakeVariables) => string,
): MakeFunction {
  return (variables, text) => {
    const args = argumentsOf(text, count).map((part) => variables.expand(part));
    while (args.length < count) args.push("");
    return each(args, variables);
  };
}

/** A function of each word of its last argument. */
function ofWords(
  count: number,
  each: (word: string, args: readonly string[]) => string,
): MakeFunction {
  return of(count, (args, all) => {
    const given = args.map((arg) => arg.trim());
    return wordsOf(args[count - 1]!).map((word) => {
      const made = each(word, given);
      all.spend(made.length);
      return made;
    }).join(" ");
  });
}

function folderOf(word: string): string {
  const at = word.lastIndexOf("/");
  return at < 0 ? "./" : word.slice(0, at + 1);
}

function endingOf(word: string): string {
  const name = word.slice(word.lastIndexOf("/") + 1);
  const at = name.lastIndexOf(".");
  return at < 0 ? "" : name.slice(at);
}

/** Whether a word is among the patterns; a word or a pattern that is unknown stays. */
function isFiltered(patterns: readonly string[], word: string): boolean {
  return patterns.some((pattern) => stemOf(pattern, word) !== null);
}

function filterOf(
  [patterns, text]: readonly string[],
  all: MakeVariables,
): readonly [patterns: readonly string[], words: readonly string[]] {
  const parts = [wordsOf(patterns!), wordsOf(text!)] as const;
  all.spend(parts[0].length * parts[1].length);
  return parts;
}

/** A condition in an expression: not empty. */
function holds(variables: MakeVariables, text: string, yes: string, no: string): boolean {
  const value = variables.expand(text).trim();
  return isUnknown(value) && withoutUnknown(value) === ""
    ? variables.context.choose(value, yes, no)
    : value !== "";
}

function wildcardOf([patterns]: readonly string[], all: MakeVariables): string {
  const { files, folder } = all.context;
  return wordsOf(patterns!).flatMap((pattern) => {
    if (isUnknown(pattern)) return [pattern];
    const path = resolvedPath(pattern, folder);
    // The build machine's own files are not read.
    return isBelow(path, MODULE_ROOT) || isBelow(path, KERNEL_ROOT)
      ? files.wildcard(pattern, folder)
      : [all.unknown(`$(wildcard ${pattern})`)];
  }).join(" ");
}

function called(all: MakeVariables, text: string): string {
  const [name, ...args] = argumentsOf(text).map((part) => all.expand(part));
  const before = args.map((_, at) => all.get(String(at + 1)));
  for (const [at, arg] of args.entries()) {
    all.set(String(at + 1), { text: arg, isExpanded: true, origin: "automatic" });
  }
  // A function may call itself with other arguments.
  const body = all.get(name!.trim());
  const made = body === undefined ? "" : body.isExpanded ? body.text : all.expand(body.text);
  for (const [at, variable] of before.entries()) {
    if (variable === undefined) all.delete(String(at + 1));
    else all.set(String(at + 1), variable);
  }
  return made;
}

function foreach(all: MakeVariables, text: string): string {
  const [named = "", list = "", body = ""] = argumentsOf(text, 3);
  const name = all.expand(named).trim();
  const before = all.get(name);
  const made = wordsOf(all.expand(list)).map((word) => {
    all.set(name, { text: word, isExpanded: true, origin: "automatic" });
    return all.expand(body);
  });
  if (before === undefined) all.delete(name);
  else all.set(name, before);
  return made.join(" ");
}

/** The output of the programs whose output follows from the folder, the release, and files that may be read. */
function shellOutput([command]: readonly string[], all: MakeVariables): string {
  const { files, folder, release } = all.context;
  const words = command!.trim().replace(/\s+/g, " ");
  if (/^(?:\/bin\/)?pwd(?: -[LP])?$/.test(words)) return folder;
  if (/^uname -r$/.test(words)) return release;
  const [, where] = /^cd (\S+) ?(?:&&|;) ?pwd(?: -[LP])?$/.exec(words) ?? [];
  if (where !== undefined && !isUnknown(where)) return resolvedPath(where, folder);
  const answer = isUnknown(command!) ? null : shellAnswer(command!, files, folder);
  return answer ?? all.unknown(`$(shell ${command!.trim()})`);
}

const FUNCTIONS: Readonly<Record<string, MakeFunction>> = {
  shell: of(1, shellOutput),
  wildcard: of(1, wildcardOf),
  subst: of(3, ([from, to, text], all) => {
    const parts = from === "" ? [text!] : text!.split(from!);
    all.spend(parts.length * to!.length);
    return parts.join(to!);
  }),
  patsubst: ofWords(3, (word, [pattern, to]) => patternReplaced(pattern!, to!, word)),
  strip: of(1, ([text]) => wordsOf(text!).join(" ")),
  findstring: of(
    2,
    ([wanted, text]) =>
      text!.includes(wanted!)
        ? wanted!
        : isUnknown(text!)
        ? (text!.match(MARK) ?? []).join("")
        : "",
  ),
  filter: of(2, (args, all) => {
    const [patterns, words] = filterOf(args, all);
    return words.filter((word) => isUnknown(word) || isFiltered(patterns, word))
      .concat(patterns.filter(isUnknown)).join(" ");
  }),
  "filter-out": of(2, (args, all) => {
    const [patterns, words] = filterOf(args, all);
    return words.filter((word) => !isFiltered(patterns, word)).join(" ");
  }),
  sort: of(1, ([text]) => [...new Set(wordsOf(text!))].toSorted().join(" ")),
  word: of(2, ([number, text]) => wordsOf(text!)[Number(number) - 1] ?? ""),
  wordlist: of(
    3,
    ([from, to, text]) => wordsOf(text!).slice(Math.max(0, Number(from) - 1), Number(to)).join(" "),
  ),
  words: of(
    1,
    ([text], all) =>
      isUnknown(text!)
        ? all.unknown("the number of words of a program's output")
        : String(wordsOf(text!).length),
  ),
  firstword: of(1, ([text]) => wordsOf(text!)[0] ?? ""),
  lastword: of(1, ([text]) => wordsOf(text!).at(-1) ?? ""),
  dir: ofWords(1, folderOf),
  notdir: ofWords(1, (word) => word.slice(word.lastIndexOf("/") + 1)),
  suffix: ofWords(1, endingOf),
  basename: ofWords(1, (word) => word.slice(0, word.length - endingOf(word).length)),
  addsuffix: ofWords(2, (word, [suffix]) => word + suffix!),
  addprefix: ofWords(2, (word, [prefix]) => prefix! + word),
  join: of(2, ([one, other]) => {
    const [left, right] = [wordsOf(one!), wordsOf(other!)];
    return Array.from(
      { length: Math.max(left.length, right.length) },
      (_, at) => (left[at] ?? "") + (right[at] ?? ""),
    ).join(" ");
  }),
  abspath: of(
    1,
    ([text], all) => wordsOf(text!).map((word) => resolvedPath(word, all.context.folder)).join(" "),
  ),
  realpath: of(
    1,
    ([text], all) => wordsOf(text!).map((word) => resolvedPath(word, all.context.folder)).join(" "),
  ),
  if: (all, text) => {
    const [condition = "", yes = "", no = ""] = argumentsOf(text, 3);
    return all.expand(holds(all, condition, yes, no) ? yes : no);
  },
  or: (all, text) => {
    for (const part of argumentsOf(text)) {
      const value = all.expand(part).trim();
      if (value !== "") return value;
    }
    return "";
  },
  and: (all, text) => {
    let last = "";
    for (const part of argumentsOf(text)) {
      last = all.expand(part).trim();
      if (last === "") return "";
    }
    return last;
  },
  foreach,
  call: called,
  value: of(1, ([name], all) => all.get(name!.trim())?.text ?? ""),
  origin: of(1, ([name], all) => all.get(name!.trim())?.origin ?? "undefined"),
  flavor: of(1, ([name], all) => {
    const found = all.get(name!.trim());
    return found === undefined ? "undefined" : found.isExpanded ? "simple" : "recursive";
  }),
  eval: (all, text) => {
    all.context.evaluate(all.expand(text));
    return "";
  },
  error: of(1, () => ""),
  warning: of(1, () => ""),
  info: of(1, () => ""),
  file: of(1, ([text], all) => all.unknown(`$(file ${text!})`)),
};
