/**
 * Arguments that a function of the script has no parameter for. One call with too many is wrong
 * itself; when all calls have too many, a parameter is missing where the function is declared.
 */
import type { Diagnostic, DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { CallExpression, FunctionDeclaration } from "../../syntax/tree/ast.ts";

interface Calls {
  count: number;
  readonly surplus: { readonly call: CallExpression; readonly diagnostic: Diagnostic }[];
}

export class SurplusArguments {
  readonly #incomplete: ReadonlySet<FunctionDeclaration>;
  readonly #calls = new Map<FunctionDeclaration, Calls>();

  /** @param incomplete Functions that lack a name, which may be the parameter that is missing. */
  constructor(incomplete: ReadonlySet<FunctionDeclaration>) {
    this.#incomplete = incomplete;
  }

  called(declaration: FunctionDeclaration): void {
    const calls = this.#calls.get(declaration);
    if (calls === undefined) this.#calls.set(declaration, { count: 1, surplus: [] });
    else calls.count++;
  }

  /** Takes note of a call with too many arguments, after `called`. */
  add(declaration: FunctionDeclaration, call: CallExpression, diagnostic: Diagnostic): void {
    this.#calls.get(declaration)!.surplus.push({ call, diagnostic });
  }

  /** Reports them: each at its call, or all of a function's at its declaration. */
  settle(bag: DiagnosticBag): void {
    for (const [declaration, { count, surplus }] of this.#calls) {
      if (this.#incomplete.has(declaration)) continue;
      const { name, parameters } = declaration;
      if (surplus.length < 2 || surplus.length < count) {
        for (const { diagnostic } of surplus) bag.add(diagnostic);
        continue;
      }
      const [{ call, diagnostic }] = surplus as [typeof surplus[0], ...typeof surplus];
      const given = call.arguments.length;
      const takes = parameters.length;
      bag.add({
        code: "E0304",
        severity: "error",
        span: name.span,
        message: `All ${count} calls of \`${name.text}\` have more arguments than it takes, ` +
          (takes === 0 ? "which is none" : `which is ${takes}`),
        ...diagnostic.hint === undefined ? {} : { hint: diagnostic.hint },
        related: [{ span: call.span, message: `${given} here` }],
      });
    }
  }
}
