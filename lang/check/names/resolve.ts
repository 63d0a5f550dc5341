/**
 * Resolves every name, and finds statements that are not allowed at their place.
 *
 * Kinds are inferred later (`type_inference.ts`), because inference needs all assignments of a
 * variable.
 */
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { type Hint, itHas, NearNames } from "../../diagnostics/suggest.ts";
import type { Span } from "../../source.ts";
import type {
  AssignStatement,
  BenchDeclaration,
  Block,
  BranchesExpression,
  CallExpression,
  CaseTable,
  EventPattern,
  Expression,
  FieldExpression,
  FileNode,
  ForallBinding,
  FunctionDeclaration,
  IndexExpression,
  MachineDeclaration,
  Name,
  NameExpression,
  PatternEvent,
  PropertyDeclaration,
  Statement,
  TestDeclaration,
} from "../../syntax/tree/ast.ts";
import { byWord, ownEntry } from "../../syntax/own_entry.ts";
import { isCalledWord } from "../../syntax/recovery/statement_hints.ts";
import { BRANCH_NAMES, findMethod } from "../../values/types.ts";
import { remembered } from "../../values/remembered.ts";
import {
  type ClosureNode,
  type CodeScope,
  type ConstBinding,
  type FunctionBinding,
  type NameBinding,
  PATTERN_BINDS_NOTHING,
  type Resolution,
  Scope,
  Variable,
} from "./bindings.ts";
import type { EarlierCheck, ItemCheck } from "../earlier_check.ts";
import { eventNameOf, eventsNamed, patternNames } from "./event_names.ts";
import type { FileScope } from "./file_scope.ts";
import { reportUnknownNames, type UnknownName, type UnusedName } from "./unknown_names.ts";
import { checkFail, checkOutcomeName } from "./outcome_names.ts";
import { BENCH_FIGURES, figureNamed } from "../../bench/figures.ts";
import { cellFigureOf, countKey } from "./bench_names.ts";
import { registersOf } from "../../syntax/tree/machine_entries.ts";
import { patternEvents, patternFields } from "../../syntax/tree/pattern_events.ts";
import { innerBlocks, roleOf, someChild, statementExpressions } from "../../syntax/tree/nodes.ts";
import type { Registry } from "../../values/registry.ts";
import { matchesAlways } from "../../patterns/always_matches.ts";
import { AUTOMATON_LIMIT_STATES, countStates } from "../../patterns/event_automaton.ts";

/** A const or function, as a node of the dependency graph. */
export type Owner = ConstBinding | FunctionBinding;

/** Names from other languages, and their replacements. */
const FOREIGN_NAMES = byWord([
  ["printf printk println pr_info", 'write `print "{n} pages"`: values go into the string'],
  ["sizeof", "the size is a field: `buf.size`"],
  ["len", "the length is a field: `list.length`"],
  ["range", "a range is written `0..n`"],
  ["malloc kmalloc", "write `buffer(size: 4KiB)` or `alloc_pages(1)`"],
  ["alloc_page", "write `alloc_pages(1)`"],
  ["GFP_KERNEL GFP_ATOMIC", "leave it out: `alloc_pages(count)`"],
  [
    "kfree free free_page free_pages __free_page __free_pages",
    "write `buf.free()`; what is left is freed when the test ends",
  ],
  ["PAGE_SIZE", "write it out: `4KiB`"],
  ["PAGE_SHIFT", "write the size itself: `4KiB`"],
  ["virt_to_phys page_to_phys", "a buffer has the field `.phys`"],
  ["DMA_BIT_MASK", "a mask is given in bits: `dma_set_mask(dev, 32)`"],
  ["sg_init_table", "write `scatterlist(buf)`"],
  ["dma_set_mask_and_coherent", "call `dma_set_mask()` and `dma_set_coherent_mask()`"],
  [
    "sleep msleep mdelay ndelay udelay usleep usleep_range",
    "virtual time passes by statements: `advance 10ms`",
  ],
  ["BUG_ON WARN_ON", "write `assert not …`"],
]);

interface StatementContext {
  readonly scope: Scope;
  readonly inLoop: boolean;
}

