/** Expressions that are put to the machine of a run at one of its moments. */
import {
  checkKinds,
  type FileScope,
  literalValue,
  type Resolution,
  Resolver,
  type Variable,
} from "@dmalab/lang/check";
import type { ProgramCompiler } from "@dmalab/lang/compile";
import { type Diagnostic, DiagnosticBag, firstMistakes } from "@dmalab/lang/diagnostics";
import { formatValue } from "@dmalab/lang/render";
import { SourceFile } from "@dmalab/lang";
import { parse } from "@dmalab/lang/syntax";
import { type Expression, type Name, someExpression } from "@dmalab/lang/syntax/tree";
import {
  Closure,
  describeKind,
  type Kind,
  kindOf,
  type Registry,
  ScriptError,
  type Value,
} from "@dmalab/lang/values";
import { type Code, lookOnly, LookRefused, Raising, ScriptFailure, type Vm } from "@dmalab/lang/vm";
import { boundNames, Interrupted, type Seen, type SeenFrame } from "./machines/replay.ts";

/** Steps that one look may take: a fraction of a second. */
export const LOOK_STEPS = 20_000_000;

/** A look that has no answer: what is wrong with it, as lines of text. */
export class LookError extends Error {
  /** What it is called. */
  override readonly name = "LookError";

  /**
   * A look without an answer.
   * @param diagnostics What is wrong with the text, where that is it.
   */
  constructor(
    message: string,
    readonly hint: string | null = null,
    readonly diagnostics: readonly Diagnostic[] = [],
    /** The text is right, but is no look: it would change something. */
    readonly wouldChange = false,
  ) {
    super(message);
  }
}

/** What an expression is at a moment. */
export interface Answer {
  /** As `print` writes it; strings in quotes. */
  readonly text: string;
  /** "an int", "a request" … */
  readonly kind: string;
  /** Belongs to the machine that was asked: to be looked at before the next question. */
  readonly value: Value;
}

/** An expression, ready to be asked. */
export interface Question {
  readonly text: string;
  /** The names in it, without those of fields and methods. */
  readonly names: ReadonlySet<string>;
  /**
   * @param frame The call whose names it sees; the innermost one when left out.
   * @param steps How many it may take; of a look when left out.
   * @throws {LookError} When there is no answer, or it would change something.
   */
  ask(seen: Seen, frame?: SeenFrame | null, steps?: number): Answer;
  /**
   * Only the answer's text, in the innermost call: to be asked at many moments, one after the other.
   * @throws {LookError} As `ask` does.
   */
  said(seen: Seen): string;
}

/** Names that an expression sees instead of the script's own. */
export interface OwnNames {
  readonly kinds: ReadonlyMap<string, Kind>;
  /** What all of them are at a moment. */
  valueAt(seen: Seen): (name: string) => Value;
}

/** An expression as code. */
interface Compiled {
  readonly closure: Closure;
  /** What its value is, as far as that is known. */
  readonly kind: Kind;
  /** Names that may have no value yet, each with its global. */
  readonly globals: readonly (readonly [string, number])[];
}

/** An expression as code for where some statement is, with where the values are that it takes. */
interface Placed extends Compiled {
  readonly own: readonly string[];
  readonly slots: readonly number[];
}

const NO_NAMES: OwnNames = { kinds: new Map(), valueAt: () => () => null };
/** Where no statement is. */
const NOWHERE = -1;
const NAMES = /[A-Za-z_]\w*/g;

/** What looks are compiled with. */
export interface LookParts {
  readonly registry: Registry;
  readonly resolution: Resolution;
  readonly compiler: ProgramCompiler;
  /** What the code sees at its top level; another one later where it grows. */
  readonly scope: () => FileScope;
}

/** Compiles looks, each once for the names that are bound where it is asked. */
export class Looker {
  readonly registry: Registry;
  readonly #parts: LookParts;
  readonly #compiled = new Map<FileScope, Map<string, Compiled>>();
  /** How many names of the machine each one that was looked at has bound. */
  readonly #boundNames = new WeakMap<Vm, number>();

