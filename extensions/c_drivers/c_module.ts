/** A compiled driver as a type of the language: its functions are the methods. */
import {
  type CModule,
  Handle,
  type MethodSpec,
  type ParameterSpec,
  type Run,
  type TypeSpec,
  type Value,
  type World,
} from "@dmalab/lang/values";
import type { SourceFile } from "@dmalab/lang";
import { CCode } from "./c_code.ts";
import type { OfTree } from "./tree/of_tree.ts";
import { checkCode, checkValid, isOfTree } from "./code_checks.ts";
import { CDriver } from "./c_driver.ts";
import { runOf } from "./tree/tree_border.ts";

/** The driver of one machine, made when its first function is called. */
class DriverOfWorld {
  #driver: CDriver | null = null;

  constructor(readonly code: CCode, readonly world: World) {}

  /** @param run Its first call says whether a debugger follows it. */
  driver(run: Run): CDriver {
    return this.#driver ??= new CDriver(this.code, this.world.lab.machine, run);
  }
}

function parameter(index: number): ParameterSpec {
  return {
    name: `arg${index + 1}`,
    kind: "any",
    doc:
      "A number, 64 bits as 8 bytes, a size, an address, a device, a buffer, a region or a request.",
  };
}

function methodOf(code: CCode, name: string): MethodSpec<DriverOfWorld> {
  const { parameters, result } = code.shape.functions.get(name)!;
  return {
    name,
    parameters: parameters.map((_type, index) => parameter(index)),
    result: result === null ? "nothing" : result === "i64" ? "any" : "int",
    doc: `A function of ${code.name}.`,
    example: "",
    run: (run, target, args) => target.driver(run).call(run, name, args as readonly Value[]),
  };
}

/**
 * Makes a driver of what the compiler gave.
 *
 * @param name As messages call the source.
 * @param bytes The module.
 * @param sources Its sources by the names that the compiler knows them by.
 * @param ofTree Where it was compiled with a kernel tree: what is known of that.
 * @throws {RefusedCode} When the code must not run.
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
  const type: TypeSpec<DriverOfWorld> = {
    name: `C driver ${name}`,
    isCode: true,
    doc: `The driver in ${name}.`,
    fields: () => [],
    methods: code.functionNames.map((each) => methodOf(code, each)),
    format: () => `the driver ${name}`,
  };
  return {
    type: type as TypeSpec,
    linesRun: () => code.linesRun(),
    lines: () => code.statements.all,
    start: (world) => new Handle(type as TypeSpec, new DriverOfWorld(code, world)),
  };
}
