/** Reads makefiles as make does: variables, conditions, included files and rules. No program is run. */
import { TreeError } from "@dmalab/runtime/kernels";
import { isBelow, KERNEL_ROOT, type MakeFiles, MODULE_ROOT, resolvedPath } from "./make_files.ts";
import {
  argumentsOf,
  closingOf,
  logicalLines,
  type MakeLine,
  type MakeStatement,
  statementOf,
  wordsOf,
} from "./make_lines.ts";
import {
  isUnknown,
  type MakeBudget,
  type MakeContext,
  type MakeOrigin,
  type MakePlace,
  type MakeVariable,
  MakeVariables,
  placeText,
  withoutUnknown,
} from "./make_variables.ts";

/** A rule, with its recipe as it is written. */
export interface MakeRule {
  readonly targets: readonly string[];
  readonly needs: readonly string[];
  readonly place: MakePlace;
  readonly recipe: string[];
}

/** A condition that only a program could decide. */
export interface MakeQuestion {
  readonly place: MakePlace;
  /** The programs or files on which the condition depends. */
  readonly depends: readonly string[];
  /** The outcome that was taken: as if the program had printed nothing. */
  readonly taken: boolean;
  /** The lines of each outcome. */
  readonly yes: string[];
  readonly no: string[];
}

/** A makefile that another one includes and that the folder does not have. */
export interface MissingMakefile {
  readonly name: string;
  readonly place: MakePlace;
}

interface Condition {
  /** Whether a branch has been taken. */
  isDone: boolean;
  isActive: boolean;
  readonly isOuterActive: boolean;
  readonly place: MakePlace;
  question: MakeQuestion | null;
  /** The outcome of the question whose lines are being read. */
  isYes: boolean;
}

const MAX_NESTED = 100;
const MAX_FILES = 1000;
const MAX_LISTED = 4;
const DIRECTIVE = /^(else\s+)?(ifeq|ifneq|ifdef|ifndef)\b(.*)$/;
const INCLUDE = /^(-?|s)include\s+(.*)$/;
const PREFIX = /^(export|override|private|unexport)\b\s*/;
const DEFINE = /^((?:(?:export|override)\s+)*)define\s+(\S+)\s*(\S*)\s*$/;

export interface ReaderOptions {
  readonly files: MakeFiles;
  readonly budget: MakeBudget;
  readonly folder: string;
  readonly release: string;
  readonly variables: Iterable<readonly [name: string, text: string, origin: MakeOrigin]>;
  /** Values of the kernel's configuration, by their names with `CONFIG_`; "" for one that is off. */
  config(name: string): string;
}

export class MakeReader {
  readonly rules: MakeRule[] = [];
  readonly questions: MakeQuestion[] = [];
  readonly missing: MissingMakefile[] = [];
  readonly exported = new Set<string>();
  readonly variables: MakeVariables;
  /** Symbols without a value for which a left side `obj-$(CONFIG_…)` asks, with their lines. */
  readonly asked = new Map<string, MakePlace>();
  /** Places of assignments, by variable. */
  readonly places = new Map<string, MakePlace>();
  readonly #conditions: Condition[] = [];
  readonly #open: MakePlace[] = [];
  #exportsAll = false;
  #place: MakePlace = { path: "Makefile", line: 1, text: "" };
  #rule: MakeRule | null = null;
  #filesRead = 0;

  constructor(readonly options: ReaderOptions) {
    const { budget, files, folder, release } = options;
    const context: MakeContext = {
      files,
      budget,
      folder,
      release,
      place: () => this.#place,
      within: (place, run) => {
        const before = this.#place;
        this.#place = place;
        const made = run();
        this.#place = before;
        return made;
      },
      evaluate: (text) => this.#lines(logicalLines(text), this.#place),
      choose: (condition, yes, no) => {
        this.#ask([condition], [yes, no]);
        return false;
      },
      config: (name) => options.config(name),
    };
    this.variables = new MakeVariables(context);
    for (const [name, text, origin] of options.variables) {
      this.variables.set(name, { text, isExpanded: true, origin });
    }
  }