  constructor(parts: LookParts) {
    this.#parts = parts;
    this.registry = parts.registry;
  }

  /** What expressions see at the top level. */
  get scope(): FileScope {
    return this.#parts.scope();
  }

  /** An expression of the language, which may ask and change nothing. @throws {LookError} When it is none. */
  question(text: string, own: OwnNames = NO_NAMES): Question {
    const names = namesIn(this.#parse(text).expression);
    let known: { readonly value: Value; readonly text: string } | null = null;
    const valueOf = this.#valueOf(text, own);
    return {
      text,
      names,
      ask: (seen, frame = seen.innermost(), steps = LOOK_STEPS) =>
        valueOf(seen, frame, steps, (value) => this.answer(value, seen)),
      said: (seen) =>
        valueOf(seen, seen.innermost(), LOOK_STEPS, (value) => {
          // Other values may change and be the same.
          const isSame = known !== null && typeof value !== "object" && value === known.value;
          if (!isSame) known = { value, text: formatValue(value, seen.vm, true) };
          return known!.text;
        }),
    };
  }

  /** Computes the value of an expression and hands it to a callback while the machine is read-only. */
  #valueOf(text: string, names: OwnNames) {
    const words = new Set(text.match(NAMES));
    const places = new Map<number, Placed | LookError>();
    let placesScope: FileScope | null = null;
    return <T>(
      seen: Seen,
      frame: SeenFrame | null,
      steps: number,
      then: (value: Value) => T,
    ): T => {
      const { vm } = seen;
      const { scope } = this;
      if (scope !== placesScope) places.clear();
      placesScope = scope;
      const statement = frame?.statement ?? NOWHERE;
      let placed = places.get(statement);
      if (placed === undefined) {
        placed = this.#placed(text, words, names.kinds, vm.code, statement);
        places.set(statement, placed);
      }
      if (placed instanceof LookError) throw placed;
      const { closure, globals, own, slots } = placed;
      return asked(() => {
        this.#bindNew(vm);
        for (const [name, global] of globals) {
          if (vm.globals[global] !== undefined) continue;
          throw new LookError(`\`${name}\` has no value there yet`);
        }
        return lookOnly(vm, steps, () => {
          const values = slots.map((slot) => vm.stack[frame!.fp + slot] ?? null);
          const given = own.length === 0 ? [] : own.map(names.valueAt(seen));
          return then(vm.call(closure, [...given, ...values]));
        });
      });
    };
  }

