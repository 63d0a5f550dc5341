/** Compiles checked files to the code of a program. */
import type { Registry } from "../values/registry.ts";
import type { ConstBinding, MachineParts, Resolution, Variable } from "../check/names/bindings.ts";
import type { Span } from "../source.ts";
import type {
  BenchBudget,
  BenchDeclaration,
  BenchExpectation,
  CaseTable,
  Expression,
  FileNode,
  ForallBinding,
  FunctionDeclaration,
  PropertyDeclaration,
  RegisterAccess,
  Statement,
  TestDeclaration,
} from "../syntax/tree/ast.ts";
import { isDeclaration } from "../syntax/tree/nodes.ts";
import type { FunctionRole } from "../vm/code.ts";
import { Op } from "../vm/loop.ts";
import { RareOp } from "../vm/rare_ops.ts";
import type { CodeBuilder } from "./code_builder.ts";
import { Label } from "./function_builder.ts";
import { ProgramTables } from "./program_tables.ts";
import { endFunction, FunctionCompiler, isTable } from "./function_compiler.ts";

/**
 * A constant, or a variable of the machine. It is evaluated when a machine is ready, before any
 * other code runs on that machine.
 */
export interface ConstCode {
  /**
   * The global for the constant's value; null for a variable, because its code itself stores the
   * value.
   */
  readonly global: number | null;
  readonly functionIndex: number;
}

/** The code for a read or write of a device's register. */
export interface RegisterCode {
  readonly device: string;
  readonly access: RegisterAccess;
  /** The number of the BAR; null for the first one. */
  readonly bar: number | null;
  readonly offsetBytes: number;
  readonly functionIndex: number;
  readonly name: string;
}

/**
 * A bench with a teardown reads a value of this name before each turn. The value says whether
 * another turn follows.
 */
export const GOES_ON = "another turn";

function axesOf({ table }: { readonly table: CaseTable | null }): readonly ForallBinding[] {
  return table?.axes ?? [];
}

/** Compiles functions one by one into one program. */
export class ProgramCompiler {
  readonly tables: ProgramTables;

  /** @param marked Whether statements are marked, so that a listener can follow a run. */
  constructor(registry: Registry, resolution: Resolution, marked = false) {
    this.tables = new ProgramTables(registry, resolution, marked);
  }

  get code(): CodeBuilder {
    return this.tables.code;
  }

