/** Headers that a kernel build generates, made from a tree's version and a configuration. */
import type { Settings } from "./settings.ts";
import type { TreeVersion } from "@dmalab/runtime/kernels";

const HERTZ = 1000;
/** The largest sublevel that fits into a version code. */
const MAX_SUB = 255;

/** The compiler's own headers, for modules: the kernel's build has not searched for them since 5.15. */
const COMPILERS: Readonly<Record<string, string>> = {
  "stdarg.h": "#include <linux/stdarg.h>\n",
  "stddef.h": "#include <linux/stddef.h>\n#include <linux/types.h>\n",
  "stdbool.h": "#include <linux/types.h>\n",
  "stdint.h": "#include <linux/types.h>\n",
  "limits.h": "#include <linux/limits.h>\n",
  "iso646.h": Object.entries({
    and: "&&",
    and_eq: "&=",
    bitand: "&",
    bitor: "|",
    compl: "~",
    not: "!",
    not_eq: "!=",
    or: "||",
    or_eq: "|=",
    xor: "^",
    xor_eq: "^=",
  }).map(([name, sign]) => `#define ${name} ${sign}\n`).join(""),
};

/** Generated headers by their paths, except `generated/bounds.h`. */
export function generatedHeaders(
  version: TreeVersion,
  settings: Settings,
): Readonly<Record<string, string>> {
  const values = [...settings.values].map(([name, value]) => `#define CONFIG_${name} ${value}\n`);
  const { major, name, patch, sub } = version;
  const code = (major * 256 + patch) * 256 + Math.min(sub, MAX_SUB);
  const numbers = `#define LINUX_VERSION_CODE ${code}
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > ${MAX_SUB} ? ${MAX_SUB} : (c)))
#define LINUX_VERSION_MAJOR ${major}
#define LINUX_VERSION_PATCHLEVEL ${patch}
#define LINUX_VERSION_SUBLEVEL ${sub}
`;
  return {
    "generated/autoconf.h": values.join(""),
    "generated/uapi/linux/version.h": numbers,
    "linux/version.h": numbers,
    "generated/utsrelease.h": `#define UTS_RELEASE "${name}"\n`,
    "generated/utsversion.h": `#define UTS_VERSION "dmalab"\n`,
    "generated/timeconst.h": timeConstants(),
    "generated/asm-offsets.h": "/* No assembler is compiled. */\n",
    ...COMPILERS,
    "generated/rq-offsets.h": "#define RQ_nr_pinned 0\n",
    "asm/sigcontext.h": "struct sigcontext { unsigned long unused; };\n",
  };
}

/** Multipliers between units of time, in 32-bit fixed point: value * MUL >> SHR. */
function timeConstants(): string {
  const units = { MSEC: 1000, USEC: 1_000_000, NSEC: 1_000_000_000 } as const;
  const lines: string[] = [];
  const fixed = (name: string, to: number, from: number) => {
    const divisor = gcd(to, from);
    const [up, down] = [BigInt(to / divisor), BigInt(from / divisor)];
    // The largest shift with which the multiplier fits into 32 bits.
    let shift = 0n;
    while ((up << (shift + 1n)) / down < 2n ** 32n && shift < 63n) shift++;
    const multiplier = ((up << shift) + down - 1n) / down;
    const adjust = down === 1n ? 0n : ((down - 1n) << shift) / down;
    lines.push(`#define ${name}_MUL32 U64_C(0x${multiplier.toString(16)})`);
    lines.push(`#define ${name}_ADJ32 U64_C(0x${adjust.toString(16)})`);
    lines.push(`#define ${name}_SHR32 ${shift}`);
    lines.push(`#define ${name}_NUM ${up}`, `#define ${name}_DEN ${down}`);
  };
  for (const [unit, count] of Object.entries(units)) {
    fixed(`HZ_TO_${unit}`, count, HERTZ);
    fixed(`${unit}_TO_HZ`, HERTZ, count);
  }
  return `${lines.join("\n")}\n`;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/**
 * A constant in the inline assembler of the tree's `bounds.c`, in the form that LLVM IR has for it.
 */
const BOUND = /->(\w+) \$\d+ [^"]*?", "i"\(i\d+ (-?\d+)\)/g;

/** Makes `generated/bounds.h` from the tree's `kernel/bounds.c`, compiled to LLVM IR. */
export function boundsHeader(code: string): string {
  const lines = [...code.matchAll(BOUND)].map(([, name, value]) => `#define ${name} ${value}\n`);
  return lines.join("");
}
