/**
 * Finds what every name means, and what stands where it cannot stand.
 *
 * Kinds come later (`type_inference.ts`): they need to know all assignments of a variable first.
 */
import type {
  AssignStatement,
  BenchDeclaration,
  Block,
  Expression,
  FieldExpression,
  FileNode,
  IndexExpression,
  MachineDeclaration,
  Name,
  PropertyDeclaration,
  Statement,
  TestDeclaration,
  TestTable,
} from "../../syntax/tree/ast.ts";
import { type ConstBinding, type FunctionBinding, Scope, Variable } from "./bindings.ts";
import { eventNameOf } from "./event_names.ts";
import { codeScope, NameResolver, type Owner } from "./name_resolver.ts";
import { checkFail, checkOutcomeName } from "./outcome_names.ts";
import { checkPatternNames } from "./pattern_names.ts";
import { registersOf } from "../../syntax/tree/machine_entries.ts";
import { patternFields } from "../../syntax/tree/pattern_events.ts";
import { innerBlocks, roleOf, statementExpressions } from "../../syntax/tree/statement_kinds.ts";

/** Where a statement stands. */
interface StatementContext {
  readonly scope: Scope;
  readonly inLoop: boolean;
}

export class Resolver extends NameResolver {
  /**
   * Resolves a whole file.
   *
   * @param session True in a REPL, whose variables outlive the input.
   */
  file(file: FileNode, session: boolean): void {
    const code = codeScope("main", null);
    const scope = new Scope(code, null);
    for (const item of file.items) if (item.kind === "Let") this.topLevelLets.add(item.name.text);
    for (const item of file.items) {
      this.#statement(item, { scope, inLoop: false }, session);
    }
    this.reportUnknown(file);
  }

  /**
   * Resolves an expression that is asked in the middle of a run.
   *
   * @param names What is bound there besides what the file declares.
   * @returns The variables of these names.
   */
  evaluated(file: FileNode, expression: Expression, names: readonly Name[]): readonly Variable[] {
    const scope = new Scope(codeScope("main", null), null);
    const variables = names.map((name) => this.variable(name, scope, "parameter", null));
    this.expression(expression, scope);
    this.reportUnknown(file);
    return variables;
  }

  // Declarations.