  /** Of the names that are bound at a statement it takes those that may be meant. */
  #placed(
    text: string,
    words: ReadonlySet<string>,
    kinds: OwnNames["kinds"],
    code: Code,
    statement: number,
  ): Placed | LookError {
    const bound = statement === NOWHERE ? [] : boundNames(code, statement);
    const used = bound.filter(({ name }) => words.has(name) && !kinds.has(name));
    const own = [...words].filter((name) => kinds.has(name));
    try {
      const compiled = this.#compile(text, [...own, ...used.map(({ name }) => name)], kinds);
      return { ...compiled, own, slots: used.map(({ slot }) => slot) };
    } catch (error) {
      // It is wrong at each run of the statement.
      if (error instanceof LookError) return error;
      throw error;
    }
  }

  /**
   * What an expression is where such names are bound, as far as that is known.
   * @throws {LookError} When it is wrong there.
   */
  check(text: string, names: Iterable<string>, { kinds }: OwnNames = NO_NAMES): Kind {
    return this.#compile(text, [...new Set([...kinds.keys(), ...names])], kinds).kind;
  }

  /** A value that the machine holds at a moment. */
  answer(value: Value, { vm }: Seen): Answer {
    return { text: formatValue(value, vm, true), kind: describeKind(kindOf(value)), value };
  }

  /** Names of the machine that no code had asked for before have no value yet. */
  #bindNew(vm: Vm): void {
    const { machineGlobals } = this.#parts.compiler.tables;
    if (this.#boundNames.get(vm) === machineGlobals.size) return;
    let isWhole = true;
    for (const [name, global] of machineGlobals) {
      const value = vm.globals[global] ??= vm.world.globals.get(name) ?? null;
      isWhole &&= value !== null;
    }
    if (isWhole) this.#boundNames.set(vm, machineGlobals.size);
  }

  /** Consts and variables of a session that an expression uses, each with its global. */
  #usedGlobals(expression: Expression): ReadonlyMap<string, number> {
    const { compiler: { tables }, resolution } = this.#parts;
    const used = new Map<string, number>();
    someExpression(expression, (each) => {
      const binding = each.kind === "Name" ? resolution.names.get(each) : undefined;
      if (binding?.kind === "variable" && binding.owner === null) {
        used.set(binding.name, tables.variableGlobal(binding));
      } else if (
        binding?.kind === "const" && literalValue(binding.declaration.value) === undefined
      ) {
        used.set(binding.declaration.name.text, tables.constGlobal(binding));
      }
      return false;
    });
    return used;
  }

  #parse(text: string) {
    const source = new SourceFile("look", text);
    const { diagnostics, file } = parse(source, { mode: "repl" });
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    if (errors.length > 0) throw wrong(firstMistakes(errors));
    const [statement, ...more] = file.items;
    if (statement?.kind !== "Expression" || statement.expected !== null || more.length > 0) {
      throw new LookError(
        "Not an expression",
        "only an expression is evaluated here, such as `iommu.live_mappings`; a statement would change the run",
      );
    }
    return { file, expression: statement.expression };
  }

  #compile(text: string, names: readonly string[], kinds: OwnNames["kinds"]): Compiled {
    const { compiler, registry, resolution } = this.#parts;
    const { scope } = this;
    const known = this.#compiled.get(scope) ?? new Map<string, Compiled>();
    this.#compiled.set(scope, known);
    const key = [text, ...names.map((name) => `${name} ${kinds.get(name) ?? ""}`)].join("\n");
    const compiled = known.get(key);
    if (compiled !== undefined) return compiled;
    const { expression, file } = this.#parse(text);
    const bag = new DiagnosticBag();
    const resolver = new Resolver(scope, bag, resolution, new Map());
    const span = { source: file.span.source, start: 0, end: 0 };
    const variables: readonly Variable[] = resolver.look(
      file,
      expression,
      names.map((name): Name => ({ text: name, span })),
    );
    for (const each of variables) each.givenKind = kinds.get(each.name) ?? null;
    const inference = bag.hasErrors
      ? null
      : checkKinds([{ file, uses: [] }], resolution, registry, bag);
    if (inference === null || bag.hasErrors) throw wrong(firstMistakes(bag.sorted()));
    const code = compiler.look(expression, variables);
    const made = {
      closure: new Closure(code, [], "look"),
      kind: inference.kindOf(expression),
      globals: [...this.#usedGlobals(expression)],
    };
    known.set(key, made);
    return made;
  }
}

function namesIn(expression: Expression): ReadonlySet<string> {
  const names = new Set<string>();
  someExpression(expression, (each) => {
    if (each.kind === "Name") names.add(each.name);
    return false;
  });
  return names;
}

function wrong(diagnostics: readonly Diagnostic[]): LookError {
  const [first] = diagnostics;
  return new LookError(first!.message, first!.hint ?? null, diagnostics);
}

/**
 * What a machine answers; why it cannot, as a `LookError`.
 * @throws {Interrupted} When the host interrupts it.
 */
function asked<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (error instanceof ScriptFailure) {
      const { code, hint, message } = error.failure.diagnostic;
      if (code === "E0807") throw new Interrupted(message);
      throw new LookError(message, hint ?? null, [], code === "E0924");
    }
    if (error instanceof Raising) {
      const { errno, what } = error.raised;
      throw new LookError(`${errno}: ${what}`);
    }
    if (error instanceof ScriptError) {
      const { hint, message } = error;
      throw new LookError(message, hint, [], error instanceof LookRefused);
    }
    throw error;
  }
}