export class Resolver {
  /** Names of the file's top-level `let`s, for a better hint. */
  readonly #topLevelLets = new Set<string>();
  #owner: Owner | null = null;
  readonly #unknownNames: UnknownName[] = [];
  /** Unknown names that already got a hint, for each piece of code. */
  readonly #hinted = new Map<CodeScope, Set<string>>();
  /** Calls of the file's functions. */
  readonly #calls = new Map<FunctionDeclaration, CallExpression[]>();
  /** The check of the item being resolved, if it is kept for the next version. */
  #check: ItemCheck | null = null;
  /** The resolution that gets the results: that of the item, or that of the whole program. */
  private resolution: Resolution;
  private uses: Map<Owner, Set<Owner>>;

  /**
   * @param allUses For each const or function, the consts and functions that it uses.
   * @param earlier The check of the previous version.
   */
  constructor(
    private readonly fileScope: FileScope,
    private readonly bag: DiagnosticBag,
    private readonly all: Resolution,
    private readonly allUses: Map<Owner, Set<Owner>>,
    private readonly earlier: EarlierCheck | null = null,
  ) {
    this.resolution = all;
    this.uses = allUses;
  }

  /**
   * Whether an expression is an event name, such as `iotlb.sync`: its value is the name as text.
   */
  #eventName(expression: Expression, scope: Scope): boolean {
    const name = eventNameOf(expression);
    if (name === null || !this.fileScope.registry.eventNames.includes(name)) return false;
    const first = name.slice(0, name.indexOf("."));
    if (this.#find(first, scope) !== null || this.fileScope.declared.has(first)) return false;
    this.resolution.eventNames.set(expression, name);
    return true;
  }