  /** Reads a makefile. @returns False if it does not exist. */
  read(path: string): boolean {
    const text = this.options.files.text(path);
    if (text === null) return false;
    if (++this.#filesRead > MAX_FILES || this.#open.length >= MAX_NESTED) {
      throw new TreeError(
        `${placeText(this.#place)}: more than ${
          this.#open.length >= MAX_NESTED
            ? `${MAX_NESTED} makefiles within each other`
            : `${MAX_FILES} makefiles`
        }`,
        "a makefile that includes itself never ends",
      );
    }
    this.options.budget.spend(text.length, this.#place);
    const before = this.#place;
    const list = this.variables.get("MAKEFILE_LIST")?.text ?? "";
    this.variables.set("MAKEFILE_LIST", {
      text: `${list} ${path}`,
      isExpanded: true,
      origin: "file",
    });
    const depth = this.#conditions.length;
    this.#open.push(before);
    // Marks of unknown values are dmalab's own.
    const lines = logicalLines(text.replaceAll(/[\uE000\uE001]/g, "?"));
    this.#lines(lines, { path: shownPath(path), line: 1, text: "" });
    this.#open.pop();
    const [open] = this.#conditions.slice(depth);
    if (open !== undefined) {
      throw new TreeError(
        `${placeText(open.place)}: the condition has no endif`,
        "make stops at it, too",
      );
    }
    this.#place = before;
    return true;
  }

  /** Names and values of the variables that a makefile exports to programs. */
  exports(): readonly (readonly [name: string, text: string])[] {
    const names = this.#exportsAll ? this.variables.names() : [...this.exported];
    return names.flatMap((name) => {
      const origin = this.variables.get(name)?.origin;
      return origin === undefined || origin === "default"
        ? []
        : [[name, this.variables.valueOf(name)] as const];
    });
  }

  #lines(lines: readonly MakeLine[], base: MakePlace): void {
    const isOwn = base.text === "";
    for (let at = 0; at < lines.length; at++) {
      const { hasTab, line, raw, text } = lines[at]!;
      this.#place = isOwn ? { path: base.path, line, text: raw.trim().slice(0, 200) } : base;
      if (hasTab && this.#rule !== null) {
        if (this.#isActive) this.#rule.recipe.push(raw.slice(1));
        continue;
      }
      const trimmed = text.trim();
      if (trimmed === "" || this.#condition(trimmed)) continue;
      const defined = DEFINE.exec(trimmed);
      if (defined !== null) {
        const end = endOfDefine(lines, at);
        if (this.#isActive) this.#define(defined, lines.slice(at + 1, end));
        at = end;
        continue;
      }
      this.#note(trimmed);
      // Blanks at the end of a value belong to it.
      if (this.#isActive) this.#line(text.trimStart());
    }
    this.#rule = null;
  }

  get #isActive(): boolean {
    return this.#conditions.at(-1)?.isActive ?? true;
  }

  /** Keeps a line as an outcome of the questions around it. */
  #note(text: string): void {
    for (const { isOuterActive, isYes, question } of this.#conditions) {
      if (question === null || !isOuterActive) continue;
      const lines = isYes ? question.yes : question.no;
      if (lines.length < MAX_LISTED) lines.push(text.slice(0, 200));
    }
  }

  /** Reads a conditional directive. @returns False if the line is none. */
  #condition(text: string): boolean {
    const [, isElse, kind, rest] = DIRECTIVE.exec(text) ?? [];
    const last = this.#conditions.at(-1);
    if (kind !== undefined && isElse === undefined) {
      if (this.#conditions.length >= MAX_NESTED) {
        throw new TreeError(
          `${placeText(this.#place)}: more than ${MAX_NESTED} conditions within each other`,
          "no makefile of a driver has as many",
        );
      }
      const isOuterActive = this.#isActive;
      const condition = newCondition(isOuterActive, this.#place);
      // The condition is decided before it counts: `choose` would note it as its own line.
      if (isOuterActive) this.#decide(condition, kind, rest!);
      this.#conditions.push(condition);
      return true;
    }
    if (/^(?:endif|else)(?:\s|$)/.test(text)) {
      if (last === undefined) {
        throw new TreeError(
          `${placeText(this.#place)}: ${text.slice(0, 5)} without a condition`,
          "make stops at it, too",
        );
      }
      if (text.startsWith("endif")) this.#conditions.pop();
      else this.#else(last, kind, rest);
      return true;
    }
    return false;
  }

  #else(condition: Condition, kind: string | undefined, rest: string | undefined): void {
    condition.isYes = false;
    const isOpen = condition.isOuterActive && !condition.isDone;
    condition.isActive = isOpen;
    if (kind !== undefined && isOpen) this.#decide(condition, kind, rest!);
    else condition.isDone ||= isOpen;
  }

  #decide(condition: Condition, kind: string, rest: string): void {
    const isNot = kind.startsWith("ifn");
    const before = this.questions.length;
    const equals = kind.endsWith("def") ? this.#isDefined(rest) : this.#isEqual(rest);
    condition.isActive = equals !== isNot;
    condition.isDone ||= condition.isActive;
    // Of an `else if` after a question, both chains are noted with the first question.
    if (this.questions.length > before && condition.question === null) {
      const question = this.questions.at(-1)!;
      const taken = condition.isActive;
      const own = { ...question, taken };
      this.questions[this.questions.length - 1] = own;
      condition.question = own;
      condition.isYes = true;
    }
  }

