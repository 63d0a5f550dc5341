/** Expressions that are put to the machine of a run at one of its moments. */
import { checkKinds } from "../check/kinds/check_kinds.ts";
import type { Resolution, Variable } from "../check/names/bindings.ts";
import type { FileScope } from "../check/names/file_scope.ts";
import { Resolver } from "../check/names/resolve.ts";
import type { ProgramCompiler } from "../compile/compile_program.ts";
import { type Diagnostic, DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { firstMistakes } from "../diagnostics/first_mistakes.ts";
import { formatValue } from "../render/value_text.ts";
import { SourceFile } from "../source.ts";
import { parse } from "../syntax/parse.ts";
import type { Name } from "../syntax/tree/ast.ts";
import { describeKind, kindOf } from "../values/kinds.ts";
import type { Registry } from "../values/registry.ts";
import { ScriptError } from "../values/script_error.ts";
import { Closure, type Value } from "../values/value.ts";
import { Raising } from "../vm/control.ts";
import { ScriptFailure } from "../vm/failure.ts";
import { lookOnly } from "../vm/look_only.ts";
import type { Vm } from "../vm/vm.ts";
import { boundValues, type Seen, type SeenFrame } from "./reruns.ts";

/** Steps that one look may take: a fraction of a second. */
const LOOK_STEPS = 20_000_000;

/** A look that has no answer: what is wrong with it, as lines of text. */
export class LookError extends Error {
  override readonly name = "LookError";

  /** @param diagnostics What is wrong with the text, where that is it. */
  constructor(
    message: string,
    readonly hint: string | null = null,
    readonly diagnostics: readonly Diagnostic[] = [],
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
  /** @throws {LookError} When there is no answer, or it would change something. */
  ask(seen: Seen, frame?: SeenFrame | null): Answer;
}

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
  readonly #compiled = new Map<FileScope, Map<string, number>>();

  constructor(parts: LookParts) {
    this.#parts = parts;
    this.registry = parts.registry;
  }

  /** An expression of the language, which may ask and change nothing. @throws {LookError} When it is none. */
  question(text: string): Question {
    this.#parse(text);
    return {
      text,
      ask: (seen, frame = seen.frames()[0] ?? null) => {
        const bound = frame === null ? [] : boundValues(seen, frame);
        const code = this.#compile(text, bound.map(({ name }) => name));
        return asked(() => {
          const { vm } = seen;
          this.#bindNew(vm);
          return lookOnly(vm, LOOK_STEPS, () => {
            const closure = new Closure(code, [], "look");
            const value = vm.call(closure, bound.map((each) => each.value));
            return this.answer(value, seen);
          });
        });
      },
    };
  }

  /** A value that the machine holds at a moment. */
  answer(value: Value, { vm }: Seen): Answer {
    return { text: formatValue(value, vm, true), kind: describeKind(kindOf(value)), value };
  }

  /** Names of the machine that no code had asked for before have no value yet; nor have early consts. */
  #bindNew(vm: Vm): void {
    const { code: { globals }, machineGlobals } = this.#parts.compiler.tables;
    for (const [name, global] of machineGlobals) {
      vm.globals[global] ??= vm.world.globals.get(name) ?? null;
    }
    for (let global = 0; global < globals; global++) vm.globals[global] ??= null;
  }

  #parse(text: string) {
    const source = new SourceFile("look", text);
    const { diagnostics, file } = parse(source, { mode: "repl" });
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    if (errors.length > 0) throw wrong(firstMistakes(errors));
    const [statement, ...more] = file.items;
    if (statement?.kind !== "Expression" || statement.expected !== null || more.length > 0) {
      throw new LookError(
        "That is no expression",
        "a look takes one, such as `iommu.live_mappings`; statements change what is looked at",
      );
    }
    return { file, expression: statement.expression };
  }

  #compile(text: string, names: readonly string[]): number {
    const { compiler, registry, resolution } = this.#parts;
    const scope = this.#parts.scope();
    const known = this.#compiled.get(scope) ?? new Map<string, number>();
    this.#compiled.set(scope, known);
    const key = [text, ...names].join("\n");
    const index = known.get(key);
    if (index !== undefined) return index;
    const { expression, file } = this.#parse(text);
    const bag = new DiagnosticBag();
    const resolver = new Resolver(scope, bag, resolution, new Map());
    const span = { source: file.span.source, start: 0, end: 0 };
    const variables: readonly Variable[] = resolver.look(
      file,
      expression,
      names.map((name): Name => ({ text: name, span })),
    );
    if (!bag.hasErrors) checkKinds([{ file, uses: [] }], resolution, registry, bag);
    if (bag.hasErrors) throw wrong(firstMistakes(bag.sorted()));
    const code = compiler.look(expression, variables);
    known.set(key, code);
    return code;
  }
}

function wrong(diagnostics: readonly Diagnostic[]): LookError {
  const [first] = diagnostics;
  return new LookError(first!.message, first!.hint ?? null, diagnostics);
}

/** What a machine answers; why it cannot, as a `LookError`. */
function asked<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (error instanceof ScriptFailure) {
      const { hint, message } = error.failure.diagnostic;
      throw new LookError(message, hint ?? null);
    }
    if (error instanceof Raising) {
      const { errno, what } = error.raised;
      throw new LookError(`${errno}: ${what}`);
    }
    if (error instanceof ScriptError) throw new LookError(error.message, error.hint);
    throw error;
  }
}
