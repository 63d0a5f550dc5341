/** A compiled driver as a type of the language: its functions are the methods. */
import {
  type CModule,
  type ExecutionContext,
  Handle,
  type HandleType,
  type LabMachine,
  type MethodSpec,
  type ParameterSpec,
  type Value,
} from "@dmalab/lang/values";
import type { SourceFile } from "@dmalab/lang";
import { CCode } from "./c_code.ts";
import type { OfTree } from "./tree/of_tree.ts";
import { checkCode, checkValid, isOfTree } from "./code_checks.ts";
import { CDriver } from "./c_driver.ts";
import { runOf } from "./tree/kernel_abi.ts";

/** The driver of one machine, made when its first function is called. */
class DriverOfMachine {
  #driver: CDriver | null = null;

  constructor(readonly code: CCode, readonly machine: LabMachine) {}

  /**
   * @param context Context of the call. The context of the first call determines whether a debugger
   *   follows the driver.
   */
  driver(context: ExecutionContext): CDriver {
    return this.#driver ??= new CDriver(this.code, this.machine.lab.machine, context);
  }
}

function parameter(index: number): ParameterSpec {
  return {
    name: `arg${index + 1}`,
    type: "any",
    doc:
      "A number, 64 bits as 8 bytes, a size, an address, a device, a buffer, a region or a request.",
  };
}

function methodOf(code: CCode, name: string): MethodSpec<DriverOfMachine> {
  const { parameters, result } = code.shape.functions.get(name)!;
  return {
    name,
    parameters: parameters.map((_type, index) => parameter(index)),
    result: result === null ? "nothing" : result === "i64" ? "any" : "int",
    doc: `A function of ${code.name}.`,
    example: "",
    run: (context, target, args) =>
      target.driver(context).call(context, name, args as readonly Value[]),
  };
}

/**
 * Makes a driver from the compiler's output.
 *
 * @param name Name of the source in messages.
 * @param bytes The compiled module.
 * @param sources The module's sources, by their names in the compiler's output.
 * @param ofTree Facts about the tree, for a driver that was compiled with a kernel tree.
 * @throws {RefusedCode} If the code must not run.
 */
export function makeCModule(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  sources: ReadonlyMap<string, SourceFile>,
  ofTree: OfTree | null = null,
): CModule {
  checkValid(bytes);
  const code = new CCode(name, bytes, sources, ofTree);
  checkCode(code);
  if (ofTree !== null) code.shape.imports.filter(isOfTree).forEach(runOf);
  const type: HandleType<DriverOfMachine> = {
    name: `C driver ${name}`,
    isCode: true,
    doc: `The driver in ${name}.`,
    fields: () => [],
    methods: code.functionNames.map((each) => methodOf(code, each)),
    format: () => `the driver ${name}`,
  };
  return new CompiledModule(code, type as HandleType);
}

/** A driver that was compiled from C. */
class CompiledModule implements CModule {
  constructor(readonly code: CCode, readonly type: HandleType) {}

  get bytes(): CModule["bytes"] {
    return this.code.bytes;
  }

  linesRun(): ReturnType<CModule["linesRun"]> {
    return this.code.linesRun();
  }

  forgetLines(): void {
    this.code.coverage.forget();
  }

  watchRegisters(watcher: Parameters<CModule["watchRegisters"]>[0]): void {
    this.code.registerWatcher = watcher;
  }

  lines(): ReturnType<CModule["lines"]> {
    return this.code.statements.all;
  }

  start(machine: LabMachine): Value {
    return new Handle(this.type, new DriverOfMachine(this.code, machine));
  }
}

/** The code of a driver; undefined for a driver that is not compiled from C. */
export function codeOf(module: CModule): CCode | undefined {
  return module instanceof CompiledModule ? module.code : undefined;
}
