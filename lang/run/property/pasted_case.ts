/** A case of a property as a test of its own, to be pasted into the file. */
import { quoted, sourceText } from "../../render/source_text.ts";
import { type Span, spanText } from "../../source.ts";
import type { PropertyDeclaration } from "../../syntax/tree/ast.ts";
import { formatCount } from "../../text/numbers.ts";
import { ListValue, type Value } from "../../values/value.ts";

export interface PastedCase {
  readonly property: PropertyDeclaration;
  readonly values: readonly Value[];
  /** The machine's part of the name: `iommu.mode = lazy`; empty without a matrix. */
  readonly combination: string;
  /** The seed, where it is not the file's own. */
  readonly seed: number | null;
}

/** `pages = 1, skipped = 0`. */
export function caseText({ property, values }: Pick<PastedCase, "property" | "values">): string {
  return property.forall
    .map(({ name }, index) => `${name.text} = ${sourceText(values[index]!)}`)
    .join(", ");
}

/** The lines of a test that does what the property does in this case, on the same machine. */
export function pastedTest(pasted: PastedCase): readonly string[] {
  const { combination, property, seed, values } = pasted;
  const settings = [
    ...property.modifiers.filter(({ kind }) => kind === "With").map(({ span }) => spanText(span)),
    ...combination === "" ? [] : [`with { ${combination} }`],
    ...seed === null ? [] : [`with { seed = 0x${seed.toString(16)} }`],
  ];
  const head = ["test", quoted(`${property.name}: ${shortText(pasted)}`), ...settings, "{"];
  return [
    head.join(" "),
    ...property.forall.flatMap(({ name }, index) => bindingLines(name.text, values[index]!)),
    ...innerLines(property.body.span),
    "}",
  ];
}

/** The same as `caseText()`, with how long sequences are: a name has one line. */
function shortText({ property, values }: Pick<PastedCase, "property" | "values">): string {
  return property.forall.map(({ name }, index) => {
    const value = values[index]!;
    return value instanceof ListValue
      ? `${name.text} of ${formatCount(value.items.length, "step")}`
      : `${name.text} = ${sourceText(value)}`;
  }).join(", ");
}

/** A sequence has a line for each of its steps. */
function bindingLines(name: string, value: Value): readonly string[] {
  if (!(value instanceof ListValue) || value.items.length === 0) {
    return [`  let ${name} = ${sourceText(value)}`];
  }
  return [`  let ${name} = [`, ...value.items.map((step) => `    ${sourceText(step)},`), "  ]"];
}

/** What stands between the braces of a block. */
function innerLines(body: Span): string[] {
  const inner = spanText(body).replace(/^\{/, "").replace(/\}$/, "");
  const lines = inner.split(/\r\n|\r|\n/);
  if (lines.length === 1) return [`  ${inner.trim()}`];
  // What stands on the line of the brace comes first; the last line has the closing one.
  const first = lines.shift()!.trim();
  if (lines.at(-1)!.trim() === "") lines.pop();
  return [...first === "" ? [] : [`  ${first}`], ...lines.map((line) => line.trimEnd())];
}
