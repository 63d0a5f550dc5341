/** Headers are parsed once for many files of a tree, but only if this does not change the result. */
import { assertEquals } from "@std/assert";
import { asFromSource, PrecompiledHeaders } from "../compiler/precompiled.ts";
import { type ClangFiles, SessionClang, type TreeClang } from "../compiler/tree_clang.ts";

const ARGS = ["-w", "-ffreestanding", "-nostdinc", "--target=wasm64", "-S", "-emit-llvm"];
const FOLDERS = ["-I", "lab", "-I", "tree/include"];

/** A tree's headers; all but `local.h` belong to a set that is precompiled. */
const HEADERS: Readonly<Record<string, string>> = {
  "lab/generated/autoconf.h": "#define CONFIG_ORDER 3\n",
  "tree/include/linux/kernel.h":
    '#pragma once\n#include <generated/autoconf.h>\n#include "types.h"\nstatic inline u32 order(void) { return CONFIG_ORDER; }\n',
  "tree/include/linux/types.h": "#pragma once\ntypedef unsigned int u32;\n",
  "tree/include/linux/spinlock.h":
    "#pragma once\n#ifndef LOCK_DEPTH\n#define LOCK_DEPTH 7\n#endif\nstatic inline int depth(void) { return LOCK_DEPTH; }\n",
  "tree/include/linux/bitmap.h": "#pragma once\nstruct bits { int words[2]; };\n",
  "tree/include/linux/local.h": "#pragma once\n#define LOCAL 5\n",
};
const FIRST = `#include <linux/kernel.h>
#include <linux/spinlock.h>
#include <linux/bitmap.h>
#include <linux/local.h>
`;

/**
 * Files that are compiled after one another. `isUsed`: whether the file uses precompiled headers.
 */
const ROWS: readonly {
  readonly name: string;
  readonly text: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly isUsed: boolean;
  /** Number of headers that are precompiled for the file. */
  readonly made?: number;
}[] = [
  { name: "the first file", text: `${FIRST}int a(void) { return depth(); }\n`, isUsed: false },
  {
    name: "the second file",
    text: `${FIRST}u32 b(void) { return order(); }\n`,
    isUsed: true,
    made: 1,
  },
  {
    name: "a file with its own macros, which no header of the set names",
    text: `#define OWN 1\n${FIRST}int c(void) { return OWN + LOCAL + depth(); }\n`,
    isUsed: true,
  },
  {
    name: "a file with a macro that changes a header of the set",
    text: `#define LOCK_DEPTH 9\n${FIRST}int d(void) { return depth(); }\n`,
    isUsed: false,
  },
  {
    name: "a file that undefines such a macro",
    text: `#undef LOCK_DEPTH\n${FIRST}int e(void) { return depth(); }\n`,
    isUsed: false,
  },
  {
    name: "a file with such a macro in a header of its own",
    text: `#include "own.h"\n${FIRST}int o(void) { return depth(); }\n`,
    files: { "tree/own.h": "#define LOCK_DEPTH 9\n" },
    isUsed: false,
  },
  {
    name: "a file with a header of its own",
    text: `#include "own.h"\n${FIRST}int p(void) { return depth() + OWN; }\n`,
    files: { "tree/own.h": "#define OWN 9\n" },
    isUsed: true,
  },
  {
    name: "a file with a macro of that name after its headers",
    text: `${FIRST}#define LOCK_DEPTH 9\nint f(void) { return LOCK_DEPTH + depth(); }\n`,
    isUsed: true,
  },
  {
    name: "a file in whose tree a header of the set has another text",
    text: `${FIRST}int g(void) { return sizeof(struct bits); }\n`,
    files: { "tree/include/linux/bitmap.h": "#pragma once\nstruct bits { int words[3]; };\n" },
    isUsed: false,
  },
  {
    name: "a file with other settings",
    text: `${FIRST}u32 h(void) { return order(); }\n`,
    files: { "lab/generated/autoconf.h": "#define CONFIG_ORDER 4\n" },
    isUsed: false,
  },
  {
    name: "the second file with other settings",
    text: `${FIRST}u32 i(void) { return 2 * order(); }\n`,
    files: { "lab/generated/autoconf.h": "#define CONFIG_ORDER 4\n" },
    isUsed: true,
    made: 1,
  },
  {
    name: "a file with a definition on the command line",
    text: `${FIRST}int j(void) { return depth(); }\n`,
    args: ["-DLOCK_DEPTH=2"],
    isUsed: false,
  },
  {
    name: "a file in another folder of headers, whose functions no other file sees",
    text: `${FIRST}int k(void) { return depth() + order(); }\n`,
    args: ["-fvisibility=hidden", "-I", "tree/other"],
    isUsed: true,
  },
  {
    name: "a file whose types the debugger sees",
    text: `${FIRST}int l(struct bits *b) { return b->words[0]; }\n`,
    args: ["-gdwarf-4"],
    isUsed: false,
  },
  {
    name: "a file of which the debugger sees the lines",
    text: `${FIRST}int m(struct bits *b) { return b->words[0] + depth(); }\n`,
    args: ["-gdwarf-4", "-gline-tables-only"],
    isUsed: false,
  },
  {
    name: "the second file of which the debugger sees the lines",
    text: `${FIRST}int n(struct bits *b) { return b->words[1] + depth(); }\n`,
    args: ["-gdwarf-4", "-gline-tables-only"],
    isUsed: true,
    made: 1,
  },
];

Deno.test("files of a tree have the same code with precompiled headers, which one file alone does not make", async (t) => {
  const session = new SessionClang();
  let made = 0;
  const clang: TreeClang = {
    precompiled: session.precompiled,
    identity: () => session.identity(),
    run(args, files, output) {
      if (args.includes("c-header")) made++;
      return session.run(args, files, output);
    },
    close: () => session.close(),
  };
  const headers = new PrecompiledHeaders();
  for (const { args: more = [], files: changed, isUsed, made: expected = 0, name, text } of ROWS) {
    await t.step(name, async () => {
      const files = { ...HEADERS, ...changed, "tree/file.c": text };
      const args = [...ARGS, ...more, ...FOLDERS, "tree/file.c"];
      made = 0;
      const used = await headers.with(clang, args, files);
      assertEquals([used !== null, made], [isUsed, expected]);
      if (used === null) return;
      const irOf = async (args: readonly string[], files: ClangFiles) => {
        const { module, said } = await clang.run(args, files, "-");
        return module === null ? said : asFromSource(new TextDecoder().decode(module));
      };
      assertEquals(await irOf(used.args, used.files), await irOf(args, files));
    });
  }
  await clang.close();
});

Deno.test("headers that do not compile are tried once, and leave the files to themselves", async () => {
  const runs: string[] = [];
  const clang: TreeClang = {
    precompiled: new PrecompiledHeaders(),
    identity: () => Promise.resolve(""),
    run(args) {
      runs.push(args.at(-1)!);
      return Promise.resolve({ module: null, said: "error: no" });
    },
    close: () => Promise.resolve(),
  };
  const files = { ...HEADERS, "tree/file.c": FIRST };
  for (let count = 0; count < 4; count++) {
    const args = [...ARGS, ...FOLDERS, "tree/file.c"];
    assertEquals(await clang.precompiled.with(clang, args, files), null);
  }
  assertEquals(runs, ["lab/headers.h"]);
});
