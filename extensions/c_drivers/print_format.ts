/** The kernel's `printf` formatting, for messages of drivers. @see rules/c-api.md 14 */
import { SHADOW_AT } from "./c_addresses.ts";
import type { CMemory } from "./c_memory.ts";

const FIELD = /%([-+ #0]*)(\d*)(?:\.\d+)?(hh|h|ll|l|z|t)?([diuxXopsc%])(ad|a|M|V)?/g;
const WIDE: ReadonlySet<string | undefined> = new Set(["l", "ll", "z", "t"]);
/** The deepest nesting of `%pV` formats. */
const MAX_DEPTH = 4;
const MAC_BYTES = 6;
/** Layout of `struct va_format`: a pointer to the format, and one to the arguments. */
const VA_FORMAT = { args: 8, sizeBytes: 16 } as const;
/** Largest number of characters of a text argument that are printed. */
const MAX_TEXT = 200;

/** Variadic arguments in memory, each aligned to its size. */
class VariableArguments {
  constructor(readonly memory: CMemory, private at: number) {}

  /** The address of the next argument; -1 if it is outside of memory. */
  next(sizeBytes: 4 | 8): number {
    this.at = Math.ceil(this.at / sizeBytes) * sizeBytes;
    const at = this.at;
    this.at += sizeBytes;
    return at >= 0 && at + sizeBytes <= SHADOW_AT ? at : -1;
  }
}

/** Formats a message. @param args The value of `va_list`. */
export function formatMessage(
  memory: CMemory,
  format: number,
  args: number,
  depth = 0,
): string {
  const given = new VariableArguments(memory, args);
  return memory.textAt(format).replace(
    FIELD,
    (_all, flags: string, width: string, length: string | undefined, kind: string, more = "") => {
      if (kind === "%") return "%";
      const isPointer = kind === "p" || kind === "s";
      const isWide = isPointer || WIDE.has(length);
      const at = given.next(isWide ? 8 : 4);
      if (at < 0) return "(?)";
      const leads = kind === "p" && /[MV]/.test(more) ? memory.wordAt(at) : null;
      const text = leads === null
        ? textOf(memory, at, kind, isWide, more !== "")
        : behindText(memory, leads, more, depth);
      const rest = kind === "p" ? "" : more;
      return `${padded(text, flags, Number(width), kind)}${rest}`;
    },
  );
}

/** Formats a pointer's target: a MAC address, or another format with its arguments. */
function behindText(memory: CMemory, leads: number, kind: string, depth: number): string {
  const sizeBytes = kind === "M" ? MAC_BYTES : VA_FORMAT.sizeBytes;
  if (!memory.isOpen(leads, sizeBytes)) return hexOf(BigInt(leads));
  if (kind === "M") {
    return [...memory.bytes.subarray(leads, leads + MAC_BYTES)]
      .map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  }
  const args = memory.wordAt(leads + VA_FORMAT.args);
  return depth === MAX_DEPTH || !memory.isOpen(args, 8)
    ? "(?)"
    : formatMessage(memory, memory.wordAt(leads), memory.wordAt(args), depth + 1);
}

/** @param isBehind Whether a pointer's target is to be printed. */
function textOf(
  memory: CMemory,
  at: number,
  kind: string,
  wide: boolean,
  isBehind: boolean,
): string {
  const { view } = memory;
  const unsigned = wide ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
  switch (kind) {
    case "s":
      return memory.textAt(Number(unsigned), MAX_TEXT);
    case "c":
      return String.fromCharCode(view.getUint8(at));
    case "p": {
      const leads = Number(unsigned);
      const readable = leads + 8 <= SHADOW_AT;
      // `%pad` and the like take a pointer to the address.
      return isBehind && readable ? hexOf(view.getBigUint64(leads, true)) : hexOf(unsigned);
    }
    case "x":
    case "X":
      return unsigned.toString(16);
    case "o":
      return unsigned.toString(8);
    case "d":
    case "i":
      return BigInt.asIntN(wide ? 64 : 32, unsigned).toString();
    default:
      return unsigned.toString();
  }
}

function hexOf(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function padded(text: string, flags: string, width: number, kind: string): string {
  const prefix = flags.includes("#") && /[xX]/.test(kind) ? "0x" : "";
  if (flags.includes("-")) return `${prefix}${text}`.padEnd(width);
  // Zeros are inserted after the prefix, blanks before it.
  return flags.includes("0")
    ? `${prefix}${text.padStart(width - prefix.length, "0")}`
    : `${prefix}${text}`.padStart(width);
}