  /** Compiles consts, in the order of their evaluation. */
  consts(bindings: readonly ConstBinding[]): readonly ConstCode[] {
    return bindings.map((binding) => {
      const { name, span, value } = binding.declaration;
      const functionIndex = this.#compile("constant", name.text, span, [], (compiler) => {
        compiler.expression(value);
        compiler.builder.emit(-1, Op.Return);
      });
      return { global: this.tables.constGlobal(binding), functionIndex };
    });
  }

  /** Compiles a machine's variables, in the order of their evaluation, and its registers. */
  machine({ registers, variables }: MachineParts): readonly ConstCode[] {
    for (const { register } of registers) this.function(register.handler);
    return [...variables].map(([{ name, span, value }, variable]) => {
      // This code belongs to no statement of a run: it is evaluated before a run begins.
      const functionIndex = this.#compile("constant", name.text, span, [], (compiler) => {
        compiler.expression(value);
        compiler.builder.emit(-1, Op.StoreGlobal, this.tables.variableGlobal(variable));
        endFunction(compiler.builder);
      });
      return { global: null, functionIndex };
    });
  }

  /** The compiled code of a machine's registers. */
  registers({ registers }: MachineParts): readonly RegisterCode[] {
    return registers.map(({ barNumber, block, offsetBytes, register: { access, handler } }) => ({
      device: block!.name!.text,
      access,
      bar: barNumber,
      offsetBytes,
      functionIndex: this.tables.functionIndex(handler),
      name: handler.name.text,
    }));
  }

  function(declaration: FunctionDeclaration): void {
    const { body, parameters } = declaration;
    const compiler = new FunctionCompiler(this.tables);
    for (const name of parameters) compiler.bind(this.#variable(name));
    compiler.block(body);
    endFunction(compiler.builder, this.tables.marked);
    this.code.finish(this.tables.functionIndex(declaration), compiler.builder);
  }

  /** The function's arguments are the values of a table row, then those of a property's case. */
  test(test: TestDeclaration | PropertyDeclaration): number {
    const [role, forall] = test.kind === "Test"
      ? ["test", []] as const
      : ["property", test.forall] as const;
    return this.#case(role, test, [...axesOf(test), ...forall], (compiler) => {
      compiler.block(test.body);
      endFunction(compiler.builder);
    });
  }

  /**
   * Compiles a bench. The code runs the setup, then yields before each iteration of the loop. If
   * the bench has a teardown, the code checks before each iteration whether there is another one;
   * without a teardown, the loop is endless.
   */
  bench(bench: BenchDeclaration): number {
    return this.#case("bench", bench, axesOf(bench), (compiler) => {
      const { builder } = compiler;
      for (const statement of bench.setup?.statements ?? []) compiler.statement(statement);
      const [again, end] = [new Label(), new Label()];
      builder.place(again);
      builder.emit(0, Op.Yield);
      if (bench.teardown !== null) {
        builder.emit(1, RareOp.Count, this.code.nameIndex(GOES_ON));
        builder.jump(-1, Op.JumpIfFalse, end);
      }
      compiler.block(bench.loop);
      builder.jump(0, Op.Jump, again);
      if (bench.teardown === null) return;
      builder.place(end);
      compiler.block(bench.teardown);
      endFunction(builder);
    });
  }

  benchCondition({ condition, span }: BenchBudget | BenchExpectation): number {
    return this.#compile("budget", "budget", span, [], (compiler) => {
      compiler.expression(condition);
      compiler.builder.emit(-1, Op.Return);
    });
  }

  #case(
    role: FunctionRole,
    { name, span }: { readonly name: string; readonly span: Span },
    bindings: readonly ForallBinding[],
    write: (compiler: FunctionCompiler) => void,
  ): number {
    return this.#compile(
      role,
      name,
      span,
      bindings.map(({ name: { text } }) => text),
      (compiler) => {
        for (const binding of bindings) compiler.bind(this.#variable(binding.name));
        write(compiler);
      },
    );
  }

  /**
   * Compiles the statements at the top of a file. @returns The function's index; null without
   * statements.
   */
  main(file: FileNode): number | null {
    const statements = file.items.filter((item) => !isDeclaration(item));
    if (statements.length === 0) return null;
    return this.#compile("main", "", file.span, [], (compiler) => {
      for (const statement of statements) compiler.statement(statement);
      endFunction(compiler.builder);
    });
  }

  /** Compiles one statement of a session; the function returns the value of an expression. */
  sessionStatement(statement: Statement): number {
    return this.#compile("main", "", statement.span, [], (compiler) => {
      const shown = shownExpression(statement);
      if (shown === null) {
        compiler.statement(statement);
        endFunction(compiler.builder);
      } else {
        compiler.shownStatement(statement, shown);
        compiler.builder.emit(-1, Op.Return);
      }
    });
  }

  /**
   * Compiles an expression that is evaluated in the middle of a run, with given values of its
   * variables.
   */
  look(expression: Expression, variables: readonly Variable[]): number {
    const names = variables.map(({ name }) => name);
    return this.#compile("lambda", "", expression.span, names, (compiler) => {
      for (const variable of variables) compiler.bind(variable);
      compiler.expression(expression);
      compiler.builder.emit(-1, Op.Return);
    });
  }

  #variable(node: FunctionDeclaration["name"]) {
    return this.tables.resolution.variables.get(node)!;
  }

  #compile(
    role: FunctionRole,
    name: string,
    span: Span,
    parameters: readonly string[],
    write: (compiler: FunctionCompiler) => void,
  ): number {
    const index = this.code.reserveFunction(role, name, span, parameters);
    const compiler = new FunctionCompiler(this.tables);
    compiler.builder.at(span);
    write(compiler);
    this.code.finish(index, compiler.builder);
    return index;
  }
}

/** The expression with the value that a session shows; null for any other statement. */
export function shownExpression(statement: Statement): Expression | null {
  return statement.kind === "Expression" && statement.expected === null &&
      !isTable(statement.expression)
    ? statement.expression
    : null;
}
