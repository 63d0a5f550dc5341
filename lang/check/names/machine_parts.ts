/** What stands in the blocks of a machine besides keys: its variables, and what registers do. */
import { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { MachineDeclaration } from "../../syntax/tree/ast.ts";
import { machineLets, registersOf } from "../../syntax/tree/machine_entries.ts";
import { Quantity } from "../../values/value.ts";
import { ConstantEvaluator } from "../../compile/constant_value.ts";
import { type DescribedRegister, type MachineParts, Variable } from "./bindings.ts";
import type { FileScope } from "./file_scope.ts";

/** @param scope Of the file that declares it. */
export function machineParts(
  declaration: MachineDeclaration | null,
  scope: FileScope,
): MachineParts {
  if (declaration === null) return { declaration, variables: new Map(), registers: [] };
  const variables = machineLets(declaration).map((statement) => {
    const { name, value } = statement;
    return [statement, new Variable(name.text, name.span, null, "machine", value)] as const;
  });
  const evaluator = new ConstantEvaluator(scope, new DiagnosticBag());
  const registers = registersOf(declaration).flatMap((placed): DescribedRegister[] => {
    const offset = evaluator.evaluate(placed.register.offset);
    const offsetBytes = offset instanceof Quantity ? offset.value : offset;
    return typeof offsetBytes === "number" ? [{ ...placed, offsetBytes }] : [];
  });
  return { declaration, variables: new Map(variables), registers };
}
