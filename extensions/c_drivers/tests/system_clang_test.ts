import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  chooseCompiler,
  CLANG_MAJOR,
  PACKAGED,
  readCompilerLock,
  SYSTEM_CLANGS,
} from "@dmalab/cli";
import { TempFolder } from "@dmalab/tools";
import { KEEP_COUNTERS, TARGET } from "../compiler/clang.ts";
import { checkKey, hasAssembler, TreeCompiler } from "../compiler/system_clang.ts";
import { IR } from "../tree/ir.ts";
import { TREE_ARGUMENTS } from "../tree/unit.ts";

/** A number that only the secret file contains. */
const SECRET = 6_193_077;
const SHOWN = /6193077|0x5e7fb5|lab_secret/;

/**
 * Ways in which C could name a file. Each of them is compiled with the path of a secret file of the
 * host.
 */
const ATTACKS: readonly { readonly name: string; readonly text: (path: string) => string }[] = [
  { name: "an include by its path", text: (path) => `#include "${path}"\n` },
  { name: "an include among headers", text: (path) => `#include <${path}>\n` },
  { name: "an include by a macro", text: (path) => `#define P "${path}"\n#include P\n` },
  {
    name: "an include from the folder above",
    text: (path) => `#include "${"../".repeat(20)}${path.slice(1)}"\n`,
  },
  { name: "the next include", text: (path) => `#include_next "${path}"\n` },
  { name: "an import", text: (path) => `#import "${path}"\n` },
  {
    name: "a question whether it is there",
    text: (path) => `#if __has_include("${path}")\nint lab_secret;\n#endif\n`,
  },
  {
    name: "a question whether its bytes are there",
    text: (path) => `#if __has_embed("${path}")\nint lab_secret;\n#endif\n`,
  },
  {
    name: "its bytes in an array",
    text: (path) => `const char lab_bytes[] = {\n#embed "${path}"\n};\n`,
  },
  {
    name: "another name for an include",
    text: (path) => `#pragma include_alias("own.h", "${path}")\n#include "own.h"\n`,
  },
  { name: "a dependency", text: (path) => `#pragma GCC dependency "${path}"\n` },
  { name: "a module", text: (path) => `#pragma clang module load "${path}"\n` },
  {
    name: "a module that is built",
    text: (path) =>
      `#pragma clang module build m\nmodule m { header "${path}" }\n#pragma clang module endbuild\n`,
  },
  { name: "a library", text: (path) => `#pragma comment(lib, "${path}")\n` },
  { name: "the lines of a message", text: (path) => `#line 1 "${path}"\nint x = y;\n` },
  { name: "the file of a folder's own names", text: () => '#include "/proc/self/environ"\n' },
  { name: "a device", text: () => '#include "/dev/stdin"\n' },
  {
    name: "assembler in a function",
    text: (path) => `void f(void) { asm volatile(".incbin \\"${path}\\""); }\n`,
  },
  { name: "assembler beside functions", text: (path) => `asm(".incbin \\"${path}\\"");\n` },
  { name: "assembler that includes", text: (path) => `asm(".include \\"${path}\\"");\n` },
  {
    name: "assembler in a macro of assembler",
    text: (path) => `asm(".macro m a\\n.\\\\a \\"${path}\\"\\n.endm\\nm incbin");\n`,
  },
  {
    name: "assembler of another language",
    text: (path) => `void f(void) { __asm { incbin "${path}" } }\n`,
  },
];

const clang = SYSTEM_CLANGS.slice(0, 4).find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

Deno.test("the fitting version of a clang is that of dmalab's own", () => {
  assertMatch(readCompilerLock(), new RegExp(`@yowasp/clang@${CLANG_MAJOR}\\.`));
});

Deno.test("a clang is checked again if it is called with other arguments", async () => {
  const file = { mtime: new Date(0), size: 1 };
  const keys = await Promise.all([
    checkKey("/usr/bin/clang", file),
    checkKey("/usr/bin/clang", file),
    checkKey("/usr/bin/clang", file, ["-fother"]),
    checkKey("/usr/bin/clang", { ...file, size: 2 }),
  ]);
  assertEquals(keys[0], keys[1]);
  assertNotEquals(keys[0], keys[2]);
  assertNotEquals(keys[0], keys[3]);
});

/** Texts in LLVM's language, and whether they contain assembler that could name a file. */
const TEXTS: readonly (readonly [text: string, hasIt: boolean])[] = [
  ['call void asm sideeffect "", "~{memory}"()', false],
  ['%1 = call i32 asm "", "=r,0"(i32 %0)', false],
  ['!1 = !DIFile(filename: "lab/asm/io.h", directory: "/")', false],
  ["define void @asm() {", false],
  ['module asm ".globaltype __stack_pointer, i64"', false],
  ['module asm ".incbin \\22/etc/passwd\\22"', true],
  ['call void asm sideeffect ".incbin \\22/x\\22", ""()', true],
  ['call void asm sideeffect alignstack "nop", ""()', true],
  ['call void asm unwind "$0 \\22/x\\22", "i"(ptr @f)', true],
  ['call void asm other "", ""()', true],
];

