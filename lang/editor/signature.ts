/** The parameters of the call that is being typed. */
import type { FunctionDeclaration } from "../syntax/tree/ast.ts";
import type { ParameterSpec, Type } from "../values/spec.ts";
import { type Analysis, statementStart } from "./analysis.ts";
import { commentAbove } from "./comments.ts";
import { calledSpec } from "./completion.ts";
import { parameterText, resultText } from "./describe_name.ts";
import { NamesAt } from "./names_at.ts";
import { openCall } from "./open_call.ts";

export interface Signature {
  /** `dma_map_phys(dev, phys, size, dir, attrs?) → dma`. */
  readonly label: string;
  readonly doc: string;
  readonly parameters: readonly { readonly label: string; readonly doc: string }[];
  /** The index of the parameter that is being typed; null behind the last one. */
  readonly active: number | null;
}

interface Called {
  readonly parameters: readonly Pick<ParameterSpec, "name" | "doc" | "named" | "optional">[];
  readonly result: Type;
  readonly doc: string;
}

/** The signature of the innermost open call at an offset; null if it is unknown. */
export function signatureAt(analysis: Analysis, offset: number): Signature | null {
  const { checked, source } = analysis;
  const call = openCall(source.text.slice(statementStart(analysis, offset), offset));
  if (call === null) return null;
  const declared = checked.scope.declared.get(call.callee);
  const called = declared?.kind === "function"
    ? ofScript(analysis, declared.declaration)
    : calledSpec(call.callee, new NamesAt(analysis, offset));
  if (called === undefined) return null;
  const parameters = called.parameters.map((each) => ({
    label: parameterText(each),
    doc: each.doc,
  }));
  const active = call.name === null
    ? call.unnamed
    : called.parameters.findIndex(({ name }) => name === call.name);
  return {
    label: `${call.callee}(${parameters.map(({ label }) => label).join(", ")})${
      resultText(called.result)
    }`,
    doc: called.doc,
    parameters,
    active: active >= 0 && active < parameters.length ? active : null,
  };
}

function ofScript(
  { checked: { kinds } }: Analysis,
  declaration: FunctionDeclaration,
): Called {
  return {
    parameters: declaration.parameters.map(({ text }) => ({ name: text, doc: "" })),
    result: kinds.functionShape(declaration).type,
    doc: commentAbove(declaration.span).join("\n"),
  };
}
