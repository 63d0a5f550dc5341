/** Kinds of what a value has: its fields, the entries of a record, the items of a list. */
import type { Registry } from "../../values/registry.ts";
import type { FromItems, HandleType, Type } from "../../values/spec.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { itHas } from "../../diagnostics/suggest.ts";
import type { Span } from "../../source.ts";
import type {
  CallExpression,
  Expression,
  FieldExpression,
  IndexExpression,
} from "../../syntax/tree/ast.ts";
import { isNumeric, typeText } from "../../values/value_types.ts";
import {
  findField,
  handleTypeOf,
  inherited,
  memberNames,
  memberProblem,
} from "../../values/types.ts";
import type { Resolution } from "../names/bindings.ts";
import { meantEvent } from "../names/event_names.ts";
import type { TypeMismatches } from "./type_mismatches.ts";
import type { OperandTypes } from "./operator_types.ts";
import { plainShape, shapeOf, type StructuralType, UNKNOWN } from "./shape.ts";

/** What is known of values, and where errors go. */
export interface KnownShapes extends OperandTypes {
  readonly resolution: Resolution;
  readonly registry: Registry;
  readonly bag: DiagnosticBag;
  readonly mismatches: TypeMismatches;
  shapeOf(expression: Expression): StructuralType;
  item(values: Expression): StructuralType;
  items(item: StructuralType | null): StructuralType | null;
  madeShape(expression: Expression): StructuralType;
}

export class MemberTypes {
  /** Entries whose names were found to be two words. */
  readonly #joined = new Set<Span>();

  constructor(readonly kinds: KnownShapes) {}

  index(expression: IndexExpression): StructuralType {
    const object = this.kinds.kindOf(expression.object);
    const index = this.kinds.kindOf(expression.index);
    const type = object.startsWith("@")
      ? handleTypeOf(object, this.kinds.registry.types)
      : undefined;
    const plain = ["any", "list", "bytes", "string", "record"].includes(object);
    const indexed = type !== undefined && inherited(type, "index") !== undefined;
    if (!plain && !indexed && (type !== undefined || !object.startsWith("@"))) {
      this.kinds.mismatches.add({
        code: "E0405",
        span: expression.span,
        message: `Cannot index ${typeText(object)}`,
      }, [expression.object, object]);
    } else if (
      (object === "list" || object === "bytes" || object === "string") &&
      index !== "int" && index !== "any"
    ) {
      const message = `An index is an int, but this is ${typeText(index)}`;
      this.kinds.mismatches.wrong("E0405", expression.index, index, message);
    }
    if (object === "string") return plainShape("string");
    return object === "list" || object === "bytes" ? this.kinds.item(expression.object) : UNKNOWN;
  }

  field(expression: FieldExpression): StructuralType {
    const { registry } = this.kinds;
    const value = this.kinds.shapeOf(expression.object);
    const { type: kind } = value;
    if (kind === "any") return UNKNOWN;
    const type = handleTypeOf(kind, registry.types);
    if (kind === "record") return this.#entry(expression, value, type);
    const field = type === undefined ? null : findField(type, expression.field.text);
    if (field !== null) {
      const given = field.gives === undefined
        ? shapeOf(field.type, field.of)
        : this.fromItems(field.gives, value.item, null);
      return given ?? plainShape(field.type);
    }
    // A type the registry does not list is checked while the script runs.
    if (type !== undefined || !kind.startsWith("@")) {
      this.noMember(expression, kind, type === undefined ? [] : memberNames(type), "field");
    }
    return UNKNOWN;
  }

  /** What a member of a list gives, by what is known of its items. */
  fromItems(
    gives: FromItems,
    item: StructuralType | null,
    call: CallExpression | null,
  ): StructuralType | null {
    switch (gives) {
      case "items":
        return { ...plainShape("list"), item: this.kinds.items(item) };
      case "item":
        return item;
      case "sum":
        return item !== null && isNumeric(item.type) ? item : null;
      case "mapped":
        return call === null ? null : this.#mapped(call);
    }
  }

  #mapped({ arguments: given }: CallExpression): StructuralType | null {
    const body = given[0]?.value;
    if (body?.kind !== "Lambda") return null;
    return { ...plainShape("list"), item: this.kinds.items(this.kinds.madeShape(body.body)) };
  }

  /** An entry of a record whose entries are known; of any other it is a matter of the run. */
  #entry(
    expression: FieldExpression,
    record: StructuralType,
    type: HandleType | undefined,
  ): StructuralType {
    const { entries } = record;
    if (entries === null) return UNKNOWN;
    const entry = entries.get(expression.field.text);
    if (entry !== undefined) return entry;
    if (this.#runsTogether(expression, entries)) return UNKNOWN;
    const others = type === undefined ? [] : memberNames(type);
    const names = this.kinds.bag.mayCompare(entries.size) ? [...entries.keys(), ...others] : [];
    this.noMember(expression, "record", names, "field");
    return UNKNOWN;
  }

  /** `{ sizemax: 4KiB }` asked for its `size`: two words have become one where it is put in. */
  #runsTogether({ field }: FieldExpression, entries: ReadonlyMap<string, StructuralType>): boolean {
    const { span, text } = field;
    // What is nearly the name is a slip of this line.
    const isNear = this.kinds.bag.didYouMean(text, [...entries.keys()]) !== undefined;
    if (isNear || !this.kinds.bag.mayCompare(entries.size)) return false;
    const found = [...entries].find(([key]) => text.length > 2 && key.startsWith(text));
    const place = found?.[1].madeBy?.span;
    if (found === undefined || place === undefined || place.source !== span.source) return false;
    if (!this.#joined.has(place)) {
      this.kinds.bag.error(
        "E0315",
        place,
        `The entry is written as \`${found[0]}\` but read as \`${text}\``,
        "one of the two is misspelt",
        [{ span, message: "asked for here" }],
      );
    }
    this.#joined.add(place);
    return true;
  }

  /** Reports a field or method that a kind lacks. */
  noMember(
    expression: FieldExpression,
    object: Type,
    names: readonly string[],
    what: "field" | "method",
  ): void {
    const name = expression.field.text;
    const meant = this.kinds.bag.didYouMean(name, names) ??
      meantEvent(expression, this.kinds.registry, this.kinds.bag);
    const { message, use } = memberProblem(object, name, names, what, this.kinds.registry.types);
    const hint = use ?? meant ?? (names.length === 0 ? undefined : itHas(names));
    const error = { code: "E0315" as const, span: expression.field.span, message, hint };
    // A misspelled member is no mistake of the line that made the value.
    if (use !== undefined || meant !== undefined) this.kinds.mismatches.add(error);
    else this.kinds.mismatches.add(error, [expression.object, object]);
  }
}
