/** The kernel's `printf` formatting, for messages of drivers. @see rules/c-api.md 14 */
import { ERRNO, errnoName } from "@dmalab/runtime";
import { SHADOW_AT } from "./c_addresses.ts";
import type { CMemory } from "./c_memory.ts";

/** A field. A pointer's extension is every letter and digit that follows it. */
const FIELD = /%([-+ #0]*)(\d*)(?:\.\d+)?(hh|h|ll|l|z|t)?(?:p([A-Za-z\d]*)|([diuxXosc%]))/g;
/** The digits of a pointer, and of an address behind a pointer. */
const POINTER_DIGITS = 16;
/** Layout of `struct resource`, and the flags of its kinds. */
const RESOURCE = { end: 8, flags: 24, sizeBytes: 32, io: 0x100, memory: 0x200 } as const;
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
    (
      _all,
      flags: string,
      width: string,
      length: string | undefined,
      extension: string | undefined,
      kind = "p",
    ) => {
      if (kind === "%") return "%";
      const isWide = kind === "p" || kind === "s" || WIDE.has(length);
      const at = given.next(isWide ? 8 : 4);
      if (at < 0) return "(?)";
      const text = kind === "p"
        ? pointerText(memory, at, extension!, depth)
        : textOf(memory, at, kind, isWide);
      return padded(text, flags, Number(width), kind);
    },
  );
}

/**
 * Formats a pointer by its extension. An extension that is not known prints the pointer, whose digits a kernel
 * would replace by others (`%p` hides addresses).
 */
function pointerText(memory: CMemory, at: number, extension: string, depth: number): string {
  const { view } = memory;
  const pointer = view.getBigUint64(at, true);
  const digits = (value: bigint) => value.toString(16).padStart(POINTER_DIGITS, "0");
  const leads = Number(pointer);
  const isReadable = (sizeBytes: number) => leads + sizeBytes <= SHADOW_AT;
  const isOpen = (sizeBytes: number) => isReadable(sizeBytes) && memory.isOpen(leads, sizeBytes);
  switch (extension[0]) {
    case "a":
      // `%pa`, `%pap` and `%pad` take a pointer to the address.
      return isReadable(8) ? `0x${digits(view.getBigUint64(leads, true))}` : digits(pointer);
    case "M":
      return isOpen(MAC_BYTES)
        ? [...memory.bytes.subarray(leads, leads + MAC_BYTES)]
          .map((byte) => byte.toString(16).padStart(2, "0")).join(":")
        : digits(pointer);
    case "R":
    case "r":
      return isReadable(RESOURCE.sizeBytes) ? resourceText(memory, leads) : digits(pointer);
    case "e": {
      const error = Number(-BigInt.asIntN(64, pointer));
      return Object.values<number>(ERRNO).includes(error)
        ? `-${errnoName(error)}`
        : digits(pointer);
    }
    case "V":
      return isOpen(VA_FORMAT.sizeBytes) ? formatText(memory, leads, depth) : digits(pointer);
    case "x":
      return pointer.toString(16);
    default:
      return digits(pointer);
  }
}

function resourceText({ view }: CMemory, at: number): string {
  const flags = Number(view.getBigUint64(at + RESOURCE.flags, true));
  const [kind, width] = (flags & RESOURCE.io) !== 0
    ? ["io ", 4]
    : (flags & RESOURCE.memory) !== 0
    ? ["mem", 8]
    : ["???", 8];
  const [from, to] = [at, at + RESOURCE.end].map((each) =>
    `0x${view.getBigUint64(each, true).toString(16).padStart(width as number, "0")}`
  );
  return `[${kind} ${from}-${to}]`;
}

/** Another format with its arguments: `%pV`. */
function formatText(memory: CMemory, leads: number, depth: number): string {
  const args = memory.wordAt(leads + VA_FORMAT.args);
  return depth === MAX_DEPTH || !memory.isOpen(args, 8)
    ? "(?)"
    : formatMessage(memory, memory.wordAt(leads), memory.wordAt(args), depth + 1);
}

function textOf(memory: CMemory, at: number, kind: string, wide: boolean): string {
  const { view } = memory;
  const unsigned = wide ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
  switch (kind) {
    case "s":
      return memory.textAt(Number(unsigned), MAX_TEXT);
    case "c":
      return String.fromCharCode(view.getUint8(at));
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

function padded(text: string, flags: string, width: number, kind: string): string {
  const prefix = flags.includes("#") && /[xX]/.test(kind) ? "0x" : "";
  if (flags.includes("-")) return `${prefix}${text}`.padEnd(width);
  // Zeros are inserted after the prefix, blanks before it.
  return flags.includes("0")
    ? `${prefix}${text.padStart(width - prefix.length, "0")}`
    : `${prefix}${text}`.padStart(width);
}
