/** Helpers of the front end's tests: short forms of sources, trees and diagnostics. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { SourceFile, spanText } from "../source.ts";
import type { Block, EventPattern, Expression, Name, RecordEntry, Statement } from "./tree/ast.ts";
import { parse, type ParseOptions } from "./parse.ts";
import type { ParseResult } from "./parse_result.ts";

export function parseText(text: string, options: ParseOptions = {}): ParseResult {
  return parse(new SourceFile("test.dma", text), options);
}

export function statementsOf(text: string): readonly Statement[] {
  const { file, diagnostics } = parseText(text);
  if (diagnostics.length > 0) throw new Error(`Cannot parse: ${summaries(diagnostics).join("; ")}`);
  return file.items;
}

/** The expression of `let x = …`. */
export function expressionOf(text: string): Expression {
  const [statement] = statementsOf(`let x = ${text}`);
  if (statement?.kind !== "Let") throw new Error(`Not a let: ${statement?.kind}`);
  return statement.value;
}

/** `E0203 1:5` for each diagnostic. */
export function places(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ code, span }) => {
    const { line, column } = span.source.position(span.start);
    return `${code} ${line}:${column}`;
  });
}

export function summaries(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ message }, index) => `${places(diagnostics)[index]} ${message}`);
}

const names = (all: readonly Name[]) => all.map((name) => name.text).join(" ");

/** An expression as nested lists: `a + b * c` is `(+ a (* b c))`. */
export function sexpr(node: Expression): string {
  switch (node.kind) {
    case "Integer":
    case "Ratio":
    case "Boolean":
      return String(node.value);
    case "Size":
      return `${node.valueBytes}B`;
    case "Duration":
      return `${node.valueNs}ns`;
    case "String":
      return `"${
        node.parts.map((part) => typeof part === "string" ? part : `{${sexpr(part)}}`).join("")
      }"`;
    case "Bytes":
      return `bytes:${[...node.bytes].map((byte) => byte.toString(16)).join(",")}`;
    case "None":
      return "none";
    case "Name":
      return node.name;
    case "List":
      return `[${node.items.map(sexpr).join(" ")}]`;
    case "Record":
      return `{${entriesText(node.entries)}}`;
    case "CopyWith":
      return `(with ${sexpr(node.object)} ${entriesText(node.entries)})`;
    case "IfValue":
      return `(if ${sexpr(node.condition)} ${sexpr(node.then)} ${sexpr(node.otherwise)})`;
    case "MatchValue": {
      const arms = node.arms.map(({ pattern, value }) =>
        `(${pattern === null ? "_" : sexpr(pattern)} ${sexpr(value)})`
      );
      return `(match ${[sexpr(node.subject), ...arms].join(" ")})`;
    }
    case "Lambda":
      return `(=> (${names(node.parameters)}) ${sexpr(node.body)})`;
    case "Unary":
      return `(${node.operator} ${sexpr(node.operand)})`;
    case "Try":
      return `(try ${sexpr(node.operand)})`;
    case "Binary":
      return `(${node.operator} ${sexpr(node.left)} ${sexpr(node.right)})`;
    case "Range":
      return `(${node.inclusive ? "..=" : ".."} ${sexpr(node.first)} ${sexpr(node.last)})`;
    case "Cast":
      return `(as ${sexpr(node.operand)} ${node.target.text})`;
    case "Call": {
      const args = node.arguments.map(({ name, value }) =>
        name === null ? sexpr(value) : `${name.text}:${sexpr(value)}`
      );
      return `(${[`call ${sexpr(node.callee)}`, ...args].join(" ")})`;
    }
    case "Index":
      return `(at ${sexpr(node.object)} ${sexpr(node.index)})`;
    case "Field":
      return `(. ${sexpr(node.object)} ${node.field.text})`;
    case "Trace":
      return `(trace ${blockText(node.body)})`;
    case "Compare":
      return `(compare ${
        node.entries.map(({ path, value }) => `${names(path)}=${sexpr(value)}`).join(" ")
      } ${blockText(node.body)})`;
    case "Fork":
    case "Race":
      return `(${node.kind.toLowerCase()} ${node.branches.map(blockText).join(" ")})`;
    case "ErrorExpression":
      return "<error>";
  }
}

function entriesText(entries: readonly RecordEntry[]): string {
  return entries.map(({ key, value }) => `${key.text}:${sexpr(value)}`).join(" ");
}

/** A block in braces, as the text of its statements. */
export function blockText(block: Block): string {
  return `{${block.statements.map((statement) => spanText(statement.span)).join("; ")}}`;
}

/** An event pattern in its own notation, groups in parentheses. */
export function patternText(pattern: EventPattern): string {
  switch (pattern.kind) {
    case "Event":
      return pattern.fields.length === 0
        ? pattern.name
        : `${pattern.name}(${
          pattern.fields.map(({ name, value }) => `${name.text}: ${sexpr(value)}`).join(", ")
        })`;
    case "Gap":
      return "...";
    case "Sequence":
      return `(${pattern.items.map(patternText).join(", ")})`;
    case "Alternatives":
      return `<${pattern.choices.map(patternText).join(" | ")}>`;
    case "Repeat":
      return `${patternText(pattern.item)}{${pattern.times.min},${pattern.times.max}}`;
    case "Absent":
      return `!${patternText(pattern.event)}`;
  }
}
