/**
 * Finds what every name means, and what stands where it cannot stand.
 *
 * Kinds come later (`kind_inference.ts`): they need to know all assignments of a variable first.
 */
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type {
  AssignStatement,
  BenchDeclaration,
  Block,
  Declaration,
  Expression,
  FileNode,
  MatchArm,
  Name,
  NameExpression,
  PropertyDeclaration,
  Statement,
  TestDeclaration,
} from "../syntax/ast.ts";
import {
  type Binding,
  type CodeScope,
  type ConstBinding,
  type FunctionBinding,
  type Resolution,
  Scope,
  Variable,
} from "./bindings.ts";
import { eventNameOf } from "./event_names.ts";
import type { FileScope } from "./file_scope.ts";
import { checkOutcomeName } from "./outcome_names.ts";
import { checkPatternNames } from "./pattern_names.ts";
import { patternFields } from "./syntax_walk.ts";

/** Where a statement stands. */
interface Place {
  readonly scope: Scope;
  readonly inLoop: boolean;
}

/** A const or function, for the graph of what needs what. */
export type Owner = ConstBinding | FunctionBinding;

export class Resolver {
  readonly #file: FileScope;
  readonly #bag: DiagnosticBag;
  readonly #resolution: Resolution;
  /** Consts and functions that a const or function uses. */
  readonly #uses: Map<Owner, Set<Owner>>;
  /** Names that the file's top-level `let`s bind, for a better hint. */
  readonly #topLevelLets = new Set<string>();
  #owner: Owner | null = null;

  constructor(
    file: FileScope,
    bag: DiagnosticBag,
    resolution: Resolution,
    uses: Map<Owner, Set<Owner>>,
  ) {
    this.#file = file;
    this.#bag = bag;
    this.#resolution = resolution;
    this.#uses = uses;
  }

  /**
   * Resolves a whole file.
   *
   * @param session True in a REPL, whose variables outlive the input.
   */
  file(file: FileNode, session: boolean): void {
    const code = codeScope("main", null);
    const scope = new Scope(code, null);
    for (const item of file.items) if (item.kind === "Let") this.#topLevelLets.add(item.name.text);
    for (const item of file.items) {
      this.#statement(item, { scope, inLoop: false }, session);
    }
  }

  // Declarations.

