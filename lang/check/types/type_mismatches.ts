/**
 * Values that do not fit where they are used, and the most likely location of the mistake.
 *
 * `let page = (1)` is a valid line, and a function without its `return` is a valid function, but
 * each of their uses is an error. One mistake gets one error. The error is shown at the origin of
 * the value, if the value does not fit most of its uses; otherwise at the first use, with a note
 * about the origin.
 */
import { groupBy } from "@dmalab/runtime/basics";
import type { Type } from "../../values/spec.ts";
import type { DiagnosticCode } from "../../diagnostics/codes.ts";
import {
  type Diagnostic,
  type DiagnosticBag,
  type Hinted,
  type RelatedSpan,
  withFixes,
} from "../../diagnostics/diagnostic.ts";
import { type Span, spanText } from "../../source.ts";
import type { Expression, FunctionDeclaration } from "../../syntax/tree/ast.ts";
import { typeText } from "../../values/value_types.ts";
import type { EnumValue } from "../../values/value.ts";
import type {
  ConstBinding,
  FunctionBinding,
  Resolution,
  Variable,
  WordBinding,
} from "../names/bindings.ts";
import { remembered } from "../../values/remembered.ts";
import type { ItemCheck } from "../earlier_check.ts";
import type { FunctionResults } from "./function_results.ts";

/** An expression that makes the items of a list, or an entry of a record. */
interface MadeItem {
  readonly kind: "item";
  readonly madeBy: Expression;
}

/** The possible origins of a value. */
type Origin = Variable | ConstBinding | FunctionBinding | WordBinding | MadeItem;

/** A use of a value that does not fit. */
interface TypeMismatch {
  readonly diagnostic: Diagnostic;
  /** The name or call that gives the value; null when the value itself is written there. */
  readonly use: Expression | null;
  readonly type: Type;
}

interface MismatchOrigin {
  readonly origin: Origin;
  /** False when the use is more likely to be the mistake. */
  readonly isBlamed: boolean;
}

/** A mismatch with a known origin. */
interface TracedMismatch extends TypeMismatch, MismatchOrigin {
  readonly use: Expression;
}

/** Limit of the steps from a use back to its origin. */
const CHAIN_LIMIT = 100;

/** Limit of the uses that an error at their origin lists. */
const DISPLAYED_USES = 2;

export class TypeMismatches {
  readonly #found: TypeMismatch[] = [];
  /** Uses for which the value of an origin does not fit. */
  readonly #accusers = new Map<Origin, Set<Expression>>();
  /** Number of calls of a function without a use of the result. */
  readonly #discarded = new Map<FunctionDeclaration, number>();
  /** Whether a value is in needless parentheses, for the values examined so far. */
  readonly #needless = new Map<Expression, boolean>();
  /** One binding for each word, because the resolution has a new binding for every use. */
  readonly #words = new Map<EnumValue, WordBinding>();
  readonly #items = new Map<Expression, MadeItem>();
  /** The item being checked, if its check is kept for the next version. */
  check: ItemCheck | null = null;

  /**
   * @param madeBy Returns the expression that made the list item or record entry that `use` reads;
   *   null if `use` reads neither.
   */
  constructor(
    readonly resolution: Resolution,
    readonly results: FunctionResults,
    readonly madeBy: (use: Expression) => Expression | null,
  ) {}

