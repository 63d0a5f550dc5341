/**
 * Writes the numbers of WebAssembly code.
 *
 * @see WebAssembly Core Specification, 5.2.2 (integers)
 */
import { OP } from "./wasm_code.ts";

export function unsigned(value: number): readonly number[] {
  return value < 0x80 ? [value] : [value % 0x80 | 0x80, ...unsigned(Math.floor(value / 0x80))];
}

export function wide(value: bigint): readonly number[] {
  if (value >= -0x40n && value < 0x40n) return [Number(value & 0x7fn)];
  return [Number(value & 0x7fn) | 0x80, ...wide(value >> 7n)];
}

/** The instruction that pushes a constant of 32 bits. */
export function constant(value: number): readonly number[] {
  return [OP.I32_CONST, ...wide(BigInt(value))];
}
