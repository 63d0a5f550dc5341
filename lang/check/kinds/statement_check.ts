/** Kinds in statements, and code that is never reached. */
import type { Registry } from "../../values/registry.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { Field } from "@dmalab/runtime/vocabulary";
import { listed } from "../../diagnostics/suggest.ts";
import { canEqual, fieldKind, fieldsNamed, wordsIn } from "../../values/event_fields.ts";
import { eventsNamed } from "../names/event_names.ts";
import type {
  Block,
  Expression,
  FileNode,
  PatternEvent,
  Statement,
} from "../../syntax/tree/ast.ts";
import { spanText } from "../../source.ts";
import { describeKind } from "../../values/kinds.ts";
import { mixHint } from "../../values/operators.ts";
import { findField, typeOfKind } from "../../values/types.ts";
import type { Resolution } from "../names/bindings.ts";
import { checkArms } from "./arms.ts";
import type { KindInference } from "./kind_inference.ts";
import type { Misfits } from "./misfits.ts";
import { patternEvents } from "../../syntax/tree/pattern_events.ts";
import { innerBlocks, statementExpressions, wayOut } from "../../syntax/tree/statement_kinds.ts";
import { expressionBlocks } from "../../syntax/tree/walk.ts";

/** For who gives a bare number to a statement about time. */
const TIME_HINT = "to let time pass, write `advance 10us`, with a unit";

export class StatementChecker {
  constructor(
    readonly kinds: KindInference,
    readonly resolution: Resolution,
    readonly registry: Registry,
    readonly bag: DiagnosticBag,
    readonly misfits: Misfits,
  ) {}

  file(file: FileNode): void {
    for (const item of file.items) this.#statement(item);
  }

