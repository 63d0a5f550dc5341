/** Kinds in statements, and code that is never reached. */
import type { Registry } from "../../values/registry.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { Field } from "@dmalab/runtime/vocabulary";
import { listed } from "../../diagnostics/suggest.ts";
import { canEqual, fieldsNamed, fieldType, wordsIn } from "../../values/event_fields.ts";
import { eventsNamed } from "../names/event_names.ts";
import type {
  Block,
  Expression,
  FileNode,
  PatternEvent,
  Statement,
} from "../../syntax/tree/ast.ts";
import { spanText } from "../../source.ts";
import type { Type } from "../../values/spec.ts";
import { typeText } from "../../values/value_types.ts";
import { mixHint } from "../../values/operators.ts";
import { findField, handleTypeOf } from "../../values/types.ts";
import type { Resolution } from "../names/bindings.ts";
import { checkArms } from "./arms.ts";
import { TypeInference } from "./type_inference.ts";
import { TypeMismatches } from "./type_mismatches.ts";
import { patternEvents } from "../../syntax/tree/pattern_events.ts";
import { exitKind, innerBlocks, statementExpressions } from "../../syntax/tree/nodes.ts";
import { expressionBlocks } from "../../syntax/tree/walk.ts";
import type { LoadedFile } from "../../syntax/load_files.ts";
import type { EarlierCheck } from "../earlier_check.ts";
import { FunctionResults } from "./function_results.ts";
import { KnownKinds } from "./known_kinds.ts";

/** The hint for a bare number in a statement about time. */
const TIME_HINT = "to let time pass, write `advance 10us`, with a unit";

class StatementChecker {
  constructor(
    readonly kinds: TypeInference,
    readonly resolution: Resolution,
    readonly registry: Registry,
    readonly bag: DiagnosticBag,
    readonly mismatches: TypeMismatches,
  ) {}

  file(file: FileNode, earlier: EarlierCheck | null): void {
    for (const item of file.items) {
      const kept = earlier?.keptKinds(item);
      if (kept === undefined) {
        this.mismatches.check = earlier?.startKinds(item) ?? null;
        this.#statement(item);
      } else for (const declaration of kept.discarded) this.mismatches.discardedOf(declaration);
    }
  }

