/**
 * Checks compiled code before it runs. All instructions must be known. All imports must be declared
 * here with the same types. The static data must not be too large.
 */
import type { SourceFile, Span } from "@dmalab/lang";
import { formatSize } from "@dmalab/lang/text";
import { C_CALLS } from "./calls.ts";
import type { CCode } from "./c_code.ts";
import { STATIC_BYTES } from "./c_addresses.ts";
import { lineSpan } from "./wasm/c_lines.ts";
import type { CType } from "./prototype.ts";
import {
  firstInstruction,
  type Instruction,
  instructionIn,
  OP,
  UncheckedInstruction,
} from "./wasm/wasm_code.ts";
import { ByteReader, type ImportedFunction } from "./wasm/wasm_reader.ts";

/** The error for compiled code that must not run. */
export class RefusedCode extends Error {
  /** @param span Null if the place is unknown. */
  constructor(message: string, readonly hint: string, readonly span: Span | null) {
    super(message);
  }
}

/** The functions that the support file imports: types of the parameters, then of the result. */
const SUPPORT: Readonly<Record<string, string>> = {
  touch: "f64 f64 i32 -> ",
  burnt: " -> i32",
  passed: "i32 -> ",
  deep: " -> ",
  smashed: " -> ",
  line: "i32 f64 -> ",
  globals: "f64 f64 -> ",
};
const MODULE = "dmalab";
/** The import module in which the linker puts undefined functions that files of a tree call. */
const TREE_MODULE = "env";
const WIRES: Readonly<Record<CType["wire"], string>> = { int: "i32", wide: "f64", none: "" };

/** Whether an import is a kernel function called by a file of a tree. */
export function isOfTree({ module }: ImportedFunction): boolean {
  return module === TREE_MODULE;
}

/** Validates the module before any part of it is parsed. @throws {RefusedCode} */
export function checkValid(bytes: Uint8Array<ArrayBuffer>): void {
  if (WebAssembly.validate(bytes)) return;
  const hint = "leave out what the compiler does not check: assembler, or names of exports";
  throw new RefusedCode("The compiled code is no valid WebAssembly", hint, null);
}

/** @throws {RefusedCode} */
export function checkCode(parts: CCode): void {
  const { shape } = parts;
  if (shape.staticBytes > STATIC_BYTES) {
    const size = formatSize(shape.staticBytes);
    throw new RefusedCode(`The static data take ${size}`, STATIC_HINT, null);
  }
  checkSupport(parts);
  const called = new Map<number, number>();
  try {
    for (const { opcode, operand, start } of instructionsOf(parts)) {
      if (opcode === OP.CALL && !called.has(operand)) called.set(operand, start);
    }
  } catch (error) {
    if (!(error instanceof UncheckedInstruction)) throw error;
    throw new RefusedCode(
      `The code has the WebAssembly instruction 0x${
        error.opcode.toString(16)
      }, which is not checked`,
      "leave out what the compiler made it of: assembler, or an attribute `target`",
      locationOf(error.at, parts),
    );
  }
  const known = declared();
  for (const each of shape.imports) {
    if (each.module === MODULE && known.get(each.name) === typeText(each)) continue;
    if (parts.ofTree !== null && isOfTree(each)) continue;
    const at = called.get(each.index);
    throw new RefusedCode(
      each.module === MODULE && known.has(each.name)
        ? `${each.name}() is imported with another type than it has`
        : `The code imports "${each.name}" from "${each.module}"`,
      "drivers call what the headers declare",
      at === undefined ? null : locationOf(at, parts),
    );
  }
}

/** Checks that the support file is complete: the driver must not replace a part of it. */
function checkSupport({ shape, sources }: CCode): void {
  // If the driver defines a function of the support file, under whatever name, the support file no
  // longer imports that function.
  const imported = new Set(
    shape.imports.filter(({ module, name, symbol }) =>
      module === MODULE && symbol === `${MODULE}_${name}`
    ).map(({ name }) => name),
  );
  const missing = Object.keys(SUPPORT).filter((name) => !imported.has(name));
  const [taken] = missing.map((name) => `${MODULE}_${name}`).map((name) => ({
    name,
    span: spanOfName(name, sources),
  })).sort((one, other) => Number(one.span === null) - Number(other.span === null));
  if (taken === undefined) return;
  const text = `${taken.name}() is defined, which the checks of loads and stores call`;
  throw new RefusedCode(text, "choose another name", taken.span);
}

/**
 * The span of a name in the first source that contains it; null if no source contains it.
 *
 * @param which The first mention is the declaration or definition of the name. The last mention is
 *   a use, if there is any.
 */
export function spanOfName(
  name: string,
  sources: ReadonlyMap<string, SourceFile>,
  which: "first" | "last" = "first",
): Span | null {
  for (const source of sources.values()) {
    const found = [...source.text.matchAll(new RegExp(`\\b${name}\\b`, "g"))]
      .at(which === "first" ? 0 : -1);
    if (found !== undefined) return { source, start: found.index, end: found.index + name.length };
  }
  return null;
}

export const STATIC_HINT: string = `a driver has ${formatSize(STATIC_BYTES)}, its stack included`;

function* instructionsOf({ bytes, shape }: CCode): Generator<Instruction> {
  const reader = new ByteReader(bytes.subarray(shape.codeAt, shape.codeTo));
  for (const body of shape.bodies) {
    reader.at = firstInstruction(body, reader);
    while (reader.at < body.end) yield instructionIn(reader);
  }
}

function declared(): ReadonlyMap<string, string> {
  const calls = C_CALLS.map(({ prototype: { name, parameters, result } }) => {
    const wires = ["i32", ...parameters.map(({ type }) => WIRES[type.wire])];
    return [name, `${wires.join(" ")} -> ${WIRES[result.wire]}`] as const;
  });
  return new Map([...calls, ...Object.entries(SUPPORT)]);
}

function typeText({ parameters, result }: ImportedFunction): string {
  return `${parameters.join(" ")} -> ${result ?? ""}`;
}

function locationOf(address: number, parts: CCode): Span | null {
  const place = parts.lines.find(address);
  const own = place === null ? undefined : parts.source(place.file);
  return own === undefined || place === null ? null : lineSpan(own, place.line);
}