  /**
   * Records a use that does not fit.
   *
   * @param values The values of the use, with their kinds. Only values that have an origin count.
   *   If exactly one of these is `none` or a word, its origin is blamed. Otherwise their common
   *   origin is blamed; if they have several origins, none is blamed.
   */
  add(
    diagnostic: Omit<Hinted, "severity">,
    ...values: readonly (readonly [Expression, Type])[]
  ): void {
    const traced = values.filter(([value]) => this.#originOf(value) !== null);
    const odd = traced.filter(([, type]) => type === "nothing" || type === "word");
    const origins = new Set(traced.map(([value]) => this.#originOf(value)));
    const [use, type]: readonly [Expression | null, Type] =
      (odd.length === 1 ? odd[0] : origins.size === 1 ? traced[0] : undefined) ?? [null, "any"];
    this.#found.push({ diagnostic: withFixes({ ...diagnostic, severity: "error" }), use, type });
    if (use !== null && type !== "nothing") this.#accuse(use);
  }

  /** Records one value that does not fit at its place. */
  wrong(code: DiagnosticCode, value: Expression, type: Type, message: string, hint?: string): void {
    this.add({ code, span: value.span, message, hint }, [value, type]);
  }

  /** Records a value that is not used, because its call is a statement. */
  discarded(value: Expression): void {
    const origin = this.#originOf(value);
    if (origin?.kind !== "function") return;
    this.discardedOf(origin.declaration);
    this.check?.discarded.push(origin.declaration);
  }

  /** Records a call without a use of its result. */
  discardedOf(declaration: FunctionDeclaration): void {
    this.#discarded.set(declaration, (this.#discarded.get(declaration) ?? 0) + 1);
  }

  /** The locations of the recorded uses. */
  get places(): readonly Span[] {
    return this.#found.map(({ diagnostic }) => diagnostic.span);
  }

  /** Reports the recorded uses: one error for each origin. */
  settle(bag: DiagnosticBag): void {
    const traced: TracedMismatch[] = [];
    for (const { diagnostic, type, use } of this.#found) {
      if (use === null) bag.add(diagnostic);
      else traced.push({ diagnostic, type, use, ...this.#culprit(use, type) });
    }
    for (const [origin, mismatches] of groupBy(traced, (misfit) => misfit.origin)) {
      bag.add(this.#report(origin, mismatches));
    }
  }

  /** The origin of the value of a name or a call; null for anything else. */
  #originOf(use: Expression): Origin | null {
    const name = use.kind === "Call" ? use.callee : use;
    if (name.kind !== "Name") return this.#madeItem(use);
    const binding = this.resolution.names.get(name);
    switch (binding?.kind) {
      case "function":
        return use.kind === "Call" ? binding : null;
      case "variable":
        if (use.kind !== "Name") return null;
        return (binding.role === "let" ? null : this.#madeItem(use)) ?? binding;
      case "const":
        return use.kind === "Name" ? binding : null;
      case "word":
        return use.kind === "Name" ? remembered(this.#words, binding.word, () => binding) : null;
      default:
        return null;
    }
  }

  #madeItem(use: Expression): MadeItem | null {
    const madeBy = this.madeBy(use);
    if (madeBy === null || madeBy === use) return null;
    return remembered(this.#items, madeBy, () => ({ kind: "item", madeBy }));
  }

  /** The only expression from which an origin gets its value; null if there are several or none. */
  #sourceOf(origin: Origin): Expression | null {
    switch (origin.kind) {
      case "variable":
        return origin.role === "let" && origin.assigned.length === 0 ? origin.source : null;
      case "const":
        return origin.declaration.value;
      case "item":
        return origin.madeBy;
      case "function": {
        const { values } = this.results.of(origin.declaration);
        return values.length === 1 ? values[0]! : null;
      }
      case "word":
        return null;
    }
  }

  /**
   * Records that a use does not fit its origin. If most uses of the origin do not fit, the
   * expression from which the origin gets its value is recorded in the same way.
   */
  #accuse(first: Expression): void {
    let use: Expression | null = first;
    for (let step = 0; step < CHAIN_LIMIT && use !== null; step++) {
      const origin = this.#originOf(use);
      if (origin === null) return;
      const accusers = remembered(this.#accusers, origin, () => new Set());
      if (accusers.has(use)) return;
      accusers.add(use);
      use = this.#isConvicted(origin) ? this.#sourceOf(origin) : null;
    }
  }

  /**
   * Whether an origin is the mistake: its value fits less than half of its uses, or its value is in
   * needless parentheses.
   */
  #isConvicted(origin: Origin): boolean {
    if (origin.kind === "word") return false;
    if (this.#hasNeedlessParentheses(this.#sourceOf(origin))) return true;
    // Uses of an item are not counted.
    if (origin.kind === "item") return false;
    return 2 * (this.#accusers.get(origin)?.size ?? 0) > origin.reads;
  }

  /**
   * Whether a `none` value is a mistake. One use is enough for that: a script does not purposely
   * bind or return a result that does not exist, unless it says `none`.
   */
  #isNoneByMistake(first: Origin): boolean {
    let origin: Origin | null = first;
    for (let step = 0; step < CHAIN_LIMIT && origin !== null; step++) {
      if (origin.kind === "function") {
        const { declaration, reads } = origin;
        const { bare, endsInReturn, isNone, saysNone } = this.results.of(declaration);
        if (!isNone) return bare !== null || !saysNone;
        return endsInReturn || 2 * (this.#discarded.get(declaration) ?? 0) < reads;
      }
      const source = this.#sourceOf(origin);
      if (source === null || source.kind === "None") return false;
      origin = this.#originOf(source);
    }
    return true;
  }

  /**
   * The origin to blame for a use: the farthest origin that can be blamed; if no origin can be
   * blamed, the nearest one. `isBlamed` says whether the returned origin can be blamed.
   */
  #culprit(use: Expression, type: Type): MismatchOrigin {
    let origin = this.#originOf(use)!;
    const isNone = type === "nothing" && this.#isNoneByMistake(origin);
    const isBlamed = (one: Origin) => type === "nothing" ? isNone : this.#isConvicted(one);
    for (let step = 0; step < CHAIN_LIMIT; step++) {
      const source = isBlamed(origin) ? this.#sourceOf(origin) : null;
      const next = source === null ? null : this.#originOf(source);
      if (next === null || !isBlamed(next)) break;
      origin = next;
    }
    return { origin, isBlamed: isBlamed(origin) };
  }

  /**
   * Whether a value is in needless parentheses, such as `(1)`: the rest of a call that lost its
   * function.
   */
  #hasNeedlessParentheses(value: Expression | null): boolean {
    if (value === null) return false;
    return remembered(this.#needless, value, () => isInParentheses(spanText(value.span)));
  }

  #report(origin: Origin, mismatches: readonly TracedMismatch[]): Diagnostic {
    const [first] = mismatches as readonly [TracedMismatch, ...TracedMismatch[]];
    const { diagnostic, isBlamed, type, use } = first;
    const isSure = mismatches.length > 1 || type === "nothing" ||
      this.#hasNeedlessParentheses(this.#sourceOf(origin));
    return isBlamed && isSure && use.span.source === blamedOf(origin).place?.source
      ? this.#atOrigin(origin, type, mismatches)
      : atFirstUse(diagnostic, use, origin, mismatches.length - 1);
  }

  #atOrigin(origin: Origin, type: Type, mismatches: readonly TracedMismatch[]): Diagnostic {
    const related = mismatches.slice(0, DISPLAYED_USES).map((
      { diagnostic: { message, span } },
    ) => ({
      span,
      message: message[0]!.toLowerCase() + message.slice(1),
    }));
    const declaration = origin.kind === "function" ? origin.declaration : null;
    const result = declaration === null ? null : this.results.of(declaration);
    if (declaration !== null && type === "nothing" && (result!.isNone || result!.bare !== null)) {
      const { bare, last } = result!;
      return {
        code: "E0407",
        severity: "error",
        span: (bare ?? last ?? declaration.name).span,
        message: `\`${declaration.name.text}\` is used for its value, but returns none`,
        hint: bare !== null ? "write the value after `return`" : "add `return` before the value",
        related,
      };
    }
    const source = this.#sourceOf(origin);
    const { place, subject } = blamedOf(origin);
    return {
      code: "E0408",
      severity: "error",
      span: source?.span ?? place!,
      message: `${subject} ${typeText(type)}, ${this.#verdict(origin, type)}`,
      hint: this.#hasNeedlessParentheses(source)
        ? "is the name of a function missing before the `(`?"
        : sharedHint(mismatches),
      related,
    };
  }

  #verdict(origin: Origin, type: Type): string {
    if (origin.kind === "word" || origin.kind === "item") return "which does not fit its uses";
    const uses = origin.reads;
    if (type === "nothing") return `and its ${uses === 1 ? "use wants" : "uses want"} a value`;
    const wrong = this.#accusers.get(origin)?.size ?? 0;
    if (wrong < uses) return `which fits only ${uses - wrong} of its ${uses} uses`;
    return uses === 1 ? "which does not fit its use" : `which fits none of its ${uses} uses`;
  }
}

/** The common hint; undefined if the hints differ. */
function sharedHint(mismatches: readonly TracedMismatch[]): string | undefined {
  const [first, ...others] = mismatches.map(({ diagnostic: { hint } }) => hint);
  return others.every((hint) => hint === first) ? first : undefined;
}

/**
 * The parts of an error that refer to an origin: the origin's location, the beginning of the
 * message, and the text of a note.
 */
function blamedOf(
  origin: Origin,
): { readonly place: Span | null; readonly subject: string; readonly note: string } {
  switch (origin.kind) {
    case "item":
      return {
        place: origin.madeBy.span,
        subject: "The item added here is",
        note: "it is added here",
      };
    case "word": {
      const name = `\`${origin.word.name}\``;
      return { place: null, subject: `${name} is`, note: `${name} is here` };
    }
    case "variable": {
      const name = `\`${origin.name}\``;
      return { place: origin.span, subject: `${name} is`, note: `${name} is bound here` };
    }
    case "const":
    case "function": {
      const { span, text } = origin.declaration.name;
      const verb = origin.kind === "const" ? "is" : "returns";
      return { place: span, subject: `\`${text}\` ${verb}`, note: `\`${text}\` is declared here` };
    }
  }
}

/** True for `(1)`, but not for `(1) + (2)`. */
function isInParentheses(text: string): boolean {
  if (!text.startsWith("(")) return false;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "(") depth++;
    else if (text[index] === ")" && --depth === 0) return index === text.length - 1;
  }
  return false;
}

/**
 * The error at the first use. It lists the other uses, and has a note if the origin is on another
 * line.
 */
function atFirstUse(
  diagnostic: Diagnostic,
  use: Expression,
  origin: Origin,
  more: number,
): Diagnostic {
  const { note, place } = blamedOf(origin);
  const line = (span: Span) => span.source.position(span.start).line;
  const isElsewhere = place !== null &&
    (place.source !== use.span.source || line(place) !== line(use.span));
  const origins: RelatedSpan[] = isElsewhere ? [{ span: place, message: note }] : [];
  const hints = diagnostic.hint === undefined ? [] : [diagnostic.hint];
  if (origin.kind === "word" && hints.length === 0) {
    hints.push(`\`${origin.word.name}\` is a word here: no variable has that name`);
  }
  if (more > 0) {
    const places = `${more} more place${more === 1 ? "" : "s"}`;
    const also = origin.kind === "word" ? `the same in ${places}` : `it does not fit in ${places}`;
    hints.push(hints.length === 0 ? also : `(${also})`);
  }
  return {
    ...diagnostic,
    hint: hints.length === 0 ? undefined : hints.join("\n"),
    related: [...diagnostic.related ?? [], ...origins],
  };
}
