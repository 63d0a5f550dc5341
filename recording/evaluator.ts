/** Evaluates expressions on the machine of a run, paused at a position. */
import {
  checkTypes,
  type FileScope,
  literalValue,
  type ProgramCompiler,
  type Resolution,
  Resolver,
  SourceFile,
  type Variable,
} from "@dmalab/lang";
import { type Diagnostic, DiagnosticBag, firstMistakes } from "@dmalab/lang/diagnostics";
import { formatValue } from "@dmalab/lang/render";
import { type Expression, type Name, parse, someExpression } from "@dmalab/lang/syntax";
import {
  Closure,
  type NativeFrame,
  type NativeValue,
  type Registry,
  ScriptError,
  type Type,
  typeOf,
  typeText,
  type Value,
} from "@dmalab/lang/values";
import {
  type Code,
  evaluateWithoutEffects,
  Raising,
  ScriptFailure,
  SideEffectRefused,
  type Vm,
} from "@dmalab/lang/run";
import { boundNames, Cancelled, type PausedFrame, type PausedRun } from "./machines/replay.ts";

/** Maximum number of steps of an evaluation: a fraction of a second. */
export const EVALUATION_STEPS = 20_000_000;

/** An evaluation failed; the message is the reason, as lines of text. */
export class EvaluationError extends Error {
  /** Its name. */
  override readonly name = "EvaluationError";

  /**
   * Creates the error of a failed evaluation.
   * @param diagnostics The diagnostics of the expression's text, if the text is wrong.
   */
  constructor(
    message: string,
    readonly hint: string | null = null,
    readonly diagnostics: readonly Diagnostic[] = [],
    /** True if the expression is correct, but evaluating it would change something. */
    readonly wouldChange = false,
  ) {
    super(message);
  }
}

/** The value of an expression at a position. */
export interface EvaluationResult {
  /** The value as `print` writes it; strings in quotes. */
  readonly text: string;
  /** The kind of the value in words: "an int", "a request" … */
  readonly kind: string;
  /** The value, which belongs to the evaluated machine: use it before the next evaluation. */
  readonly value: Value;
  /** The value with its address, if it belongs to a call of C; absent for values of the script. */
  readonly native?: NativeValue;
}

export interface CompiledExpression {
  readonly text: string;
  /**
   * @param frame The call with the visible names; default: the innermost call.
   * @param steps Maximum number of steps; default: `EVALUATION_STEPS`.
   * @throws {EvaluationError} When there is no result, or the evaluation would change something.
   */
  evaluate(paused: PausedRun, frame?: PausedFrame | null, steps?: number): EvaluationResult;
  /**
   * Returns only the text of the result, in the innermost call. For repeated evaluation at many
   * positions.
   * @throws {EvaluationError} As `evaluate` does.
   */
  format(paused: PausedRun): string;
}

/**
 * Names that an expression can use in addition to the script's own names, such as an event's
 * fields. They take precedence over the script's names.
 */
export interface OwnNames {
  readonly kinds: ReadonlyMap<string, Type>;
  /** Returns a function that looks up the values of these names at a paused position. */
  valueAt(paused: PausedRun): (name: string) => Value;
}

interface Compiled {
  readonly closure: Closure;
  /** The type of the expression's value, as far as it is known. */
  readonly type: Type;
  /** Names that may have no value yet, each with the number of its global. */
  readonly globals: readonly (readonly [string, number])[];
}

/** An expression compiled for a statement, with the stack slots of the variables that it uses. */
interface ScopedExpression extends Compiled {
  readonly own: readonly string[];
  readonly slots: readonly number[];
}

const NO_NAMES: OwnNames = { kinds: new Map(), valueAt: () => () => null };
/** The statement number outside of any statement. */
const NOWHERE = -1;
const NAMES = /[A-Za-z_]\w*/g;
const UNKNOWN_NAME = "E0301";

/** Compiles expressions, once for each set of names that are bound at a position. */
export class Evaluator {
  readonly #compiled = new Map<FileScope, Map<string, Compiled>>();
  /** For each machine: how many names of the machine have been bound. */
  readonly #boundNames = new WeakMap<Vm, number>();

  /** @param scopeNow Returns the names visible at the top level; they change when the code grows. */
  constructor(
    readonly registry: Registry,
    private readonly compiler: ProgramCompiler,
    private readonly scopeNow: () => FileScope,
  ) {}

