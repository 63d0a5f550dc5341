/** The parameters of the call that is being typed. */
import { describeKind } from "../values/kinds.ts";
import type { Kind } from "../values/spec.ts";
import type { Analysis } from "./analysis.ts";
import { commentAbove } from "./comments.ts";
import { calledSpec } from "./completion.ts";
import { NamesAt } from "./names_at.ts";
import { openCall } from "./open_call.ts";

export interface Signature {
  /** `dma_map_phys(dev, phys, size, dir, attrs?) → dma`. */
  readonly label: string;
  readonly doc: string;
  readonly parameters: readonly { readonly label: string; readonly doc: string }[];
  /** The parameter that is being typed; null behind the last one. */
  readonly active: number | null;
}

interface Called {
  readonly parameters: readonly {
    readonly name: string;
    readonly doc: string;
    readonly named?: boolean;
    readonly optional?: boolean;
  }[];
  readonly result: Kind;
  readonly doc: string;
}

/** The signature of the innermost call that is open at an offset; null where none is known. */
export function signatureAt(analysis: Analysis, offset: number): Signature | null {
  const { checked, file, source } = analysis;
  const start = file.items.findLast(({ span }) => span.start <= offset)?.span.start ?? 0;
  const call = openCall(source.text.slice(start, offset));
  if (call === null) return null;
  const declared = checked.scope.declared.get(call.callee);
  const called = declared?.kind === "function"
    ? ofScript(analysis, declared.declaration)
    : calledSpec(call.callee, new NamesAt(analysis, offset));
  if (called === undefined) return null;
  const parameters = called.parameters.map(({ doc, name, named, optional }) => ({
    label: `${name}${named ? ":" : ""}${optional ? "?" : ""}`,
    doc,
  }));
  const active = call.name === null
    ? call.unnamed
    : called.parameters.findIndex(({ name }) => name === call.name);
  const isKnown = called.result !== "nothing" && called.result !== "any";
  const result = isKnown ? ` → ${describeKind(called.result)}` : "";
  return {
    label: `${call.callee}(${parameters.map(({ label }) => label).join(", ")})${result}`,
    doc: called.doc,
    parameters,
    active: active >= 0 && active < parameters.length ? active : null,
  };
}

function ofScript(
  { kinds }: Analysis,
  declaration: Parameters<Analysis["kinds"]["functionShape"]>[0],
): Called {
  return {
    parameters: declaration.parameters.map(({ text }) => ({ name: text, doc: "" })),
    result: kinds.functionShape(declaration).kind,
    doc: commentAbove(declaration.span).join("\n"),
  };
}
