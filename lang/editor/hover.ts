/** Describes the text at a location. */
import { eventEntry } from "@dmalab/runtime";
import { TYPES } from "../builtins/mod.ts";
import { MACHINE_SCHEMA } from "../machine/schema.ts";
import { type Span, spanText } from "../source.ts";
import { wordRow } from "../syntax/language_words.ts";
import type {
  Argument,
  CallExpression,
  Expression,
  FieldExpression,
  MachineBlock,
  MachineSetting,
  Name,
  PathEntry,
  PatternEvent,
} from "../syntax/tree/ast.ts";
import { typeText } from "../values/value_types.ts";
import { handleTypeOf } from "../values/types.ts";
import type { Analysis } from "./analysis.ts";
import { calledSpec } from "./completion.ts";
import { commentAbove } from "./comments.ts";
import {
  describeBuiltin,
  describeEvent,
  describeKeys,
  describeLanguageWord,
  describeMemberOf,
  resultText,
} from "./describe_name.ts";
import { kindOfBinding, NamesAt } from "./names_at.ts";
import { type NameSymbol, occurrenceAt } from "./occurrences.ts";
import { pathAt, type TreeNode } from "./tree_path.ts";

export interface Hover {
  /** The described span. */
  readonly span: Span;
  /** The first line has the syntax or the kind of the word; the description follows. */
  readonly lines: readonly string[];
}

/** Width of a description: editors show it in a small window. */
const COLUMNS = 76;

/** Describes the word at an offset; null for text without a meaning. */
export function hoverAt(analysis: Analysis, offset: number): Hover | null {
  const found = occurrenceAt(analysis, offset);
  const described = found === null ? null : describeSymbol(found.symbol, found.span, analysis);
  if (described !== null) return { span: found!.span, lines: described };
  return inTree(analysis, offset) ?? wordAt(analysis, offset);
}

function describeSymbol(
  { binding, name }: NameSymbol,
  span: Span,
  analysis: Analysis,
): readonly string[] | null {
  switch (binding.kind) {
    case "variable": {
      const type = kindOfBinding(analysis, binding, span);
      const values = binding.assigned.length === 0 ? "" : ", assigned again later";
      return [`${binding.role} ${name}: ${typeText(type)}${values}`];
    }
    case "const": {
      const kind = typeText(analysis.checked.kinds.kindOf(binding.declaration.value));
      const about = commentAbove(binding.declaration.span);
      return [`const ${name} = ${oneLine(binding.declaration.value.span)}`, kind, ...about];
    }
    case "function": {
      const { parameters } = binding.declaration;
      const { type } = analysis.checked.kinds.functionShape(binding.declaration);
      const head = `fn ${name}(${parameters.map(({ text }) => text).join(", ")})${
        resultText(type)
      }`;
      return [head, ...commentAbove(binding.declaration.span)];
    }
    case "machine": {
      const type = handleTypeOf(binding.valueKind, TYPES);
      return [
        `${name}: ${typeText(binding.valueKind)}`,
        ...type === undefined ? [] : [type.doc],
      ];
    }
    default:
      return describeBuiltin(name, COLUMNS);
  }
}

function oneLine(span: Span): string {
  const text = spanText(span).replace(/\s+/g, " ");
  return text.length <= COLUMNS ? text : `${text.slice(0, COLUMNS - 1)}…`;
}

/** Meanings that depend on the surrounding tree: members, arguments, keys, events. */
function inTree(analysis: Analysis, offset: number): Hover | null {
  const path = pathAt(analysis.file, offset);
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const node = path[depth]!;
    const inside = path[depth + 1];
    const found = ofNode(node, inside, path[depth - 1], analysis);
    if (found !== null) return found;
  }
  return null;
}

function ofNode(
  node: TreeNode,
  inside: TreeNode | undefined,
  around: TreeNode | undefined,
  analysis: Analysis,
): Hover | null {
  switch (node.kind) {
    case "Field": {
      const { field, object } = node as FieldExpression;
      return inside === field ? member(object, field, analysis) : null;
    }
    case "Setting": {
      const { key } = node as MachineSetting;
      if (inside === undefined) return null;
      const owner = around?.kind === "Block" ? `${(around as MachineBlock).keyword.text}.` : "";
      // A value such as `strict` is described by its key.
      return keys(`${owner}${key.text}`, inside.span, analysis);
    }
    case "Block": {
      const { keyword } = node as MachineBlock;
      const block = inside === keyword ? MACHINE_SCHEMA.blocks.get(keyword.text) : undefined;
      return block === undefined ? null : { span: keyword.span, lines: [keyword.text, block.doc] };
    }
    case "Event": {
      const { name, nameSpan } = node as PatternEvent;
      return event(eventEntry(name) === null ? `call.${name}` : name, nameSpan);
    }
  }
  if ("path" in node && Array.isArray(node.path) && inside !== undefined) {
    const { path } = node as PathEntry;
    if (!path.includes(inside as Name)) return null;
    const [first, last] = [path[0]!, path.at(-1)!];
    const span = { ...first.span, end: last.span.end };
    return keys(path.map(({ text }) => text).join("."), span, analysis);
  }
  const { name } = node as Argument;
  return inside !== undefined && inside === name && around?.kind === "Call"
    ? argument(name, around as CallExpression, analysis)
    : null;
}

function member(object: Expression, field: Name, analysis: Analysis): Hover | null {
  const shape = analysis.checked.kinds.shapeOf(object);
  const entry = shape.entries?.get(field.text);
  if (entry !== undefined) {
    return { span: field.span, lines: [`.${field.text}: ${typeText(entry.type)}`] };
  }
  const type = handleTypeOf(shape.type, TYPES);
  const name = `${type?.name}.${field.text}`;
  const lines = type && describeMemberOf(type, field.text, name, COLUMNS);
  if (lines) return { span: field.span, lines };
  const whole = { ...object.span, end: field.span.end };
  return event(spanText(whole), whole);
}

function event(name: string, span: Span): Hover | null {
  const lines = describeEvent(name, COLUMNS);
  return lines === null ? null : { span, lines };
}

function keys(name: string, span: Span, analysis: Analysis): Hover | null {
  const lines = describeKeys(name, new NamesAt(analysis, span.start), COLUMNS);
  return lines.length === 0 ? null : { span, lines };
}

function argument(name: Name, { callee }: CallExpression, analysis: Analysis): Hover | null {
  const spec = calledSpec(spanText(callee.span), new NamesAt(analysis, name.span.start));
  const parameter = spec?.parameters.find((each) => each.name === name.text);
  if (parameter === undefined) return null;
  const kinds = [parameter.type].flat().map(typeText).join(" or ");
  return { span: name.span, lines: [`${parameter.name}: ${kinds}`, parameter.doc] };
}

/** Describes a word of the language that is used as a keyword. */
function wordAt({ source }: Analysis, offset: number): Hover | null {
  const start = offset - source.text.slice(0, offset).match(/\w*$/)![0].length;
  const text = source.text.slice(start).match(/^\w*/)![0];
  const row = wordRow(text);
  if (row === undefined) return null;
  return {
    span: { source, start, end: start + text.length },
    lines: describeLanguageWord(row, COLUMNS),
  };
}