  get #resolution(): Resolution {
    return this.compiler.tables.resolution;
  }

  /** The names visible at the top level. */
  get scope(): FileScope {
    return this.scopeNow();
  }

  /**
   * Compiles an expression, which must not change anything. In a call of C, the expression may be a
   * C expression.
   * @throws {EvaluationError} When the text is not a valid expression.
   */
  question(text: string, own: OwnNames = NO_NAMES): CompiledExpression {
    const { statements } = this.compiler.code;
    if (!statements.some(({ native }) => native !== undefined)) this.#parse(text);
    const hasOwn = text.match(NAMES)?.some((name) => own.kinds.has(name)) === true;
    const inNative = (frame: PausedFrame | null, isNative: boolean) =>
      frame === null || frame.native === null || hasOwn
        ? null
        : nativeAnswer(frame.native, text, isNative);
    let known: { readonly value: Value; readonly text: string } | null = null;
    const valueOf = this.#valueOf(text, own);
    return {
      text,
      evaluate: (paused, frame = paused.innermost(), steps = EVALUATION_STEPS) => {
        const answer = inNative(frame, false);
        if (answer !== null) return answer;
        try {
          return valueOf(paused, frame, steps, (value) => this.answer(value, paused));
        } catch (error) {
          // The name is unknown to the script. In a call of C, it may be a name of C.
          const isUnknown = error instanceof EvaluationError &&
            error.diagnostics.some(({ code }) => code === UNKNOWN_NAME);
          throw isUnknown ? inNative(frame, true) ?? error : error;
        }
      },
      format: (paused) => {
        const frame = paused.innermost();
        return inNative(frame, false)?.text ??
          valueOf(paused, frame, EVALUATION_STEPS, (value) => {
            // Only primitive values are compared: an object may have changed and still be the same
            // object.
            const isSame = known !== null && typeof value !== "object" && value === known.value;
            if (!isSame) known = { value, text: formatValue(value, paused.vm, true) };
            return known!.text;
          });
      },
    };
  }

  /**
   * Computes the value of an expression and passes it to a callback. The machine is read-only during
   * that time.
   */
  #valueOf(text: string, names: OwnNames) {
    const words = new Set(text.match(NAMES));
    const places = new Map<number, ScopedExpression | EvaluationError>();
    let placesScope: FileScope | null = null;
    return <T>(
      paused: PausedRun,
      frame: PausedFrame | null,
      steps: number,
      then: (value: Value) => T,
    ): T => {
      const { vm } = paused;
      const { scope } = this;
      if (scope !== placesScope) places.clear();
      placesScope = scope;
      const statement = frame?.statement ?? NOWHERE;
      let placed = places.get(statement);
      if (placed === undefined) {
        placed = this.#placed(text, words, names.kinds, vm.code, statement);
        places.set(statement, placed);
      }
      if (placed instanceof EvaluationError) throw placed;
      const { closure, globals, own, slots } = placed;
      return evaluatedIn(() => {
        this.#bindNew(vm);
        for (const [name, global] of globals) {
          if (vm.globals[global] !== undefined) continue;
          throw new EvaluationError(`\`${name}\` has no value there yet`);
        }
        return evaluateWithoutEffects(vm, steps, () => {
          const values = slots.map((slot) => vm.stack[frame!.fp + slot] ?? null);
          const given = own.length === 0 ? [] : own.map(names.valueAt(paused));
          return then(vm.call(closure, [...given, ...values]));
        });
      });
    };
  }

  /**
   * Compiles an expression for a statement, with the names that are bound at the statement and that
   * occur in the expression.
   */
  #placed(
    text: string,
    words: ReadonlySet<string>,
    kinds: OwnNames["kinds"],
    code: Code,
    statement: number,
  ): ScopedExpression | EvaluationError {
    const bound = statement === NOWHERE ? [] : boundNames(code, statement);
    const used = bound.filter(({ name }) => words.has(name) && !kinds.has(name));
    const own = [...words].filter((name) => kinds.has(name));
    try {
      const compiled = this.#compile(text, [...own, ...used.map(({ name }) => name)], kinds);
      return { ...compiled, own, slots: used.map(({ slot }) => slot) };
    } catch (error) {
      // The same error would occur at each run of the statement, so it is kept.
      if (error instanceof EvaluationError) return error;
      throw error;
    }
  }

  /**
   * The type of an expression if these names are bound, as far as the type is known.
   * @throws {EvaluationError} When the expression is wrong with these names.
   */
  check(text: string, names: Iterable<string>, { kinds }: OwnNames = NO_NAMES): Type {
    return this.#compile(text, [...new Set([...kinds.keys(), ...names])], kinds).type;
  }

  /** The result for a value that the machine already has. */
  answer(value: Value, { vm }: PausedRun): EvaluationResult {
    return { text: formatValue(value, vm, true), kind: typeText(typeOf(value)), value };
  }

  /** Sets the values of machine names that no code has used before. */
  #bindNew(vm: Vm): void {
    const { machineGlobals } = this.compiler.tables;
    if (this.#boundNames.get(vm) === machineGlobals.size) return;
    let isWhole = true;
    for (const [name, global] of machineGlobals) {
      const value = vm.globals[global] ??= vm.machine.globals.get(name) ?? null;
      isWhole &&= value !== null;
    }
    if (isWhole) this.#boundNames.set(vm, machineGlobals.size);
  }

  /**
   * Constants and variables of a session that an expression uses, each with the number of its
   * global.
   */
  #usedGlobals(expression: Expression): ReadonlyMap<string, number> {
    const { tables } = this.compiler;
    const used = new Map<string, number>();
    someExpression(expression, (each) => {
      const binding = each.kind === "Name" ? this.#resolution.names.get(each) : undefined;
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
      throw new EvaluationError(
        "Not an expression",
        "only an expression is evaluated here, such as `iommu.live_mappings`; a statement would change the run",
      );
    }
    return { file, expression: statement.expression };
  }

  #compile(text: string, names: readonly string[], kinds: OwnNames["kinds"]): Compiled {
    const { compiler, registry, scope } = this;
    const resolution = this.#resolution;
    const known = this.#compiled.get(scope) ?? new Map<string, Compiled>();
    this.#compiled.set(scope, known);
    const key = [text, ...names.map((name) => `${name} ${kinds.get(name) ?? ""}`)].join("\n");
    const compiled = known.get(key);
    if (compiled !== undefined) return compiled;
    const { expression, file } = this.#parse(text);
    const bag = new DiagnosticBag();
    const resolver = new Resolver(scope, bag, resolution, new Map());
    const span = { source: file.span.source, start: 0, end: 0 };
    const variables: readonly Variable[] = resolver.evaluated(
      file,
      expression,
      names.map((name): Name => ({ text: name, span })),
    );
    for (const each of variables) each.givenKind = kinds.get(each.name) ?? null;
    const inference = bag.hasErrors
      ? null
      : checkTypes([{ file, uses: [] }], resolution, registry, bag);
    if (inference === null || bag.hasErrors) throw wrong(firstMistakes(bag.sorted()));
    const code = compiler.look(expression, variables);
    const made = {
      closure: new Closure(code, [], "look"),
      type: inference.kindOf(expression),
      globals: [...this.#usedGlobals(expression)],
    };
    known.set(key, made);
    return made;
  }
}