  #isDefined(rest: string): boolean {
    const name = this.variables.expand(rest.trim());
    const found = this.variables.get(name);
    if (found === undefined) return false;
    if (found.isExpanded && isUnknown(found.text) && withoutUnknown(found.text).trim() === "") {
      this.#ask([found.text]);
      return false;
    }
    return found.text !== "";
  }

  #isEqual(rest: string): boolean {
    const [one, other] = sidesOf(rest.trim()).map((side) => this.variables.expand(side));
    if (one === undefined || other === undefined) return false;
    const equals = withoutUnknown(one) === withoutUnknown(other);
    if (isUnknown(one + other)) this.#ask([one, other]);
    return equals;
  }

  /** Keeps a question. Its outcome is the one of a program that prints nothing. */
  #ask(texts: readonly string[], [yes, no]: readonly string[] = []): void {
    const depends = [
      ...new Set(texts.flatMap((text) => this.variables.unknownIn(text)).map(({ what }) => what)),
    ];
    this.questions.push({
      place: this.#place,
      depends: depends.length === 0 ? [withoutUnknown(texts.join(" "))] : depends,
      taken: false,
      yes: yes === undefined ? [] : [yes.trim()],
      no: no === undefined || no.trim() === "" ? [] : [no.trim()],
    });
  }

  #line(text: string): void {
    const [, how, names] = INCLUDE.exec(text) ?? [];
    if (names !== undefined) return this.#include(names, how === "");
    let left = text;
    const prefixes = new Set<string>();
    for (let prefix = PREFIX.exec(left); prefix !== null; prefix = PREFIX.exec(left)) {
      prefixes.add(prefix[1]!);
      left = left.slice(prefix[0].length);
    }
    const [, undefined_] = /^undefine\s+(\S+)/.exec(left) ?? [];
    if (undefined_ !== undefined) {
      if (!this.#isFixed(undefined_, prefixes.has("override"))) this.variables.delete(undefined_);
      return;
    }
    const statement = statementOf(left);
    if (statement !== null && statement.operator !== ":" && statement.operator !== "::") {
      return this.#assign(statement, prefixes);
    }
    if (prefixes.has("export") || prefixes.has("unexport")) return this.#export(left, prefixes);
    if (statement === null) {
      // A line such as `$(eval …)` or `$(error …)` is expanded for its effects.
      const made = this.variables.expand(left).trim();
      if (made !== "" && statementOf(made) !== null) this.#line(made);
      return;
    }
    this.#rules(statement);
  }

  #export(names: string, prefixes: ReadonlySet<string>): void {
    const words = wordsOf(this.variables.expand(names));
    if (words.length === 0) this.#exportsAll = prefixes.has("export");
    for (const name of words) {
      if (prefixes.has("export")) this.exported.add(name);
      else this.exported.delete(name);
    }
  }

  #rules({ left, right }: MakeStatement): void {
    const [needs = "", recipe] = splitRecipe(right);
    // `target: NAME = value` sets a variable for the target's recipe.
    const inner = statementOf(needs);
    const isVariable = inner !== null && inner.operator !== ":" && inner.operator !== "::";
    const rule: MakeRule = {
      targets: wordsOf(this.variables.expand(left)),
      needs: isVariable ? [] : wordsOf(this.variables.expand(needs)),
      place: this.#place,
      recipe: recipe === undefined ? [] : [recipe],
    };
    this.rules.push(rule);
    this.#rule = rule;
  }

  #assign({ left, operator, right }: MakeStatement, prefixes: ReadonlySet<string>): void {
    this.#rule = null;
    const written = this.variables.expand(left).trim();
    const name = this.#asked(left, written);
    if (prefixes.has("export")) this.exported.add(name);
    const known = this.variables.get(name);
    if (
      this.#isFixed(name, prefixes.has("override")) || (operator === "?=" && known !== undefined)
    ) return;
    this.places.set(name, this.#place);
    const origin = prefixes.has("override") ? "override" : "file";
    if (operator === "!=") {
      const text = this.variables.expand(`$(shell ${right})`);
      return this.variables.set(name, { text, isExpanded: true, origin });
    }
    if (operator === "+=") {
      const isExpanded = known?.isExpanded ?? false;
      const added = isExpanded ? this.variables.expand(right) : right;
      if (isExpanded && added === "") return;
      const before = known?.text ?? "";
      const text = before === "" ? added : `${before} ${added}`;
      if (isExpanded) return this.variables.set(name, { text, isExpanded, origin });
      const pieces = before === "" ? [] : known!.pieces ?? [[before, this.#place]];
      pieces.push([added, this.#place]);
      return this.variables.set(name, { text, isExpanded, origin, pieces });
    }
    const isExpanded = operator.startsWith(":");
    const text = isExpanded ? this.variables.expand(right) : right;
    const pieces: MakeVariable["pieces"] = isExpanded ? undefined : [[right, this.#place]];
    this.variables.set(name, { text, isExpanded, origin, ...pieces && { pieces } });
  }

  /**
   * The name on the left of an assignment. A symbol that nothing sets is taken as `m` there: a driver
   * whose object only such a line names could not be built otherwise.
   */
  #asked(left: string, written: string): string {
    if (!/^obj-\$/.test(left) || written !== "obj-") return written;
    for (const [name] of left.matchAll(/\bCONFIG_\w+/g)) this.asked.set(name, this.#place);
    return "obj-m";
  }

  /** Whether a variable keeps its value: of the command line, or of `override`. */
  #isFixed(name: string, isOverride: boolean): boolean {
    const origin = this.variables.get(name)?.origin;
    return !isOverride && (origin === "command line" || origin === "override");
  }

  #define([, prefixes, name, operator]: RegExpExecArray, body: readonly MakeLine[]): void {
    const text = body.map(({ raw }) => raw).join("\n");
    const right = operator === ":=" || operator === "::=" ? this.variables.expand(text) : text;
    const origin = prefixes!.includes("override") ? "override" : "file";
    const written = this.variables.expand(name!);
    if (this.#isFixed(written, origin === "override")) return;
    this.variables.set(written, {
      text: right,
      isExpanded: right !== text,
      origin,
    });
  }

  #include(names: string, isNeeded: boolean): void {
    this.#rule = null;
    const { files, folder } = this.options;
    const beside = `${MODULE_ROOT}/${this.#place.path}`.replace(/\/[^/]*$/, "");
    for (const name of wordsOf(this.variables.expand(names))) {
      const path = withoutUnknown(name);
      const found = [resolvedPath(path, folder), resolvedPath(path, beside)]
        .flatMap((each) => files.wildcard(each, folder));
      // The kernel's own makefiles and settings are known; they are not read again.
      const first = found.find((each) => !isBelow(each, KERNEL_ROOT));
      const isKernels = isBelow(resolvedPath(path, folder), KERNEL_ROOT);
      const isRead = first !== undefined && this.read(first);
      if (!isRead && isNeeded && !isKernels) this.missing.push({ name: path, place: this.#place });
    }
  }
}

function newCondition(isOuterActive: boolean, place: MakePlace): Condition {
  return { isDone: false, isActive: false, isOuterActive, place, question: null, isYes: false };
}

/** The path of a makefile, from the module's folder. */
function shownPath(path: string): string {
  return isBelow(path, MODULE_ROOT) ? path.slice(MODULE_ROOT.length + 1) : path;
}

function endOfDefine(lines: readonly MakeLine[], start: number): number {
  let depth = 1;
  for (let at = start + 1; at < lines.length; at++) {
    const text = lines[at]!.text.trim();
    if (DEFINE.test(text)) depth++;
    else if (/^endef\b/.test(text) && --depth === 0) return at;
  }
  return lines.length;
}

/** The sides of `ifeq (a,b)`, `ifeq "a" "b"` or `ifeq 'a' 'b'`. */
function sidesOf(text: string): readonly string[] {
  if (text.startsWith("(")) {
    const [one = "", other = ""] = argumentsOf(text.slice(1, closingOf(text, 0) - 1), 2);
    return [one.trimEnd(), other.trimStart()];
  }
  const sides = /^(?:"([^"]*)"|'([^']*)')\s*(?:"([^"]*)"|'([^']*)')/.exec(text);
  if (sides === null) return [];
  const [, one, two, three, four] = sides;
  return [one ?? two ?? "", three ?? four ?? ""];
}

/** Splits the right side of a rule at the `;` before a recipe on the same line. */
function splitRecipe(text: string): readonly [needs: string, recipe?: string] {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "$" && /[({]/.test(text[at + 1] ?? "")) at = closingOf(text, at + 1) - 1;
    else if (text[at] === ";") return [text.slice(0, at), text.slice(at + 1)];
  }
  return [text];
}