  /** The variables of a machine and what its registers do. Of one that is not used nothing is known. */
  #machine(declaration: MachineDeclaration): void {
    const { machine } = this.fileScope;
    if (machine?.declaration !== declaration) return;
    const names = new Map<string, Variable>();
    for (const [statement, variable] of machine.variables) {
      this.#checkMachineVariable(variable, names);
      names.set(variable.name, variable);
      this.expression(statement.value, new Scope(codeScope("main", null), null));
      this.resolution.variables.set(statement, variable);
    }
    for (const { register } of registersOf(declaration)) {
      this.#function({ kind: "function", declaration: register.handler, reads: 1 });
      // What is written need not be looked at.
      for (const name of register.handler.parameters) this.resolution.variables.get(name)!.reads++;
    }
  }

  #checkMachineVariable({ name, span }: Variable, before: ReadonlyMap<string, Variable>): void {
    const { declared, machineKinds } = this.fileScope;
    const first = before.get(name)?.span ?? declared.get(name)?.declaration.name.span;
    if (first === undefined && !machineKinds.has(name)) return;
    this.bag.add({
      code: "E0302",
      severity: "error",
      span,
      message: first === undefined
        ? `\`${name}\` is already the name of a part of the machine`
        : `\`${name}\` is already declared`,
      hint: "choose another name",
      related: first === undefined ? [] : [{ span: first, message: "declared here first" }],
    });
  }

  #const(binding: ConstBinding): void {
    this.#ownedBy(binding, () => {
      const code = codeScope("constant", null);
      this.expression(binding.declaration.value, new Scope(code, null));
    });
  }

  #function(binding: FunctionBinding): void {
    this.#ownedBy(binding, () => {
      const { body, parameters } = binding.declaration;
      const scope = new Scope(codeScope("function", null), null);
      this.parameters(parameters, scope);
      this.#body(body, { scope, inLoop: false });
    });
  }

  #ownedBy(owner: Owner, resolve: () => void): void {
    this.uses.set(owner, new Set());
    this.owner = owner;
    resolve();
    this.owner = null;
  }

  #test(test: TestDeclaration): void {
    const scope = new Scope(codeScope("test", null), null);
    if (test.table !== null) this.#table(test.table, scope);
    this.#body(test.body, { scope, inLoop: false });
  }

  #table({ name, nameParts, values }: TestTable, scope: Scope): void {
    // Rows and names are worked out before there is a machine: nothing but consts is known there.
    const known = new Scope(codeScope("constant", null), null);
    this.expression(values, known);
    this.resolution.variables.set(name, this.variable(name, scope, "forall", values));
    for (const part of nameParts) if (typeof part !== "string") this.expression(part, scope);
  }

  #property(property: PropertyDeclaration): void {
    const scope = new Scope(codeScope("property", null), null);
    for (const binding of property.forall) {
      // The values are worked out before there is a machine: nothing but consts is known there.
      this.expression(binding.values, new Scope(codeScope("constant", null), null));
      const variable = this.variable(binding.name, scope, "forall", binding.values);
      this.resolution.variables.set(binding.name, variable);
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

  /** The name of a function stands for the function: nothing is called yet. */
  #driverValue(value: Expression): void {
    const binding = value.kind === "Name" ? this.fileScope.find(value.name, false) : null;
    if (value.kind === "Name" && binding?.kind === "function") this.use(value, binding);
    else this.expression(value, new Scope(codeScope("constant", null), null));
  }

  /** Names of events stand for their counts; everything else is as usual. */
  #budget(condition: Expression): void {
    const name = eventNameOf(condition);
    if (name !== null && this.fileScope.registry.eventNames.includes(name)) {
      this.resolution.counts.set(condition, name);
      return;
    }
    if (condition.kind === "Binary") {
      this.#budget(condition.left);
      this.#budget(condition.right);
    } else if (condition.kind === "Unary") {
      this.#budget(condition.operand);
    } else {
      this.expression(condition, new Scope(codeScope("constant", null), null));
    }
  }

  // Statements.

  #body(block: Block, place: StatementContext): void {
    for (const statement of block.statements) this.#statement(statement, place, false);
  }

  #block(block: Block, place: StatementContext, inLoop = place.inLoop): void {
    const scope = new Scope(place.scope.code, place.scope);
    this.#body(block, { scope, inLoop });
  }

  #statement(statement: Statement, place: StatementContext, session: boolean): void {
    const { scope } = place;
    switch (statement.kind) {
      case "Machine":
        return this.#machine(statement);
      case "Const":
        return this.#const(this.#bindingOf(statement, "const"));
      case "Function":
        return this.#function(this.#bindingOf(statement, "function"));
      case "Test":
        return this.#test(statement);
      case "Property":
        return this.#property(statement);
      case "Bench":
        return this.#bench(statement);
      case "Driver":
        // Worked out before there is a machine: its functions and devices are only named.
        for (const { value } of statement.entries) this.#driverValue(value);
        return;
      case "Let":
        this.expression(statement.value, scope);
        this.resolution.variables.set(
          statement,
          session
            ? this.#sessionVariable(statement)
            : this.variable(statement.name, scope, "let", statement.value),
        );
        return;
      case "Assign":
        this.expression(statement.value, scope);
        return this.#assign(statement, scope);
      case "Change":
        this.#noteChange(statement.place);
        for (const part of statementExpressions(statement)) this.expression(part, scope);
        this.#refuseEvent(statement.place);
        return;
      case "For": {
        this.expression(statement.values, scope);
        const inner = new Scope(scope.code, scope);
        const variable = this.variable(statement.name, inner, "loop", statement.values);
        this.resolution.variables.set(statement, variable);
        return this.#body(statement.body, { scope: inner, inLoop: true });
      }
      case "Match":
        this.expression(statement.subject, scope);
        for (const { body, pattern } of statement.arms) {
          if (pattern !== null) this.armPattern(pattern, scope);
          this.#block(body, place);
        }
        return;
      case "Return":
        if (!["function", "test", "property"].includes(scope.code.role)) {
          this.#misplaced(statement, "`return` outside a function or a test");
        } else if (scope.seal !== null) {
          this.#misplaced(
            statement,
            `the block of \`${scope.seal}\` cannot be left before its end`,
          );
        }
        break;
      case "Break":
      case "Continue":
        if (!place.inLoop) {
          this.#misplaced(statement, `\`${statement.kind.toLowerCase()}\` outside a loop`);
        }
        break;
      case "ExpectOutcome":
        checkOutcomeName(statement.expected, this.fileScope.registry, this.bag);
        break;
      case "Expression":
        if (statement.expected !== null) {
          checkOutcomeName(statement.expected, this.fileScope.registry, this.bag);
        }
        break;
      case "ExpectEvents":
        checkPatternNames(statement.pattern, this.fileScope.registry, this.bag);
        for (const field of patternFields(statement.pattern)) this.#fieldValue(field.value, scope);
        return this.expression(statement.subject, scope);
      case "Fail":
        checkFail(statement, this.fileScope.registry, this.bag);
        if (statement.point !== null) break;
        return this.sealedBlock(statement.body, scope, "inject each");
      case "Invariant": {
        const code = codeScope("lambda", scope.code);
        this.resolution.closures.set(statement, code);
        return this.expression(statement.condition, new Scope(code, scope));
      }
      case "Step": {
        if (statement.until === null) break;
        const code = codeScope("until", scope.code);
        this.resolution.closures.set(statement, code);
        return this.expression(statement.until, new Scope(code, scope));
      }
    }
    // What has names of its own is above; in all others names mean what they mean around them.
    for (const expression of statementExpressions(statement)) this.expression(expression, scope);
    const inLoop = place.inLoop || roleOf(statement) === "loop";
    for (const block of innerBlocks(statement)) this.#block(block, place, inLoop);
  }

  /** A second declaration of a name was refused; its inside still gets its errors. */
  #bindingOf<K extends Owner["kind"]>(
    declaration: Extract<Owner, { kind: K }>["declaration"],
    kind: K,
  ): Extract<Owner, { kind: K }> {
    const binding = this.fileScope.declared.get(declaration.name.text);
    const own = binding?.declaration === declaration ? binding : { kind, declaration, reads: 0 };
    return own as Extract<Owner, { kind: K }>;
  }

  /** A variable of a session may be bound anew: that is what trying things out is like. */
  #sessionVariable(statement: Extract<Statement, { kind: "Let" }>): Variable {
    const { name, value } = statement;
    const variable = new Variable(name.text, name.span, null, "let", value);
    this.fileScope.variables.set(name.text, variable);
    return variable;
  }

  #assign(statement: AssignStatement, scope: Scope): void {
    const { target } = statement;
    const variable = this.find(target.text, scope);
    if (variable === null) {
      const outer = this.fileScope.find(target.text, false);
      if (outer === null) {
        const hint = this.unknownHint(target.text, scope, false) ??
          `\`let ${target.text} = …\` binds it`;
        this.unknown(target.text, target.span, scope, null, hint);
      } else {
        this.bag.error(
          "E0308",
          target.span,
          `Cannot assign to \`${target.text}\`: it is ${bindingNoun(outer.kind)}`,
          "bind a variable with `let`",
        );
      }
      return;
    }
    if (variable.owner !== null && variable.owner !== scope.code) {
      this.bag.error("E0308", target.span, "Cannot assign to a variable of the enclosing code");
    }
    variable.assigned.push(statement);
    if (statement.operator === "+=") variable.reads++;
    this.resolution.targets.set(statement, variable);
  }

  #noteChange(place: FieldExpression | IndexExpression): void {
    const { changes } = this.resolution;
    if (place.kind === "Field") changes.entries.add(place.field.text);
    else {
      changes.items = true;
      // An int is the place of an item, and no entry's name.
      if (place.index.kind !== "Integer") changes.anyEntry = true;
    }
  }

  /** Reports an assignment to the name of an event. */
  #refuseEvent(place: Expression): void {
    const name = this.resolution.eventNames.get(place);
    if (name === undefined) return;
    this.bag.error(
      "E0308",
      place.span,
      `Cannot assign to \`${name}\`: it is the name of an event`,
      name.startsWith("call.")
        ? "the latency of a call is set in `machine { latencies { … } }`"
        : "bind a variable with `let`",
    );
  }

  /** `iommu` in a field is the word, not the thing of that name; a variable is the variable. */
  #fieldValue(value: Expression, scope: Scope): void {
    const bare = value.kind === "Name" && this.find(value.name, scope) === null;
    if (!bare || !this.constant(value)) this.expression(value, scope);
  }

  #misplaced(statement: Statement, rule: string): void {
    this.resolution.misplaced.add(statement);
    this.bag.error("E0309", statement.span, `This is not allowed here: ${rule}`);
  }

  protected override traceBlock(block: Block, scope: Scope): void {
    // The block's own loops decide about `break`: one that leaves the trace has no value.
    this.#block(block, { scope, inLoop: false });
  }

  protected override sealedBlock(block: Block, scope: Scope, word: string): void {
    this.#body(block, { scope: new Scope(scope.code, scope, word), inLoop: false });
  }
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