  #const(binding: ConstBinding): void {
    this.#ownedBy(binding, () => {
      const code = codeScope("constant", null);
      this.#expression(binding.declaration.value, new Scope(code, null));
    });
  }

  #function(binding: FunctionBinding): void {
    this.#ownedBy(binding, () => {
      const { body, parameters } = binding.declaration;
      const scope = new Scope(codeScope("function", null), null);
      this.#parameters(parameters, scope);
      this.#body(body, { scope, inLoop: false });
    });
  }

  #ownedBy(owner: Owner, resolve: () => void): void {
    this.#uses.set(owner, new Set());
    this.#owner = owner;
    resolve();
    this.#owner = null;
  }

  #test(test: TestDeclaration): void {
    const scope = new Scope(codeScope("test", null), null);
    this.#body(test.body, { scope, inLoop: false });
  }

  #property(property: PropertyDeclaration): void {
    const scope = new Scope(codeScope("property", null), null);
    for (const binding of property.forall) {
      // The values are worked out before there is a machine: nothing but consts is known there.
      this.#expression(binding.values, new Scope(codeScope("constant", null), null));
      const variable = this.#variable(binding.name, scope, "forall", binding.values);
      this.#resolution.variables.set(binding.name, variable);
    }
    this.#body(property.body, { scope, inLoop: false });
  }

  #bench(bench: BenchDeclaration): void {
    const scope = new Scope(codeScope("bench", null), null);
    const place = { scope, inLoop: false };
    if (bench.setup !== null) this.#body(bench.setup, place);
    this.#body(bench.loop, { ...place, scope: new Scope(scope.code, scope) });
    for (const budget of bench.budgets) this.#budget(budget.condition);
  }

  /** Names of events stand for their counts; everything else is as usual. */
  #budget(condition: Expression): void {
    const name = eventNameOf(condition);
    if (name !== null && this.#file.registry.eventNames.includes(name)) {
      this.#resolution.counts.set(condition, name);
      return;
    }
    if (condition.kind === "Binary") {
      this.#budget(condition.left);
      this.#budget(condition.right);
    } else if (condition.kind === "Unary") {
      this.#budget(condition.operand);
    } else {
      this.#expression(condition, new Scope(codeScope("constant", null), null));
    }
  }

  /** True for the name of an event, such as `iotlb.sync`, which is a value: its own text. */
  #eventName(expression: Expression, scope: Scope): boolean {
    const name = eventNameOf(expression);
    if (name === null || !this.#file.registry.eventNames.includes(name)) return false;
    const first = name.slice(0, name.indexOf("."));
    if (this.#find(first, scope) !== null || this.#file.declared.has(first)) return false;
    this.#resolution.eventNames.set(expression, name);
    return true;
  }

  #parameters(parameters: readonly Name[], scope: Scope): void {
    for (const name of parameters) {
      this.#resolution.variables.set(name, this.#variable(name, scope, "parameter", null));
    }
  }

  #variable(
    name: Name,
    scope: Scope,
    role: Variable["role"],
    source: Expression | null,
  ): Variable {
    const known = scope.ownVariable(name.text);
    if (known !== undefined) {
      this.#bag.add({
        code: "E0302",
        severity: "error",
        span: name.span,
        message: `\`${name.text}\` is already bound in this block`,
        hint: role === "let" ? `to give it another value, write \`${name.text} = …\`` : "rename it",
        related: [{ span: known.span, message: "bound here first" }],
      });
    }
    const variable = new Variable(name.text, name.span, scope.code, role, source);
    scope.declare(variable);
    return variable;
  }

  // Statements.

  #body(block: Block, place: Place): void {
    for (const statement of block.statements) this.#statement(statement, place, false);
  }

  #block(block: Block, place: Place, inLoop = place.inLoop): void {
    const scope = new Scope(place.scope.code, place.scope);
    this.#body(block, { scope, inLoop });
  }

  #statement(statement: Statement, place: Place, session: boolean): void {
    const { scope } = place;
    switch (statement.kind) {
      case "Use":
      case "Machine":
      case "Const":
      case "Function":
      case "Test":
      case "Property":
      case "Bench":
        this.#declaration(statement);
        return;
      case "Let":
        this.#expression(statement.value, scope);
        this.#resolution.variables.set(
          statement,
          session ? this.#sessionVariable(statement) : this.#letVariable(statement, scope),
        );
        return;
      case "Assign":
        this.#expression(statement.value, scope);
        this.#assign(statement, scope);
        return;
      case "If":
        this.#expression(statement.condition, scope);
        this.#block(statement.then, place);
        if (statement.otherwise === null) return;
        if ("kind" in statement.otherwise) {
          this.#statement(statement.otherwise, place, false);
        } else {
          this.#block(statement.otherwise, place);
        }
        return;
      case "While":
        this.#expression(statement.condition, scope);
        this.#block(statement.body, place, true);
        return;
      case "For": {
        this.#expression(statement.values, scope);
        const inner = new Scope(scope.code, scope);
        const variable = this.#variable(statement.name, inner, "loop", statement.values);
        this.#resolution.variables.set(statement, variable);
        this.#body(statement.body, { scope: inner, inLoop: true });
        return;
      }
      case "Repeat":
        this.#expression(statement.count, scope);
        this.#block(statement.body, place, true);
        return;
      case "Match":
        this.#expression(statement.subject, scope);
        for (const arm of statement.arms) this.#arm(arm, place);
        return;
      case "Return":
        if (!["function", "test", "property"].includes(scope.code.role)) {
          this.#misplaced(statement, "`return` stands in a function or a test");
        }
        if (statement.value !== null) this.#expression(statement.value, scope);
        return;
      case "Break":
      case "Continue":
        if (!place.inLoop) {
          const word = statement.kind.toLowerCase();
          this.#misplaced(statement, `\`${word}\` stands in a loop`);
        }
        return;
      case "Assert":
        this.#expression(statement.condition, scope);
        if (statement.message !== null) this.#expression(statement.message, scope);
        return;
      case "ExpectOutcome":
        checkOutcomeName(statement.expected, this.#file.registry, this.#bag);
        this.#block(statement.body, place);
        return;
      case "ExpectEvents":
        checkPatternNames(statement.pattern, this.#file.registry, this.#bag);
        for (const field of patternFields(statement.pattern)) this.#fieldValue(field.value, scope);
        this.#expression(statement.subject, scope);
        return;
      case "Step":
        if (statement.count !== null) this.#expression(statement.count, scope);
        if (statement.until !== null) this.#expression(statement.until, scope);
        return;
      case "Wait":
        this.#expression(statement.subject, scope);
        return;
      case "Advance":
        this.#expression(statement.duration, scope);
        return;
      case "OnCpu":
        this.#expression(statement.cpu, scope);
        this.#block(statement.body, place);
        return;
      case "Output":
        this.#expression(statement.value, scope);
        return;
      case "Expression":
        this.#expression(statement.expression, scope);
        if (statement.expected !== null) {
          checkOutcomeName(statement.expected, this.#file.registry, this.#bag);
        }
        return;
      case "Fail":
        this.#notBuilt(statement, "fail");
        return;
      case "Invariant":
        this.#notBuilt(statement, "invariant");
        return;
      case "ErrorStatement":
        return;
    }
  }

  #declaration(statement: Declaration): void {
    switch (statement.kind) {
      case "Const":
      case "Function": {
        const binding = this.#file.declared.get(statement.name.text);
        // A second declaration of a name was refused; its inside still gets its errors.
        const own = binding?.declaration === statement;
        if (statement.kind === "Const") {
          this.#const(
            own && binding.kind === "const"
              ? binding
              : { kind: "const", declaration: statement, reads: 0 },
          );
        } else {
          this.#function(
            own && binding.kind === "function"
              ? binding
              : { kind: "function", declaration: statement, reads: 0 },
          );
        }
        return;
      }
      case "Test":
        this.#test(statement);
        return;
      case "Property":
        this.#property(statement);
        return;
      case "Bench":
        this.#bench(statement);
        return;
    }
  }

  #letVariable(statement: Extract<Statement, { kind: "Let" }>, scope: Scope): Variable {
    return this.#variable(statement.name, scope, "let", statement.value);
  }

  /** A variable of a session may be bound anew: that is what trying things out is like. */
  #sessionVariable(statement: Extract<Statement, { kind: "Let" }>): Variable {
    const { name, value } = statement;
    const variable = new Variable(name.text, name.span, null, "let", value);
    this.#file.variables.set(name.text, variable);
    return variable;
  }

  #assign(statement: AssignStatement, scope: Scope): void {
    const { target } = statement;
    const variable = this.#find(target.text, scope);
    if (variable === null) {
      const outer = this.#file.find(target.text, false);
      const hint = outer === null
        ? this.#unknownHint(target.text, scope, false) ?? `\`let ${target.text} = …\` binds it`
        : "bind a variable with `let`";
      this.#bag.error(
        outer === null ? "E0301" : "E0308",
        target.span,
        outer === null
          ? `Nothing is called \`${target.text}\``
          : `Cannot assign to \`${target.text}\`: it is ${bindingNoun(outer.kind)}`,
        hint,
      );
      return;
    }
    if (variable.owner !== null && variable.owner !== scope.code) {
      this.#bag.error("E0308", target.span, "Cannot assign to a variable of the code around");
    }
    variable.assigned.push(statement);
    if (statement.operator === "+=") variable.reads++;
    this.#resolution.targets.set(statement, variable);
  }

  #arm(arm: MatchArm, place: Place): void {
    if (arm.pattern !== null) this.#armPattern(arm.pattern, place.scope);
    this.#block(arm.body, place);
  }

  /** A pattern never binds a name, and never looks at a variable: it would look as if it did. */
  #armPattern(pattern: Expression, scope: Scope): void {
    if (pattern.kind === "Range") {
      this.#armPattern(pattern.first, scope);
      this.#armPattern(pattern.last, scope);
      return;
    }
    if (pattern.kind !== "Name" || this.#constant(pattern)) {
      if (pattern.kind !== "Name") this.#expression(pattern, scope);
      return;
    }
    const variable = this.#find(pattern.name, scope);
    if (variable === null) {
      this.#name(pattern, scope, false);
      return;
    }
    variable.reads++;
    this.#bag.error(
      "E0319",
      pattern.span,
      `A pattern is a literal, a constant or a const, and \`${pattern.name}\` is a variable`,
      "compare with `if`, or make it a `const`",
    );
  }

  /** Takes a bare name for a const or a word, where only these are meant; false if it is neither. */
  #constant(node: NameExpression): boolean {
    const declared = this.#file.declared.get(node.name);
    const word = this.#file.registry.words.get(node.name);
    if (declared?.kind !== "const" && word === undefined) return false;
    if (declared?.kind === "const") this.#use(node, declared);
    else this.#resolution.names.set(node, { kind: "word", word: word! });
    return true;
  }

  /** `iommu` in a field is the word, not the thing of that name; a variable is the variable. */
  #fieldValue(value: Expression, scope: Scope): void {
    const bare = value.kind === "Name" && this.#find(value.name, scope) === null;
    if (!bare || !this.#constant(value)) this.#expression(value, scope);
  }

  #misplaced(statement: Statement, rule: string): void {
    this.#bag.error("E0309", statement.span, `This cannot stand here: ${rule}`);
  }

  #notBuilt(node: Statement | Expression, word: string): void {
    this.#bag.error(
      "E0601",
      node.span,
      `\`${word}\` is not built yet`,
      "it is part of the language and will come; leave it out for now",
    );
  }

  // Expressions.

  #expression(expression: Expression, scope: Scope): void {
    switch (expression.kind) {
      case "Name":
        this.#name(expression, scope, false);
        return;
      case "String":
        for (const part of expression.parts) {
          if (typeof part !== "string") this.#expression(part, scope);
        }
        return;
      case "List":
        for (const item of expression.items) this.#expression(item, scope);
        return;
      case "Record":
        for (const entry of expression.entries) this.#expression(entry.value, scope);
        return;
      case "Lambda": {
        const code = codeScope("lambda", scope.code);
        this.#resolution.lambdas.set(expression, code);
        const inner = new Scope(code, scope);
        this.#parameters(expression.parameters, inner);
        this.#expression(expression.body, inner);
        return;
      }
      case "Unary":
      case "Try":
      case "Cast":
        this.#expression(expression.operand, scope);
        return;
      case "Binary":
        this.#expression(expression.left, scope);
        this.#expression(expression.right, scope);
        return;
      case "Range":
        this.#expression(expression.first, scope);
        this.#expression(expression.last, scope);
        return;
      case "Call":
        if (expression.callee.kind === "Name") this.#name(expression.callee, scope, true);
        // A method may be called like an event: `iommu.translate(…)`.
        else if (expression.callee.kind === "Field") {
          this.#expression(expression.callee.object, scope);
        } else this.#expression(expression.callee, scope);
        for (const argument of expression.arguments) this.#expression(argument.value, scope);
        return;
      case "Index":
        this.#expression(expression.object, scope);
        this.#expression(expression.index, scope);
        return;
      case "Field":
        if (!this.#eventName(expression, scope)) this.#expression(expression.object, scope);
        return;
      case "Trace":
        // The block's own loops decide about `break`: one that leaves the trace has no value.
        this.#block(expression.body, { scope, inLoop: false });
        return;
      case "Compare":
        this.#notBuilt(expression, "compare");
        return;
      case "Fork":
      case "Race":
        this.#notBuilt(expression, expression.kind.toLowerCase());
        return;
      case "Integer":
      case "Ratio":
      case "Size":
      case "Duration":
      case "Bytes":
      case "Boolean":
      case "None":
      case "ErrorExpression":
        return;
    }
  }

  #find(name: string, scope: Scope): Variable | null {
    const local = scope.find(name);
    if (local !== null) return local;
    return outermost(scope.code).role === "main" ? this.#file.variables.get(name) ?? null : null;
  }

  #name(node: NameExpression, scope: Scope, called: boolean): void {
    const variable = this.#find(node.name, scope);
    if (variable !== null) {
      variable.reads++;
      this.#capture(variable, scope.code, node.span.start);
      this.#resolution.names.set(node, variable);
      return;
    }
    const binding = this.#file.find(node.name, called);
    if (binding === null) {
      this.#bag.error(
        called ? "E0303" : "E0301",
        node.span,
        called ? `There is no function \`${node.name}\`` : `Nothing is called \`${node.name}\``,
        this.#unknownHint(node.name, scope, called),
      );
      return;
    }
    if (!called && (binding.kind === "builtin" || binding.kind === "function")) {
      this.#bag.error(
        "E0307",
        node.span,
        `\`${node.name}\` is a function: it is called, not used as a value`,
        `write \`${node.name}(…)\`, or \`x => ${node.name}(x)\` to hand it on`,
      );
    }
    this.#use(node, binding);
  }

  #use(node: NameExpression, binding: Binding): void {
    if (binding.kind === "const" || binding.kind === "function") {
      binding.reads++;
      if (this.#owner !== null) this.#uses.get(this.#owner)!.add(binding);
    }
    this.#resolution.names.set(node, binding);
  }

  /** Notes that the lambdas between a variable's owner and its use must carry its value. */
  #capture(variable: Variable, user: CodeScope, offset: number): void {
    if (variable.owner === null) return;
    for (let code: CodeScope | null = user; code !== null && code !== variable.owner;) {
      if (!code.captures.includes(variable)) code.captures.push(variable);
      variable.capturedAt = Math.min(variable.capturedAt, offset);
      code = code.parent;
    }
  }

  #unknownHint(name: string, scope: Scope, called: boolean): string | undefined {
    const inside = outermost(scope.code).role !== "main";
    if (inside && (this.#file.variables.has(name) || this.#topLevelLets.has(name))) {
      return "functions and tests do not see a top-level `let`: write `const`, or pass it on";
    }
    return this.#file.hint(name, scope.names(), called);
  }
}

function codeScope(role: CodeScope["role"], parent: CodeScope | null): CodeScope {
  return { role, parent, captures: [] };
}

function outermost(code: CodeScope): CodeScope {
  let current = code;
  while (current.parent !== null) current = current.parent;
  return current;
}

function bindingNoun(kind: string): string {
  switch (kind) {
    case "const":
      return "a `const`";
    case "function":
    case "builtin":
      return "a function";
    case "machine":
      return "a part of the machine";
    default:
      return "a constant";
  }
}