/**
 * Evaluates an expression in a call of C; null for an expression that is not C.
 * @param isNative True to treat the text as C, whatever its names.
 */
function nativeAnswer(
  frame: NativeFrame,
  text: string,
  isNative: boolean,
): EvaluationResult | null {
  const native = evaluatedIn(() => frame.evaluate(text, isNative));
  return native === null
    ? null
    : { text: native.text, kind: native.kind, value: native.value, native };
}

function wrong(diagnostics: readonly Diagnostic[]): EvaluationError {
  const [first] = diagnostics;
  return new EvaluationError(first!.message, first!.hint ?? null, diagnostics);
}

/**
 * Runs an evaluation and converts its failure to an `EvaluationError`.
 * @throws {Interrupted} When the host interrupts the evaluation.
 */
function evaluatedIn<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (error instanceof ScriptFailure) {
      const { code, hint, message } = error.failure.diagnostic;
      if (code === "E0807") throw new Cancelled(message);
      throw new EvaluationError(message, hint ?? null, [], code === "E0924");
    }
    if (error instanceof Raising) {
      const { errno, what } = error.raised;
      throw new EvaluationError(`${errno}: ${what}`);
    }
    if (error instanceof ScriptError) {
      const { hint, message } = error;
      throw new EvaluationError(message, hint, [], error instanceof SideEffectRefused);
    }
    throw error;
  }
}
