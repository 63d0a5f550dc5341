/** Drivers in C that tell the compiler to omit checks: every limit still applies. */
import process from "node:process";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HostCompileCache, type WantingLoader } from "@dmalab/cli";
import type { OpenedScenario } from "../compiler/patched.ts";
import { saidDiagnostics } from "../compiler/said_diagnostics.ts";
import { resolveKernel } from "@dmalab/runtime/kernels";
import { FUEL_AT, SHADOW_AT } from "../c_addresses.ts";
import { LineTable } from "../wasm/line_table.ts";
import { runProgramWith } from "@dmalab/lang/run";
import { SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { loadOpened, programOf } from "./c_together.ts";

/** An address at which a driver has no memory, below all of its memory. */
const NOWHERE = "0x3f00000";

/** The body of a driver's function, and the code of the error that must end it. */
const ACTS: Readonly<Record<string, { readonly body: string; readonly ends: string }>> = {
  spin: { body: "volatile long i = 0; for (;;) i++; return i;", ends: "E0801" },
  empty: { body: 'for (;;) __asm__ volatile(""); return 0;', ends: "E0801" },
  clock: { body: "volatile long i = 0; for (;;) i++; return i;", ends: "E0806" },
  tree: { body: "volatile long m = n; return m ? SELF(m - 1) + SELF(m - 1) : 1;", ends: "E0801" },
  deep: { body: "volatile long m = n; return SELF(m + 1) + m;", ends: "E0803" },
  frame: { body: "volatile char room[1UL << 33]; room[n] = 1; return room[0];", ends: "E0803" },
  load: { body: `return *(volatile long *)${NOWHERE};`, ends: "EFAULT" },
  store: { body: `*(volatile char *)${NOWHERE} = 1; return 0;`, ends: "EFAULT" },
  fill: { body: `__builtin_memset((void *)${NOWHERE}, 1, 4096 + n); return 0;`, ends: "EFAULT" },
  copy: {
    body: `__builtin_memcpy(area, (void *)${NOWHERE}, 64 + n); return area[0];`,
    ends: "EFAULT",
  },
  fuel: { body: `for (;;) *(volatile int *)${FUEL_AT} = 1 << 30; return 0;`, ends: "EFAULT" },
  shadow: { body: `*(volatile char *)${SHADOW_AT} = 0; return 0;`, ends: "EFAULT" },
  hooks: {
    body: "for (;;) { dmalab_block(0); dmalab_move_stack(8192); } return 0;",
    ends: "E0801",
  },
};

/** Attributes that tell the compiler to omit instrumentation. */
const WAYS: readonly string[] = [
  'no_sanitize("coverage")',
  'no_sanitize("kernel-address")',
  'no_sanitize("all")',
  "no_sanitize_address",
  "disable_sanitizer_instrumentation",
  "no_stack_protector",
  'no_sanitize("all"), disable_sanitizer_instrumentation, no_stack_protector',
  "optnone",
  "flatten, hot",
  'section("elsewhere"), retain',
  "no_instrument_function, no_profile_instrument_function",
];

/** Text in assembler, which no part of the compiler could instrument. */
const ASSEMBLED: readonly { readonly text: string; readonly ends: string }[] = [
  { text: "loop\n br 0\n end_loop\n i64.const 0", ends: "E0801" },
  {
    text: "block\n loop\n i32.const 1\n br_if 0\n end_loop\n end_block\n i64.const 0",
    ends: "E0801",
  },
  { text: "local.get 0\n call NAME", ends: "E0803" },
  { text: `i64.const ${NOWHERE}\n i64.load 0`, ends: "EFAULT" },
  { text: `i64.const ${NOWHERE}\n i64.const 1\n i64.store 8\n i64.const 0`, ends: "EFAULT" },
  {
    text: `i64.const ${NOWHERE}\n i32.const 1\n i64.const 9\n memory.fill 0\n i64.const 0`,
    ends: "EFAULT",
  },
  { text: "i64.const 64\n global.set __stack_pointer\n i64.const 0", ends: "E0803" },
  {
    text: "loop\n i64.const 1\n memory.grow 0\n drop\n br 0\n end_loop\n i64.const 0",
    ends: "E0801",
  },
];

/** Files that are refused: the message for each, with its line. */
const REFUSED: readonly { readonly text: string; readonly says: string }[] = [
  {
    text:
      'extern __attribute__((import_module("evil"), import_name("x"))) int x(void);\nint f(void) { return x(); }',
    says: 'E0711 2 The code imports "x" from "evil"',
  },
  {
    text:
      'extern __attribute__((import_module("dmalab"), import_name("kfree"))) int k(double);\nint f(void)\n{ return k(1); }',
    says: "E0711 3 kfree() is imported with another type than it has",
  },
  {
    text: "typedef int v4 __attribute__((vector_size(16)));\n" +
      '__attribute__((target("simd128"))) void f(v4 *p)\n{\n\t*p += *p;\n}',
    says: "E0711 4 The code has the WebAssembly instruction 0xfd, which is not checked",
  },
  {
    text: '__attribute__((target("atomics"))) int f(int *p)\n' +
      "{\n\treturn __builtin_wasm_memory_atomic_wait32(p, 0, -1);\n}",
    says: "E0711 3 The code has the WebAssembly instruction 0xfe, which is not checked",
  },
  {
    text: "int before;\nvoid dmalab_block(unsigned block) { (void)block; }",
    says: "E0711 2 duplicate symbol: dmalab_block",
  },
  {
    text:
      'int before;\n__attribute__((export_name("dmalab_block"))) int f(void) { return before; }',
    says: "E0711 1 The compiled code is no valid WebAssembly",
  },
  {
    text:
      "int before;\nstatic char large[1UL << 40];\nchar *f(unsigned long n) { return large + n; }",
    says: "E0711 2 The static data take 1TiB, large alone 1TiB",
  },
  {
    // The compiler has too little memory for an object with these data.
    text:
      "int before;\nstatic char large[1UL << 31];\nchar *f(unsigned long n) { return large + n; }",
    says: "E0711 2 The static data take 2GiB, large alone 2GiB",
  },
  {
    // The compiler writes nothing for these data.
    text:
      "int before;\nchar *f(unsigned long n)\n{\n\tstatic char large[3UL << 32];\n\treturn large + n;\n}",
    says: "E0711 4 The static data take 12GiB, large alone 12GiB",
  },
  {
    // A section that our reader reads, written in assembler, with a table that has no end.
    text:
      '__asm__(".section .custom_section.linking,\\"\\",@\\n.ascii \\"\\\\2\\\\10\\\\177\\\\377\\\\377\\\\377\\\\377\\\\177\\"\\n");\n' +
      "static char large[1UL << 24];\nchar *f(unsigned long n) { return large + n; }",
    says: "E0711 2 The static data take 16MiB, large alone 16MiB",
  },
  {
    text:
      "struct row { long cells[1 << 20]; };\nstruct row rows[4];\nlong f(int n) { return rows[n].cells[n]; }",
    says: "E0711 2 The static data take 32MiB, rows alone 32MiB",
  },
  {
    text: '__asm__(".section .data.x,\\"\\",@\\n.skip 500000000\\n");\nint f(void) { return 1; }',
    says: "E0711 1 The compiler needs more than 1GiB of memory",
  },
  {
    // The reported line is that of the use, not that of the declaration.
    text: "int missing(void);\nint f(void) { return missing(); }",
    says: "E0711 2 undefined symbol: missing",
  },
  {
    text:
      "int before;\n__attribute__((weak)) long dmalab_block(long a, long b) { return a + b; }\n" +
      '__attribute__((export_name("dmalab_block"))) void mine(unsigned block) { (void)block; }\n' +
      "long f(void) { return dmalab_block(1, before); }",
    says: "E0711 2 function signature mismatch: dmalab_block",
  },
  {
    text:
      "void other(double at, double bytes, int writes) { (void)at; (void)bytes; (void)writes; }\n" +
      'void dmalab_touch(double, double, int) __attribute__((alias("other")));',
    says: "E0711 2 dmalab_touch() is defined, which the checks of loads and stores call",
  },
];

/**
 * Processor time in ms. It is used because on a busy host a run may wait long before it reaches the
 * C code.
 */
function nowMs(): number {
  const { system, user } = process.cpuUsage();
  return (system + user) / 1000;
}

const WATCH = { nowMs, interrupted: () => false };

class MadeFiles implements WantingLoader {
  readonly shelf = new HostCompileCache();
  readonly sources = new Map<string, SourceFile>();

  add(name: string, text: string): void {
    this.sources.set(name, new SourceFile(name, text));
  }

  load(path: string): SourceFile | LoadError {
    return this.sources.get(path) ?? new LoadError("not_found", `There is no ${path}`);
  }
}

function assembled(name: string, text: string): string {
  const lines = [`.globl ${name}`, `.type ${name},@function`, `${name}:`]
    .concat(`.functype ${name} (i64) -> (i64)`, text.replaceAll("NAME", name).split("\n"))
    .concat("end_function");
  return `__asm__(".globaltype __stack_pointer, i64");\n__asm__(${
    lines.map((line) => `"${line.trim()}\\n"`).join(" ")
  });\nextern long ${name}(long n);\nlong call_${name}(long n) { return ${name}(n); }\n`;
}

/**
 * Every act with every attribute, and the assembler texts; each with the code of the error that
 * must end it.
 */
function openCases() {
  const cases: { name: string; ends: string }[] = [];
  const parts = [
    "static char area[64];",
    "void dmalab_block(unsigned);",
    "void dmalab_move_stack(long);",
  ];
  WAYS.forEach((way, number) => {
    for (const [act, { body, ends }] of Object.entries(ACTS)) {
      const name = `${act}_${number}`;
      parts.push(`__attribute__((${way}, noinline)) long ${name}(long n)`);
      parts.push(`{ ${body.replaceAll("SELF", name)} (void)n; }`);
      cases.push({ name, ends });
    }
  });
  ASSEMBLED.forEach(({ ends, text }, number) => {
    parts.push(assembled(`assembled_${number}`, text));
    cases.push({ name: `call_assembled_${number}`, ends });
  });
  const loader = new MadeFiles();
  loader.add("off.c", `${parts.join("\n")}\n`);
  const tests = cases.map(({ name }) => `test "${name}" { off.${name}(40) }`);
  const text = ["machine { }", 'driver off = c "off.c"', ...tests].join("\n");
  return { cases, entry: new SourceFile("off.dma", text), loader };
}

/** A driver that hangs in a constructor, before its first call. */
function openConstructor(): OpenedScenario {
  const loader = new MadeFiles();
  loader.add(
    "begin.c",
    "static int n;\n__attribute__((constructor)) static void begin(void)\n{\n\tfor (;;)\n\t\tn++;\n}\nint f(void) { return n; }\n",
  );
  const text = 'machine { }\ndriver begin = c "begin.c"\ntest "f" { begin.f() }';
  return { entry: new SourceFile("begin.dma", text), loader };
}

const opened = openCases();
const [off, begin] = await loadOpened([opened, openConstructor()]);

Deno.test("no limit depends on what a file in C tells the compiler, or on assembler", () => {
  const { cases } = opened;
  const program = programOf(off!);
  const wrong = cases.flatMap(({ ends, name }, index) => {
    const limits = ends === "E0806"
      ? { ...DEFAULT_LIMITS, steps: 2 ** 50, timeMs: 50 }
      : { ...DEFAULT_LIMITS, steps: 300_000 };
    const select = (number: number) => number === index;
    const options = {
      only: "tests",
      limits,
      select,
      attributeDefects: false,
      watch: WATCH,
    } as const;
    const [outcome] = runProgramWith(null, program, options).outcomes;
    const { failure } = outcome!;
    const end = failure === null ? "holds" : `${failure.code} ${failure.message}`;
    const isPlaced = name.startsWith("call_") || /off\.c:\d+:\d+/.test(end);
    return end.includes(ends) && isPlaced ? [] : [`${name} (${ends}): ${end}`];
  });
  assertEquals(wrong, []);
  assert(cases.length >= 10 * Object.keys(ACTS).length);
});

Deno.test("a table of places that names more bytes than it has ends where it ends", () => {
  const sizes = [0xf0, 0xff, 0xff, 0xff, 4, 0, 7, 0, 0, 0];
  const begunMs = nowMs();
  // The header declares no standard operations, so each of the two bytes after the header adds a
  // row to the table.
  const table = new LineTable(new Uint8Array([...sizes, 1, 0, 1, 1, 1, 0, 0, 1, 1]));
  assertEquals(table.rowsIn(0, 9).length, 2);
  assert(nowMs() - begunMs < 1000);
});

Deno.test("a constructor without an end ends at its line", () => {
  const limits = { ...DEFAULT_LIMITS, steps: 300_000 };
  const [outcome] = runProgramWith(null, programOf(begin!), { only: "tests", limits }).outcomes;
  const { code, message } = outcome!.failure!;
  assertEquals(code, "E0801");
  assert(/in begin\(\) at begin\.c:[45]:/.test(message), message);
});

Deno.test("code that cannot be checked, or has no room, is an error of its file, with its line (long)", async () => {
  const loader = new MadeFiles();
  REFUSED.forEach(({ text }, number) => loader.add(`r${number}.c`, text));
  const drivers = REFUSED.map((_each, number) => `driver r${number} = c "r${number}.c"`);
  const entry = new SourceFile("off.dma", ["machine { }", ...drivers].join("\n"));
  const [refused] = await loadOpened([{ entry, loader }]);
  const { diagnostics, program } = refused!;
  assertEquals(program, null);
  const said = diagnostics.map(({ code, message, span: { source, start } }) =>
    `${source.name} ${code} ${source.position(start).line} ${message}`
  );
  assertEquals(said.sort(), REFUSED.map(({ says }, number) => `r${number}.c ${says}`).sort());
});

const TARGET = {
  kernel: "7.2.12",
  behaviour: resolveKernel({ kernel: "7.2.12", quirks: null }),
  pageSizeBytes: 4096,
};

Deno.test("nesting that exhausts the compiler's stack is reported as the compiler's failure", () => {
  const main = new SourceFile("deep.c", "int deep;");
  const made = { module: null, said: "clang: error: memory access out of bounds\n" };
  const refused = new Map();
  const found = saidDiagnostics(made, { main, sources: new Map(), refused, target: TARGET });
  assertEquals(found.map(({ message }) => message), [
    "The compiler itself failed: memory access out of bounds",
  ]);
});

Deno.test("a macro whose arguments are wrong is not undeclared as well; another name is", () => {
  const main = new SourceFile("a.c", "int f(void);\nTWO(x);\nz;\n");
  const said = [
    "a.c:2:6: error: too few arguments provided to function-like macro invocation",
    "a.c:1:9: note: macro 'TWO' defined here",
    "a.c:2:1: error: use of undeclared identifier 'TWO'",
    "a.c:3:1: error: use of undeclared identifier 'z'",
  ].join("\n");
  const compilation = {
    main,
    sources: new Map([["a.c", main]]),
    refused: new Map(),
    target: TARGET,
  };
  const found = saidDiagnostics({ module: null, said }, compilation);
  assertEquals(found.map(({ message }) => message), [
    "too few arguments provided to function-like macro invocation",
    "use of undeclared identifier 'z'",
  ]);
});

Deno.test("a header that dmalab does not have is named with the way to a kernel tree's", () => {
  const main = new SourceFile("a.c", "#include <linux/netdevice.h>\n");
  const said = "a.c:1:10: fatal error: 'linux/netdevice.h' file not found";
  const hint = (hasOwnHeaders: boolean) => {
    const sources = new Map([["a.c", main]]);
    const about = { main, sources, refused: new Map(), target: TARGET, hasOwnHeaders };
    return saidDiagnostics({ module: null, said }, about)[0]!.hint ?? null;
  };
  assertStringIncludes(hint(true)!, 'c "FILE" { tree = "../linux" }');
  assertEquals(hint(false), null);
});