  #block(block: Block): void {
    for (const [index, statement] of block.statements.entries()) {
      this.#statement(statement);
      const next = block.statements[index + 1];
      const reason = this.resolution.misplaced.has(statement) ? null : wayOut(statement);
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
        for (const budget of statement.budgets) {
          this.kinds.wantBool(budget.condition, "`budget`");
        }
        break;
      case "If":
        // Those of `else if` as well.
        for (const condition of statementExpressions(statement)) {
          this.kinds.wantBool(condition, "`if`");
        }
        break;
      case "While":
        this.kinds.wantBool(statement.condition, "`while`");
        break;
      case "For":
        this.#walkable(statement.values, "`for`");
        break;
      case "Repeat":
        this.#wantInt(statement.count, "`repeat`");
        break;
      case "Match": {
        const arms = statement.arms.map(({ body, pattern }) => ({ pattern, behind: body.span }));
        checkArms(statement.subject, arms, this.kinds, this.bag);
        break;
      }
      case "Assert":
        this.kinds.wantBool(statement.condition, "`assert`");
        if (statement.message !== null) this.kinds.kindOf(statement.message);
        break;
      case "ExpectEvents":
        for (const event of patternEvents(statement.pattern)) this.#patternEvent(event);
        this.#happening(statement.subject);
        break;
      case "Step":
        if (statement.count !== null) {
          this.#wantInt(statement.count, "`step`", TIME_HINT);
        }
        if (statement.until !== null) this.kinds.wantBool(statement.until, "`step until`");
        break;
      case "Wait":
        this.#wait(statement.subject);
        break;
      case "Advance":
        this.#advance(statement.duration);
        break;
      case "OnCpu":
        this.#wantInt(statement.cpu, "`on cpu`");
        break;
      case "Fail":
        if (statement.nth !== null) this.#occurrences(statement.nth);
        break;
      case "Invariant":
        this.kinds.wantBool(statement.condition, "`invariant`");
        break;
      case "Expression":
        this.kinds.kindOf(statement.expression);
        this.misfits.discarded(statement.expression);
        break;
      case "Driver":
        // `driver_entry.ts` reads its values.
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
        // Values of any kind.
        for (const expression of statementExpressions(statement)) this.kinds.kindOf(expression);
        break;
      default:
        statement satisfies never;
    }
    for (const block of innerBlocks(statement)) this.#block(block);
    for (const block of expressionBlocks(statement)) this.#block(block);
  }

  /** A field asked for in another kind than it has, or as a word that it never is, never matches. */
  #patternEvent({ fields, name: event }: PatternEvent): void {
    const events = eventsNamed(event, this.registry);
    for (const { name, value } of fields) {
      const meant = fieldsNamed(events, name.text, this.registry);
      // A name that no event has is an error of its own.
      if (meant.length === 0) continue;
      const kind = this.kinds.kindOf(value);
      const fitting = meant.filter((field) => canEqual(field, kind));
      if (fitting.length > 0) this.#patternWords(name.text, value, fitting);
      else {
        const wanted = fieldKind(meant[0]!);
        const message = `\`${name.text}\` is ${describeKind(wanted)} and never equals ` +
          describeKind(kind);
        const hint = mixHint("==", wanted, kind) ?? undefined;
        this.misfits.wrong("E0404", value, kind, message, hint);
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

  /** What a field of words would have to hold to equal a value; null where that is not known yet. */
  #wordOf(value: Expression): string | null {
    if (value.kind === "String" && value.parts.every((part) => typeof part === "string")) {
      return value.parts.join("");
    }
    const binding = value.kind === "Name" ? this.resolution.names.get(value) : undefined;
    if (binding?.kind === "word") return binding.word.name;
    // `iommu` is a thing and a word; a field that says `iommu` means the word.
    const kind = this.kinds.kindOf(value);
    return kind.startsWith("@") ? kind.slice(1) : null;
  }

  #walkable(values: Expression, what: string): void {
    const kind = this.kinds.kindOf(values);
    if (["any", "range", "list", "bytes"].includes(kind)) return;
    const message = `${what} iterates over a range, a list or bytes, but this is ${
      describeKind(kind)
    }`;
    const hint = kind === "int" ? "a range of ints is `0..n`" : undefined;
    this.misfits.wrong("E0405", values, kind, message, hint);
  }

  #wantInt(value: Expression, what: string, hint?: string): void {
    const kind = this.kinds.kindOf(value);
    if (kind === "any" || kind === "int") return;
    const message = `${what} takes ${describeKind("int")}, but this is ${describeKind(kind)}`;
    this.misfits.wrong("E0405", value, kind, message, hint);
  }

  /** An int is a duration in ns everywhere else; here nobody means so few. */
  #advance(duration: Expression): void {
    const kind = this.kinds.kindOf(duration);
    if (kind === "any" || kind === "duration") return;
    const message = `\`advance\` takes a duration, but this is ${describeKind(kind)}`;
    const hint = kind === "int" ? TIME_HINT : undefined;
    this.misfits.wrong("E0405", duration, kind, message, hint);
  }

  #occurrences(nth: Expression): void {
    const kind = this.kinds.kindOf(nth);
    if (kind === "any" || kind === "int" || kind === "range") return;
    const message = `\`nth\` takes an int or a range, but this is ${describeKind(kind)}`;
    this.misfits.wrong("E0405", nth, kind, message);
  }

  #wait(subject: Expression): void {
    const kind = this.kinds.kindOf(subject);
    const isList = kind === "list";
    const each = isList ? this.kinds.item(subject).kind : kind;
    if (each === "any" || each === "list") return;
    const type = typeOfKind(each, this.registry.types);
    if (each.startsWith("@") && (type === undefined || findField(type, "done") !== null)) return;
    const error = {
      code: "E0405" as const,
      span: subject.span,
      message: `Cannot wait for ${describeKind(each)}${isList ? " in a list" : ""}`,
      hint: each === "duration" || each === "int"
        ? TIME_HINT
        : "`wait` takes an io, a request, or a list of them: values with a field `.done`",
    };
    if (isList) this.misfits.add(error);
    else this.misfits.add(error, [subject, kind]);
  }

  /** What has events to ask for. */
  #happening(subject: Expression): void {
    const kind = this.kinds.kindOf(subject);
    if (kind === "any" || kind.startsWith("@")) return;
    const wanted = "`expect events … in` takes an io, a request, a trace or a device";
    this.misfits.wrong("E0405", subject, kind, `${wanted}, but this is ${describeKind(kind)}`);
  }
}