  #block(block: Block): void {
    for (const [index, statement] of block.statements.entries()) {
      this.#statement(statement);
      const next = block.statements[index + 1];
      const reason = this.resolution.misplaced.has(statement) ? null : exitKind(statement);
      if (next !== undefined && reason !== null && next.kind !== "ErrorStatement") {
        this.bag.warning("W0302", next.span, `This never runs: ${reason}`);
        return;
      }
    }
  }

  #statement(statement: Statement): void {
    switch (statement.kind) {
      case "Assign": {
        const variable = this.resolution.targets.get(statement);
        if (variable !== undefined) this.kinds.assigned(variable, statement);
        break;
      }
      case "Change":
        this.kinds.changed(statement);
        break;
      case "Bench":
        for (const { condition } of statement.budgets) {
          this.kinds.requireBool(condition, "`budget`");
        }
        for (const { condition } of statement.expectations) {
          this.kinds.requireBool(condition, "`expect`");
        }
        if (statement.count !== null) {
          this.#require(statement.count, ["int"], "`loop` takes an int");
        }
        break;
      case "If":
        // The conditions of `else if` are included.
        for (const condition of statementExpressions(statement)) {
          this.kinds.requireBool(condition, "`if`");
        }
        break;
      case "While":
        this.kinds.requireBool(statement.condition, "`while`");
        break;
      case "For":
        this.#require(
          statement.values,
          ["range", "list", "bytes"],
          "`for` iterates over a range, a list or bytes",
          "a range of ints is `0..n`",
        );
        break;
      case "Repeat":
        this.#require(statement.count, ["int"], "`repeat` takes an int");
        break;
      case "Match": {
        const arms = statement.arms.map(({ body, pattern }) => ({ pattern, behind: body.span }));
        checkArms(statement.subject, arms, this.kinds);
        break;
      }
      case "Assert":
        this.kinds.requireBool(statement.condition, "`assert`");
        if (statement.message !== null) this.kinds.kindOf(statement.message);
        break;
      case "ExpectEvents":
        for (const event of patternEvents(statement.pattern)) this.#patternEvent(event);
        this.#happening(statement.subject);
        break;
      case "Step":
        if (statement.count !== null) {
          this.#require(statement.count, ["int"], "`step` takes an int", TIME_HINT);
        }
        if (statement.until !== null) this.kinds.requireBool(statement.until, "`step until`");
        break;
      case "Wait":
        this.#wait(statement.subject);
        break;
      case "Advance":
        this.#require(statement.duration, ["duration"], "`advance` takes a duration", TIME_HINT);
        break;
      case "OnCpu":
        this.#require(statement.cpu, ["int"], "`on cpu` takes an int");
        break;
      case "Fail":
        if (statement.nth !== null) {
          this.#require(statement.nth, ["int", "range"], "`nth` takes an int or a range");
        }
        break;
      case "Invariant":
        this.kinds.requireBool(statement.condition, "`invariant`");
        break;
      case "Expression":
        this.kinds.kindOf(statement.expression);
        this.mismatches.discarded(statement.expression);
        break;
      case "Driver":
        // The entries are evaluated in `driver_entry.ts`.
        break;
      case "CDriver":
      case "Use":
      case "Machine":
      case "Const":
      case "Function":
      case "Test":
      case "Property":
      case "Let":
      case "Return":
      case "Break":
      case "Continue":
      case "ExpectOutcome":
      case "Output":
      case "ErrorStatement":
        // Values of any kind are allowed.
        for (const expression of statementExpressions(statement)) this.kinds.kindOf(expression);
        break;
      default:
        statement satisfies never;
    }
    for (const block of innerBlocks(statement)) this.#block(block);
    for (const block of expressionBlocks(statement)) this.#block(block);
  }

  /**
   * Reports a value that a pattern's field can never have, because the value's kind is wrong or
   * because it is a wrong word.
   */
  #patternEvent({ fields, name: event }: PatternEvent): void {
    const events = eventsNamed(event, this.registry);
    for (const { name, value } of fields) {
      const meant = fieldsNamed(events, name.text, this.registry);
      // A field that no event has is reported elsewhere.
      if (meant.length === 0) continue;
      const type = this.kinds.kindOf(value);
      const fitting = meant.filter((field) => canEqual(field, type));
      if (fitting.length > 0) this.#patternWords(name.text, value, fitting);
      else {
        const wanted = fieldType(meant[0]!);
        const message = `\`${name.text}\` is ${typeText(wanted)} and never equals ` +
          typeText(type);
        const hint = mixHint("==", wanted, type) ?? undefined;
        this.mismatches.wrong("E0404", value, type, message, hint);
      }
    }
  }

  #patternWords(name: string, value: Expression, fields: readonly Field[]): void {
    const words = wordsIn(fields);
    if (words === null) return;
    for (const item of value.kind === "List" ? value.items : [value]) {
      const word = this.#wordOf(item);
      if (word === null || words.includes(word)) continue;
      this.bag.error(
        "E0323",
        item.span,
        `\`${name}\` is never \`${spanText(item.span)}\``,
        this.bag.didYouMean(word, words) ?? `it is one of ${listed(words, word)}`,
      );
    }
  }

  /** The word to which a value of a field corresponds; null if it is not known yet. */
  #wordOf(value: Expression): string | null {
    if (value.kind === "String" && value.parts.every((part) => typeof part === "string")) {
      return value.parts.join("");
    }
    const binding = value.kind === "Name" ? this.resolution.names.get(value) : undefined;
    if (binding?.kind === "word") return binding.word.name;
    // `iommu` is the name of an object, and also a word. As a field's value it means the word,
    // which is the object's type without the `@`.
    const type = this.kinds.kindOf(value);
    return type.startsWith("@") ? type.slice(1) : null;
  }

  /**
   * Reports a value of a kind that a statement does not accept.
   *
   * @param takes The kinds that the statement accepts, as `rule` describes them.
   * @param hint Shown if the value is an int, or if the statement accepts an int.
   */
  #require(value: Expression, takes: readonly Type[], rule: string, hint?: string): void {
    const type = this.kinds.kindOf(value);
    if (type === "any" || takes.includes(type)) return;
    const isMeant = type === "int" || takes.includes("int");
    const message = `${rule}, but this is ${typeText(type)}`;
    this.mismatches.wrong("E0405", value, type, message, isMeant ? hint : undefined);
  }

  #wait(subject: Expression): void {
    const kind = this.kinds.kindOf(subject);
    const isList = kind === "list";
    const each = isList ? this.kinds.item(subject).type : kind;
    if (each === "any" || each === "list") return;
    const type = handleTypeOf(each, this.registry.types);
    if (each.startsWith("@") && (type === undefined || findField(type, "done") !== null)) return;
    const error = {
      code: "E0405" as const,
      span: subject.span,
      message: `Cannot wait for ${typeText(each)}${isList ? " in a list" : ""}`,
      hint: each === "duration" || each === "int"
        ? TIME_HINT
        : "`wait` takes an io, a request, or a list of them: values with a field `.done`",
    };
    if (isList) this.mismatches.add(error);
    else this.mismatches.add(error, [subject, kind]);
  }

  /** Checks that a value is of a kind with events. */
  #happening(subject: Expression): void {
    const type = this.kinds.kindOf(subject);
    if (type === "any" || type.startsWith("@")) return;
    const wanted = "`expect events … in` takes an io, a request, a trace or a device";
    this.mismatches.wrong("E0405", subject, type, `${wanted}, but this is ${typeText(type)}`);
  }
}

/**
 * Checks files with resolved names. An unknown name has the kind `any`.
 *
 * @param earlier The check of the previous version.
 */
export function checkTypes(
  files: Iterable<LoadedFile>,
  resolution: Resolution,
  registry: Registry,
  bag: DiagnosticBag,
  earlier: EarlierCheck | null = null,
): TypeInference {
  earlier?.beginKinds(resolution);
  const results = new FunctionResults();
  const mismatches: TypeMismatches = new TypeMismatches(
    resolution,
    results,
    (use) => inference.madeBy(use),
  );
  const inference: TypeInference = new TypeInference(
    resolution,
    registry,
    bag,
    mismatches,
    results,
    earlier?.kinds ?? new KnownKinds(),
  );
  const checker = new StatementChecker(inference, resolution, registry, bag, mismatches);
  for (const { file } of files) checker.file(file, earlier);
  mismatches.settle(bag);
  earlier?.finish();
  earlier?.open(mismatches.places);
  return inference;
}
