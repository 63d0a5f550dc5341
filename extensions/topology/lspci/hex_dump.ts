/** Lines of `lspci -x`: `00: 86 80 30 20 …`, sixteen bytes each. */
import { CONFIG_SPACE_BYTES } from "./config_space.ts";
import type { GrowingFunction } from "./growing_function.ts";

const LINE = /^\s*([0-9a-f]{2,3}): ?((?:[0-9a-f]{2}(?: |$)){1,16})$/i;
const BYTES_A_LINE = 16;

export interface DumpLine {
  readonly offset: number;
  readonly bytes: readonly number[];
}

/** Reads a line of a dump; null when it is none. */
export function readDumpLine(line: string): DumpLine | null {
  const match = LINE.exec(line);
  if (match === null) return null;
  const offset = parseInt(match[1]!, 16);
  const bytes = match[2]!.trim().split(" ").map((digits) => parseInt(digits, 16));
  // The last line that three digits can name ends where the space does.
  return offset % BYTES_A_LINE === 0 ? { offset, bytes } : null;
}

/** Puts a line's bytes in their place; what follows a gap is not used. */
export function takeDumpLine(into: GrowingFunction, { offset, bytes }: DumpLine): void {
  if (offset !== into.registerBytes) return;
  into.registers ??= new Uint8Array(CONFIG_SPACE_BYTES);
  into.registers.set(bytes, offset);
  into.registerBytes = offset + bytes.length;
}