Deno.test("only assembler that is empty or the lab's own is harmless", () => {
  for (const [text, hasIt] of TEXTS) assertEquals(hasAssembler(text), hasIt, text);
});

Deno.test({
  name: "what is compiled by a clang of the system's sees no file of the host",
  ignore: clang === undefined,
  async fn(t) {
    using folder = new TempFolder();
    folder.write("secret.h", `int lab_secret = ${SECRET};\n`);
    const compiler = new TreeCompiler();
    assertMatch(await compiler.identity(), /^clang version 22\./);
    try {
      for (const { name, text } of ATTACKS) {
        await t.step(name, async () => {
          const files = { "driver/0.c": `${text(folder.at("secret.h"))}int lab_end;\n` };
          const args = [...TREE_ARGUMENTS.filter((each) => each !== "-w"), ...IR, "driver/0.c"];
          const made = await compiler.run(args, files, "-");
          const ir = new TextDecoder().decode(made.module ?? undefined);
          assert(!SHOWN.test(ir.replaceAll("-lab_secret", "")), ir);
          assert(!SHOWN.test(made.said), made.said);
          if (made.module === null) return;
          // Assembler is parsed only when an object file is written.
          const assembling = [...TARGET, ...KEEP_COUNTERS, "-Xclang", "-disable-llvm-passes", "-c"];
          const object = await compiler.run([...assembling, "file.ll"], { "file.ll": ir }, "-");
          const bytes = new TextDecoder("latin1").decode(object.module ?? undefined);
          assert(!SHOWN.test(bytes) && !SHOWN.test(object.said), bytes + object.said);
        });
      }
    } finally {
      await compiler.close();
    }
  },
});

Deno.test({
  name: "a clang of the system's and dmalab's own make the same code",
  ignore: clang === undefined,
  async fn() {
    const text = [
      '#include "own.h"',
      "struct pair { int a; long b; };",
      "static inline long sum(struct pair *p) { return p->a + p->b; }",
      'long f(struct pair *p) { asm volatile("" ::: "memory"); return sum(p) * SCALE; }',
      "",
    ].join("\n");
    const files = { "driver/0.c": text, "lab/own.h": "#define SCALE 3\n" };
    const args = [...TREE_ARGUMENTS, "-gdwarf-4", ...IR, "-I", "lab", "driver/0.c"];
    const assembling = [...TARGET, ...KEEP_COUNTERS, "-Xclang", "-disable-llvm-passes", "-c"];
    const made: (Uint8Array | null)[] = [];
    for (const name of [null, PACKAGED]) {
      chooseCompiler(name);
      const compiler = new TreeCompiler();
      try {
        const { module, said } = await compiler.run(args, files, "-");
        assertEquals(said, "");
        const ir = new TextDecoder().decode(module!);
        const object = await compiler.run([...assembling, "file.ll"], { "file.ll": ir }, "-");
        made.push(object.module);
      } finally {
        await compiler.close();
        chooseCompiler(null);
      }
    }
    assert(made[0] !== null);
    assertEquals(made[0], made[1]);
  },
});

/** Programs in place of a clang, and why they are not used. */
const UNFIT: readonly { readonly name: string; readonly script: string; readonly why: RegExp }[] = [
  { name: "one that does not start", script: "exit 1", why: /it does not name its version/ },
  {
    name: "one without the machine",
    script: 'case "$1" in --version) echo "clang version 14.0.6"; esac',
    why: /clang version 14\.0\.6/,
  },
  {
    name: "one that is killed",
    script: 'case "$1" in --version) echo "clang version 22.0.0";; *) kill -9 $$; esac',
    why: /clang version 22\.0\.0/,
  },
];

Deno.test({
  name: "a clang that is broken or too old is named, and dmalab's own compiles",
  ignore: Deno.build.os !== "linux",
  async fn(t) {
    for (const { name, script, why } of UNFIT) {
      await t.step(name, async () => {
        using folder = new TempFolder();
        folder.write("clang", `#!/bin/sh\n${script}\n`);
        Deno.chmodSync(folder.at("clang"), 0o755);
        chooseCompiler(folder.at("clang"));
        const lines: string[] = [];
        const compiler = new TreeCompiler(undefined, (line) => void lines.push(line));
        try {
          assertEquals(await compiler.identity(), readCompilerLock());
        } finally {
          await compiler.close();
          chooseCompiler(null);
        }
        assertEquals(lines.length, 1);
        assertMatch(lines[0]!, why);
        assert(lines[0]!.startsWith(`${folder.at("clang")} is not used, but dmalab's own`));
      });
    }
  },
});