  /**
   * Reports an unknown event: a name that starts with a prefix of event names, if that prefix is
   * not bound to anything else.
   */
  #misspelledEvent(expression: FieldExpression, scope: Scope): boolean {
    const { declared, machineKinds, registry, torn, variables } = this.fileScope;
    const name = eventNameOf(expression);
    const dot = name?.indexOf(".") ?? -1;
    if (name === null || dot < 0) return false;
    const first = name.slice(0, dot);
    const isBound = this.#find(first, scope) !== null || declared.has(first) ||
      variables.has(first) || machineKinds.has(first) || torn?.mayBind(first);
    if (isBound || !registry.eventNames.some((event) => event.startsWith(`${first}.`))) {
      return false;
    }
    // `word.name` is a field of the word, and not an event.
    if (registry.words.has(first) && name === `${first}.name`) return false;
    this.bag.error(
      "E0310",
      expression.span,
      `No event is called \`${name}\``,
      this.bag.didYouMean(name, registry.eventNames) ?? "docs/events.md lists them",
    );
    return true;
  }

  #parameters(parameters: readonly Name[], scope: Scope): void {
    for (const name of parameters) {
      this.resolution.variables.set(name, this.#variable(name, scope, "parameter", null));
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
      this.bag.error(
        "E0302",
        name.span,
        `\`${name.text}\` is already bound in this block`,
        role === "let" ? `to assign to it, write \`${name.text} = …\`` : "rename it",
        [{ span: known.span, message: "bound here first" }],
      );
    }
    const variable = new Variable(name.text, name.span, scope.code, role, source);
    scope.declare(variable);
    return variable;
  }

  /** Resolves a bare name where only a const or a word is allowed; false if it is neither. */
  #constant(node: NameExpression): boolean {
    const declared = this.fileScope.declared.get(node.name);
    const word = this.fileScope.registry.words.get(node.name);
    if (declared?.kind !== "const" && word === undefined) return false;
    if (declared?.kind === "const") this.#use(node, declared);
    else this.resolution.names.set(node, { kind: "word", word: word! });
    return true;
  }

  // Expressions.

  #expression(expression: Expression, scope: Scope): void {
    switch (expression.kind) {
      case "Name":
        return this.#name(expression, scope);
      case "Lambda": {
        const inner = this.#closure("lambda", expression, scope);
        this.#parameters(expression.parameters, inner);
        this.#expression(expression.body, inner);
        return;
      }
      case "Call":
        if (expression.callee.kind === "Name") this.#name(expression.callee, scope, expression);
        // A method call may look like an event name: `iommu.translate(…)`.
        else if (expression.callee.kind === "Field") {
          this.#noteMethodChange(expression.callee.field.text);
          this.#expression(expression.callee.object, scope);
        } else this.#expression(expression.callee, scope);
        this.#readData(expression);
        for (const argument of expression.arguments) this.#expression(argument.value, scope);
        return;
      case "Field":
        if (this.#eventName(expression, scope) || this.#misspelledEvent(expression, scope)) return;
        this.#expression(expression.object, scope);
        return;
      case "MatchValue":
        this.#expression(expression.subject, scope);
        for (const { pattern, value } of expression.arms) {
          if (pattern !== null) this.#armPattern(pattern, scope);
          this.#expression(value, scope);
        }
        return;
      case "Trace":
        // Only a loop within the block may `break`: a trace that is left early would have no value.
        return this.#block(expression.body, { scope, inLoop: false });
      case "Compare": {
        const inner = this.#closure("compare", expression, scope);
        return this.#sealedBlock(expression.body, inner, "compare");
      }
      case "Fork":
      case "Race":
        return this.#branches(expression, scope);
      case "String":
      case "List":
      case "Record":
      case "Unary":
      case "Try":
      case "Cast":
      case "Binary":
      case "Range":
      case "Index":
      case "CopyWith":
      case "IfValue":
        someChild(expression, (child) => {
          this.#expression(child, scope);
          return false;
        });
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
      default:
        expression satisfies never;
    }
  }

  /** The scope of a closure, which has a separate frame. */
  #closure(role: CodeScope["role"], node: ClosureNode, around: Scope): Scope {
    const code = codeScope(role, around.code);
    this.resolution.closures.set(node, code);
    return new Scope(code, around);
  }

  /**
   * Records the call of a method if the method changes its receiver. The kind of the receiver is
   * not known yet.
   */
  #noteMethodChange(method: string): void {
    const { changes } = this.resolution;
    for (const name of ["list", "record"]) {
      const type = this.fileScope.registry.types.get(name);
      const changed = type === undefined ? undefined : findMethod(type, method)?.changes;
      if (changed === "items") changes.items = true;
      else if (changed === "entries") changes.names = changes.anyEntry = true;
    }
  }

  #branches({ branches, kind, span }: BranchesExpression, scope: Scope): void {
    const word = kind.toLowerCase();
    if (branches.length > BRANCH_NAMES.length) {
      this.bag.error(
        "E0322",
        span,
        `\`${word}\` has ${branches.length} blocks, the maximum is ${BRANCH_NAMES.length}`,
      );
    }
    for (const branch of branches) this.#sealedBlock(branch, scope, word);
  }

  #find(name: string, scope: Scope): Variable | null {
    const local = scope.find(name);
    if (local !== null) return local;
    const { role } = outermost(scope.code);
    // Consts are evaluated before there is a machine.
    if (role === "constant") return null;
    const ofSession = role === "main" ? this.fileScope.variables.get(name) : undefined;
    const outer = ofSession ?? this.fileScope.machineVariable(name);
    // A variable of a machine or a session counts its uses, and is a new object in each version.
    // Therefore an item that uses it is checked again.
    if (outer !== null && this.#check !== null) this.#check.isOpen = true;
    return outer;
  }

  /** @param call The call, if the name is the called function. */
  #name(node: NameExpression, scope: Scope, call: CallExpression | null = null): void {
    const called = call !== null;
    const variable = this.#find(node.name, scope);
    if (variable !== null) {
      variable.reads++;
      this.#capture(variable, scope.code, node.span);
      this.resolution.names.set(node, variable);
      return;
    }
    const binding = this.fileScope.find(node.name, called);
    if (binding === null) {
      this.#unknown(node.name, node.span, scope, call, this.#unknownHint(node.name, scope, called));
      return;
    }
    if (binding.kind === "function" && call !== null) {
      this.#noteCall(binding.declaration, call);
      this.#check?.calls.push([binding.declaration, call]);
    }
    if (!called && (binding.kind === "builtin" || binding.kind === "function")) {
      this.bag.error(
        "E0307",
        node.span,
        `\`${node.name}\` is a function and can only be called`,
        `write \`${node.name}(…)\`, or \`x => ${node.name}(x)\` to pass it`,
      );
    }
    this.#use(node, binding);
  }

  /** The value of a call that reads a file is the file's contents. */
  #readData(call: CallExpression): void {
    const binding = call.callee.kind === "Name" && this.resolution.names.get(call.callee);
    if (!binding || binding.kind !== "builtin" || binding.spec.reads === undefined) return;
    if (this.#check !== null) this.#check.isOpen = true;
    const read = this.fileScope.data.read(call, binding.spec.reads);
    if (read !== null) this.resolution.data.set(call, read.value);
  }

  /** Records an unknown name; it is reported when the whole file has been resolved. */
  #unknown(
    name: string,
    span: Span,
    { code }: Scope,
    call: CallExpression | null,
    hint: Hint | undefined,
  ): void {
    const inside = this.#owner?.kind === "function" ? this.#owner.declaration : null;
    if (inside !== null) this.resolution.incomplete.add(inside);
    if (this.#check !== null) this.#check.isOpen = true;
    this.#unknownNames.push({ name, span, call, code: outermost(code), inside, hint });
  }

  /** Reports unknown names, once all names of the file are known. */
  #reportUnknown(file: FileNode): void {
    if (this.#unknownNames.length === 0) return;
    const { torn } = this.fileScope;
    if (torn !== null) {
      const bound = new Set([...this.resolution.variables.values()].map(({ name }) => name));
      // Skipped text may use a name that seems unused: no unused name is suggested.
      const around = { unused: [], callsOf: () => [] };
      reportUnknownNames(torn.trusted(this.#unknownNames, bound), around, this.bag);
      return;
    }
    const unused: UnusedName[] = [];
    const { source } = file.span;
    for (const { name, owner, reads, span } of this.resolution.variables.values()) {
      if (reads > 0 || owner === null || span.source !== source) continue;
      unused.push({ name, span, declaration: null, code: outermost(owner) });
    }
    for (const { declaration, reads } of this.fileScope.declared.values()) {
      if (reads > 0 || declaration.span.source !== source) continue;
      const { span, text: name } = declaration.name;
      const isFunction = declaration.kind === "Function";
      unused.push({ name, span, declaration: isFunction ? declaration : null, code: null });
    }
    const callsOf = (declaration: FunctionDeclaration) => this.#calls.get(declaration) ?? [];
    reportUnknownNames(this.#unknownNames, { unused, callsOf }, this.bag);
  }

  #use(node: NameExpression, binding: NameBinding): void {
    if (binding.kind === "const" || binding.kind === "function") {
      binding.reads++;
      this.#check?.noteRead(binding);
      if (this.#owner !== null) this.uses.get(this.#owner)!.add(binding);
    }
    this.resolution.names.set(node, binding);
  }

  /**
   * The code from which a variable is captured; the code that uses it, if it needs no capture: a
   * machine's variables are accessible from all of its code, and a session's are global. But a block
   * of `compare` captures a session's variables, because it runs on another machine.
   */
  #ownerFor(variable: Variable, user: CodeScope): CodeScope {
    if (variable.owner !== null) return variable.owner;
    return variable.role === "machine" ? user : outsideCompare(user);
  }

  /** Adds a variable to the captures of all closures between its owner and the use. */
  #capture(variable: Variable, user: CodeScope, use: Span): void {
    const owner = this.#ownerFor(variable, user);
    for (let code: CodeScope | null = user; code !== null && code !== owner;) {
      if (!code.captures.includes(variable)) code.captures.push(variable);
      // Only a lambda is called later, when the captured value may be outdated. The block of a
      // `compare` and an `until` condition run at once.
      const isEarlier = use.start < (variable.capturedAt?.start ?? Infinity);
      if (code.role === "lambda" && isEarlier) variable.capturedAt = use;
      code = code.parent;
    }
  }

  /**
   * A hint for the first use of an unknown name in a piece of code. Later uses get no hint, because
   * it would not be shown.
   */
  #unknownHint(name: string, scope: Scope, called: boolean): Hint | undefined {
    const hinted = remembered(this.#hinted, outermost(scope.code), () => new Set());
    const use = called ? `${name}()` : name;
    if (hinted.has(use)) return undefined;
    hinted.add(use);
    // In a large file, even collecting the names takes long.
    if (!this.bag.mayCompare(1)) return undefined;
    const inside = outermost(scope.code).role !== "main";
    if (inside && (this.fileScope.variables.has(name) || this.#topLevelLets.has(name))) {
      return "functions and tests do not see a top-level `let`: write `const`, or pass it as an argument";
    }
    if (this.fileScope.machineVariable(name) !== null) {
      return "it is a name of the machine, and consts are evaluated before the machine is built";
    }
    if (called && isCalledWord(name)) {
      return `\`${name}\` is a statement: write it without parentheses`;
    }
    return ownEntry(FOREIGN_NAMES, name) ??
      this.fileScope.hint(name, scope.names(), called, this.bag);
  }

  /**
   * Resolves a name in a pattern, which must be a const or a word. A pattern never binds a name. A
   * variable is not allowed, because it would look as if the pattern bound it.
   */
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
      const { name, span } = pattern;
      if (this.fileScope.find(name, false) === null) {
        const hint = this.#unknownHint(name, scope, false) ?? PATTERN_BINDS_NOTHING;
        this.#unknown(name, span, scope, null, hint);
      } else this.#name(pattern, scope);
      return;
    }
    variable.reads++;
    this.bag.error(
      "E0319",
      pattern.span,
      `\`${pattern.name}\` is a variable; a pattern is a literal, a constant or a const`,
      "compare with `if`, or make it a `const`",
    );
  }

  // Statements.

  /**
   * Resolves a whole file.
   *
   * @param session True in a REPL, where variables outlive the input.
   */
  file(file: FileNode, session: boolean): void {
    const code = codeScope("main", null);
    const scope = new Scope(code, null);
    for (const item of file.items) if (item.kind === "Let") this.#topLevelLets.add(item.name.text);
    for (const item of file.items) {
      const kept = this.earlier?.keptNames(item);
      if (kept === undefined) this.#item(item, { scope, inLoop: false }, session);
      else this.#keep(kept);
    }
    this.#reportUnknown(file);
  }

  #item(item: Statement, place: StatementContext, session: boolean): void {
    const check = this.#check = this.earlier?.start(item) ?? null;
    if (check === null) return this.#statement(item, place, session);
    this.resolution = check.resolution;
    this.uses = check.uses;
    this.#statement(item, place, session);
    this.resolution = this.all;
    this.uses = this.allUses;
    this.#check = null;
    this.#add(check);
  }

  /** Adds the results of an item from the previous version. */
  #keep(check: ItemCheck): void {
    for (const [binding, count] of check.reads) binding.reads += count;
    for (const [declaration, call] of check.calls) this.#noteCall(declaration, call);
    this.#add(check);
  }

  #add({ resolution, uses }: ItemCheck): void {
    this.all.add(resolution);
    for (const [owner, used] of uses) this.allUses.set(owner, used);
  }

  #noteCall(declaration: FunctionDeclaration, call: CallExpression): void {
    remembered(this.#calls, declaration, () => []).push(call);
  }

  /**
   * Resolves an expression that is evaluated in the middle of a run.
   *
   * @param names Names that are bound at that place, in addition to the file's declarations.
   * @returns The variables of these names.
   */
  evaluated(file: FileNode, expression: Expression, names: readonly Name[]): readonly Variable[] {
    const scope = new Scope(codeScope("main", null), null);
    const variables = names.map((name) => this.#variable(name, scope, "parameter", null));
    this.#expression(expression, scope);
    this.#reportUnknown(file);
    return variables;
  }

  // Declarations.

  /** Resolves the variables of a machine and the functions of its registers, if the machine is used. */
  #machine(declaration: MachineDeclaration): void {
    const { machine } = this.fileScope;
    if (machine?.declaration !== declaration) return;
    const names = new Map<string, Variable>();
    for (const [statement, variable] of machine.variables) {
      this.#checkMachineVariable(variable, names);
      names.set(variable.name, variable);
      this.#expression(statement.value, new Scope(codeScope("main", null), null));
      this.resolution.variables.set(statement, variable);
    }
    for (const { register } of registersOf(declaration)) {
      this.#function({ kind: "function", declaration: register.handler, reads: 1 });
      // Parameters of a register's function may be unused.
      for (const name of register.handler.parameters) this.resolution.variables.get(name)!.reads++;
    }
  }

  #checkMachineVariable({ name, span }: Variable, before: ReadonlyMap<string, Variable>): void {
    const { declared, machineKinds } = this.fileScope;
    const first = before.get(name)?.span ?? declared.get(name)?.declaration.name.span;
    if (first === undefined && !machineKinds.has(name)) return;
    this.bag.error(
      "E0302",
      span,
      first === undefined
        ? `\`${name}\` is already the name of a part of the machine`
        : `\`${name}\` is already declared`,
      "choose another name",
      first === undefined ? [] : [{ span: first, message: "declared here first" }],
    );
  }

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
    this.uses.set(owner, new Set());
    this.#owner = owner;
    resolve();
    this.#owner = null;
  }

  #test(test: TestDeclaration): void {
    const scope = new Scope(codeScope("test", null), null);
    this.#table(test.table, scope);
    this.#body(test.body, { scope, inLoop: false });
  }

  #table(table: CaseTable | null, scope: Scope): void {
    this.#bindings(table?.axes ?? [], scope);
    for (const part of table?.nameParts ?? []) {
      if (typeof part !== "string") this.#expression(part, scope);
    }
  }

  /** The values are evaluated before there is a machine: they see only consts. */
  #bindings(bindings: readonly ForallBinding[], scope: Scope): void {
    for (const { name, values } of bindings) {
      this.#expression(values, new Scope(codeScope("constant", null), null));
      this.resolution.variables.set(name, this.#variable(name, scope, "forall", values));
    }
  }

  #property(property: PropertyDeclaration): void {
    const scope = new Scope(codeScope("property", null), null);
    this.#table(property.table, scope);
    this.#bindings(property.forall, scope);
    this.#body(property.body, { scope, inLoop: false });
  }

  #bench(bench: BenchDeclaration): void {
    const scope = new Scope(codeScope("bench", null), null);
    const place = { scope, inLoop: false };
    this.#table(bench.table, scope);
    if (bench.count !== null) this.#expression(bench.count, scope);
    if (bench.setup !== null) this.#body(bench.setup, place);
    for (const block of [bench.loop, bench.teardown]) {
      if (block !== null) this.#body(block, { ...place, scope: new Scope(scope.code, scope) });
    }
    for (const { condition } of bench.budgets) {
      this.#figures(condition, (expression) => this.#budgetFigure(expression));
    }
    for (const { condition } of bench.expectations) {
      this.#figures(condition, (expression) => this.#cellFigure(expression));
    }
  }

  /** The name of a function refers to the function, which is not called yet. */
  #driverValue(value: Expression): void {
    const binding = value.kind === "Name" ? this.fileScope.find(value.name, false) : null;
    if (value.kind === "Name" && binding?.kind === "function") this.#use(value, binding);
    else this.#expression(value, new Scope(codeScope("constant", null), null));
  }

  /** Names of events and figures mean their counts; other expressions are resolved as usual. */
  #figures(condition: Expression, isFigure: (expression: Expression) => boolean): void {
    if (isFigure(condition)) return;
    if (condition.kind === "Binary") {
      this.#figures(condition.left, isFigure);
      this.#figures(condition.right, isFigure);
    } else if (condition.kind === "Unary") {
      this.#figures(condition.operand, isFigure);
    } else {
      this.#expression(condition, new Scope(codeScope("constant", null), null));
    }
  }

  #isFigure(name: string): boolean {
    return figureNamed(name) !== null || this.fileScope.registry.eventNames.includes(name);
  }

  #budgetFigure(expression: Expression): boolean {
    const name = eventNameOf(expression);
    if (name === null || !this.#isFigure(name)) return false;
    this.resolution.counts.set(expression, name);
    return true;
  }

  /**
   * `strict.invalidations`: whether `strict` is a value of an axis is checked later, with the axes.
   */
  #cellFigure(expression: Expression): boolean {
    const named = cellFigureOf(expression);
    if (named === null || this.fileScope.find(named.cell, false)?.kind === "const") return false;
    if (this.#isFigure(named.figure)) {
      this.resolution.counts.set(expression, countKey(named));
      return true;
    }
    const figures = BENCH_FIGURES.map(({ name }) => name);
    this.bag.error(
      "E0310",
      { ...expression.span, start: named.cellSpan.end + 1 },
      `No figure and no event is called \`${named.figure}\``,
      this.bag.didYouMean(named.figure, [...figures, ...this.fileScope.registry.eventNames]) ??
        `figures are ${figures.join(", ")}`,
    );
    return true;
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
        // The entries are evaluated before there is a machine: functions and devices are only
        // named.
        for (const { value } of statement.entries) this.#driverValue(value);
        return;
      case "Let":
        this.#expression(statement.value, scope);
        this.resolution.variables.set(
          statement,
          session
            ? this.#sessionVariable(statement)
            : this.#variable(statement.name, scope, "let", statement.value),
        );
        return;
      case "Assign":
        this.#expression(statement.value, scope);
        return this.#assign(statement, scope);
      case "Change":
        this.#noteChange(statement.place);
        for (const part of statementExpressions(statement)) this.#expression(part, scope);
        this.#refuseEvent(statement.place);
        return;
      case "For": {
        this.#expression(statement.values, scope);
        const inner = new Scope(scope.code, scope);
        const variable = this.#variable(statement.name, inner, "loop", statement.values);
        this.resolution.variables.set(statement, variable);
        return this.#body(statement.body, { scope: inner, inLoop: true });
      }
      case "Match":
        this.#expression(statement.subject, scope);
        for (const { body, pattern } of statement.arms) {
          if (pattern !== null) this.#armPattern(pattern, scope);
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
      case "Expression":
        if (statement.expected !== null) {
          checkOutcomeName(statement.expected, this.fileScope.registry, this.bag);
        }
        break;
      case "ExpectEvents":
        checkPatternNames(statement.pattern, this.fileScope.registry, this.bag);
        for (const field of patternFields(statement.pattern)) this.#fieldValue(field.value, scope);
        return this.#expression(statement.subject, scope);
      case "Fail":
        checkFail(statement, this.fileScope.registry, this.bag);
        if (statement.point !== null) break;
        if (statement.meanwhile !== null) {
          const inner = this.#closure("lambda", statement, scope);
          this.#sealedBlock(statement.meanwhile, inner, `${statement.verb} each`);
        }
        return this.#sealedBlock(statement.body, scope, `${statement.verb} each`);
      case "Invariant":
        return this.#expression(
          statement.condition,
          this.#closure("lambda", statement, scope),
        );
      case "Step":
        if (statement.until === null) break;
        return this.#expression(statement.until, this.#closure("until", statement, scope));
    }
    // Expressions that bind names are handled above. In all other expressions a name means the same
    // as in the surrounding code.
    for (const expression of statementExpressions(statement)) this.#expression(expression, scope);
    const inLoop = place.inLoop || roleOf(statement) === "loop";
    for (const block of innerBlocks(statement)) this.#block(block, place, inLoop);
  }

  /** A duplicate declaration was refused; its body is still checked, with a separate binding. */
  #bindingOf<K extends Owner["kind"]>(
    declaration: Extract<Owner, { kind: K }>["declaration"],
    kind: K,
  ): Extract<Owner, { kind: K }> {
    const binding = this.fileScope.declared.get(declaration.name.text);
    const own = binding?.declaration === declaration ? binding : { kind, declaration, reads: 0 };
    return own as Extract<Owner, { kind: K }>;
  }

  /** In a session, a later `let` may bind a name again. */
  #sessionVariable(statement: Extract<Statement, { kind: "Let" }>): Variable {
    const { name, value } = statement;
    const variable = new Variable(name.text, name.span, null, "let", value);
    this.fileScope.variables.set(name.text, variable);
    return variable;
  }

  #assign(statement: AssignStatement, scope: Scope): void {
    const { target } = statement;
    const variable = this.#find(target.text, scope);
    if (variable === null) {
      const outer = this.fileScope.find(target.text, false);
      if (outer === null) {
        const hint = this.#unknownHint(target.text, scope, false) ??
          `\`let ${target.text} = …\` binds it`;
        this.#unknown(target.text, target.span, scope, null, hint);
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
    if (this.#ownerFor(variable, scope.code) !== scope.code) {
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
      // An int is the index of a list item, and not the name of an entry.
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

  /**
   * Resolves the value of a field in a pattern. `iommu` means the word there, not the machine's
   * IOMMU, unless it is a variable.
   */
  #fieldValue(value: Expression, scope: Scope): void {
    const bare = value.kind === "Name" && this.#find(value.name, scope) === null;
    if (!bare || !this.#constant(value)) this.#expression(value, scope);
  }

  #misplaced(statement: Statement, rule: string): void {
    this.resolution.misplaced.add(statement);
    this.bag.error("E0309", statement.span, `This is not allowed here: ${rule}`);
  }

  #sealedBlock(block: Block, scope: Scope, word: string): void {
    this.#body(block, { scope: new Scope(scope.code, scope, word), inLoop: false });
  }
}

/** A piece of code that has no captures yet. */
function codeScope(role: CodeScope["role"], parent: CodeScope | null): CodeScope {
  return { role, parent, captures: [] };
}

/**
 * The code around the outermost `compare` that contains the given code. If the given code is in no
 * `compare`, the given code itself.
 */
function outsideCompare(code: CodeScope): CodeScope {
  let outside = code;
  for (let at: CodeScope | null = code; at !== null; at = at.parent) {
    if (at.role === "compare") outside = at.parent!;
  }
  return outside;
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

/** Reports names in a pattern that occur in no event. */
function checkPatternNames(
  pattern: EventPattern,
  registry: Registry,
  bag: DiagnosticBag,
): void {
  const events = patternEvents(pattern);
  for (const event of events) checkEvent(event, registry, bag);
  if (countStates(pattern) > AUTOMATON_LIMIT_STATES) {
    bag.error(
      "E0312",
      pattern.span,
      `The pattern is too large: with its repetitions it has more than ${AUTOMATON_LIMIT_STATES} events`,
      "use `*` or `+`, or count with a trace: `assert t.count(…) == 20_000`",
    );
  }
  const resolve = (name: string) => eventsNamed(name, registry);
  if (
    [...events].every(({ name }) => resolve(name).length > 0) && matchesAlways(pattern, resolve)
  ) {
    bag.error(
      "E0327",
      pattern.span,
      "The pattern matches whatever happens",
      "say how often: `iommu.map+` needs one, `!iommu.fault` none",
    );
  }
}

function checkEvent(event: PatternEvent, registry: Registry, bag: DiagnosticBag): void {
  const names = eventsNamed(event.name, registry);
  if (names.length === 0) {
    bag.error(
      "E0310",
      event.nameSpan,
      `No event is called \`${event.name}\``,
      bag.didYouMean(event.name, patternNames(registry)) ?? "docs/events.md lists them",
    );
    return;
  }
  const known = knownFields(names, registry);
  for (const { name } of event.fields) {
    if (known.includes(name.text)) continue;
    bag.error(
      "E0311",
      name.span,
      `\`${event.name}\` has no field \`${name.text}\``,
      fieldHint(name.text, known, bag),
    );
  }
}

/**
 * For `size`, suggests `size_bytes`: a name that only lacks its unit is preferred to similar names.
 */
function fieldHint(name: string, known: readonly string[], bag: DiagnosticBag): Hint {
  const withUnit = known.find((field) => field.startsWith(`${name}_`));
  return withUnit !== undefined
    ? new NearNames(name, [withUnit])
    : bag.didYouMean(name, known) ?? itHas(known);
}

/** Fields that at least one of the events has. */
function knownFields(names: readonly string[], registry: Registry): readonly string[] {
  const known = new Set<string>();
  for (const name of names) {
    for (const field of Object.keys(registry.eventFields(name))) known.add(field);
  }
  return [...known, ...Object.keys(registry.commonFields)];
}
