/**
 * Files of other architectures, and files that include other files, in a small tree with its own
 * architectures.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HostTree } from "@dmalab/cli";
import { runProgram } from "@dmalab/lang/program";
import { firstError, loadPatched, SessionClang, TreeBuild } from "@dmalab/c_drivers";
import { Architectures, readKconfig, withoutAssembler } from "@dmalab/c_drivers/tree";
import { filesBelow } from "@dmalab/tests";
import { TreeError, type TreeFolders } from "@dmalab/runtime/kernels";

const MINI = "extensions/kernel_tree/tests/tree/mini";
const PROBE = `#include <linux/module.h>
#include <asm/bridge.h>
#include <board.h>
int wired(void)
{
	return bridge_read(BOARD_BASE);
}
`;
const TEXTS: Readonly<Record<string, string>> = {
  "drivers/toy/Makefile": [
    "obj-$(CONFIG_TOY) += toy.o card.o",
    "obj-$(CONFIG_WIRED) += wired.o typo.o",
    "obj-$(CONFIG_TOY) += whole.o",
    "ccflags-y += -DTOY_BYTES=2048",
    "",
  ].join("\n"),
  "drivers/Kconfig": `config TOY
	tristate "A device that exists in tests only"
	depends on PCI

config WIRED
	tristate "A device that one architecture has"
	depends on BRIDGE || COMPILE_TEST
	depends on PCI

config CLOCKED
	bool
`,
  // Both architectures select `BUG`. The second one also declares `BRIDGE`, on which `WIRED`
  // depends.
  "arch/axe/Kconfig": "config AXE\n\tdef_bool y\n\tselect BUG\n",
  "arch/oak/Kconfig": `config OAK
	def_bool y
	select BUG
	select HAS_DMA
	select SWIOTLB

config OAK64
	bool "64 bits"

config OAK32
	bool
	default y if !OAK64

config BRIDGE
	bool
	depends on GROUND

config GROUND
	bool

config BOARD
	bool "A board"
	select BRIDGE
	select CLOCKED
	select HAVE_WINGS

config OTHER_BOARD
	bool "Another board"

config HAVE_WINGS
	bool
`,
  "arch/oak/Makefile": `KBUILD_CPPFLAGS += -I $(srctree)/arch/oak/all
machdirs-$(CONFIG_BOARD) += arch/oak/mach-board
machdirs-$(CONFIG_OTHER_BOARD) += arch/oak/mach-other
`,
  "arch/oak/boards/Platform":
    "cflags-$(CONFIG_BOARD) += \\\n\t-I$(srctree)/arch/oak/include/asm/board\ncflags-$(CONFIG_OAK64) += -I$(srctree)/arch/oak/wide\n",
  "arch/oak/include/asm/bridge.h": `static inline int bridge_read(unsigned long at)
{
	int value;

	asm volatile("ldbridge %0, 0(%1)" : "=d" (value) : "b" (at));
	return value;
}
`,
  // The lab has its own versions of these two headers.
  "arch/oak/include/asm/atomic.h": "#error atomic.h\n",
  "arch/oak/include/asm/page.h": "#error page.h\n",
  "arch/oak/include/asm/board/board.h":
    "#if !defined(CONFIG_OAK32) || defined(CONFIG_OTHER_BOARD)\n#error board.h\n#endif\n#define BOARD_BASE 0x1000\n",
  "drivers/toy/wired.c": PROBE,
  "drivers/toy/typo.c": `${PROBE}int wrong(void) { return no_such_name; }\n`,
  "drivers/toy/part.c": "int part(void) { return PART; }\n",
  "drivers/toy/whole.c": '#define PART 1\n#include "part.c"\n',
  "drivers/toy/loop.c": '#include "loop.c"\nint loop = ;\n',
};

/** The small tree with additional files. */
function tree(): TreeFolders {
  const host = new HostTree(MINI);
  const within = (folder: string) =>
    Object.keys(TEXTS).filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1).split("/"));
  return {
    text: (path) => TEXTS[path] ?? host.text(path),
    entries: (folder) => {
      const added = within(folder).map(([name, ...below]) =>
        [name!, { name: name!, isFolder: below.length > 0 }] as const
      );
      return [...new Map(added).values()];
    },
  };
}

Deno.test("an architecture is that which declares what a file needs, with its machine's folders", () => {
  const files = tree();
  const known = new Architectures(files).declaring(
    ["BRIDGE", "AXE", "GROUND"],
    readKconfig(files),
  );
  assertEquals(known.map(({ name }) => name), ["oak", "axe"]);
  const [{ folders, symbols }] = known as [typeof known[0]];
  assertEquals(symbols.toSorted(), ["BOARD", "BRIDGE", "CLOCKED", "GROUND", "OAK", "OAK32"]);
  assertEquals(folders, [
    "arch/oak/include",
    "arch/oak/include/uapi",
    "arch/oak/include/asm/board",
    "arch/oak/all",
    "arch/oak/mach-board/include",
  ]);
  assertEquals(new Architectures(files).declaring([], readKconfig(files)), []);
  const many = Array.from({ length: 101 }, (_, at) => ({ name: `a${at}`, isFolder: true }));
  const large = new Architectures({ ...files, entries: () => many });
  const refused = "The tree's arch has more than 100 folders";
  assertThrows(() => large.declaring(["A"], readKconfig(files)), TreeError, refused);
});

Deno.test("a file compiles for the architecture that has its headers, or within what includes it", async () => {
  const clang = new SessionClang();
  try {
    const build = new TreeBuild(tree(), clang);
    const cases = [
      ["toy", "compiled"],
      ["wired", "for oak"],
      ["part", "within drivers/toy/whole.c"],
      ["typo", "use of undeclared identifier 'no_such_name'"],
      ["loop", "nested too deeply"],
    ] as const;
    for (const [name, expected] of cases) {
      const { how = "compiled", module, said } = await build.file(`drivers/toy/${name}.c`, ["-c"]);
      const result = module === null ? firstError(said) : how;
      assert(result.includes(expected), `${name}: ${result}`);
      if (name !== "wired") continue;
      const text = new TextDecoder("latin1").decode(module!);
      assert(text.includes("inline_assembler"), "assembler became nothing");
    }
    // If a file compiles for the lab's machine, it is compiled in the same way as in a tree without
    // another architecture.
    const settings = build.settings(["drivers/toy/toy.c"]);
    const { args } = await build.unit("drivers/toy/toy.c", settings);
    assertEquals(args.some((arg) => arg.includes("arch/")), false);
    assertEquals(settings.values.has("OAK"), false);
  } finally {
    await clang.close();
  }
});

Deno.test("a driver of another architecture runs in a scenario, up to its assembler", async () => {
  using folder = new TempFolder();
  for (const path of filesBelow(MINI)) {
    folder.write(`tree/${path.slice(MINI.length + 1)}`, Deno.readTextFileSync(path));
  }
  for (const [path, text] of Object.entries(TEXTS)) folder.write(`tree/${path}`, text);
  const scenario = `machine { kernel = "7.2.12" }
driver d = c "drivers/toy/wired.c" { tree = "tree" }
test "it reads by assembler" { d.wired() }
`;
  const [loaded] = await loadPatched(folder.write("a.dma", scenario), [null]);
  assertEquals(loaded!.diagnostics.map(({ hint, message }) => `${message} ${hint}`), []);
  const lines: string[] = [];
  const { outcomes } = runProgram(loaded!.program!, { onLine: (line) => void lines.push(line) });
  assertEquals(lines.map((line) => line.replace(folder.path, "")), [
    "info: /tree/drivers/toy/wired.c is compiled for oak, and runs on the lab's machine: 64 bits, little-endian",
  ]);
  assertEquals(outcomes.map(({ failure }) => failure?.message.replace(folder.path, "")), [
    "Unexpected EFAULT: calls inline_assembler(), which the lab does not have " +
    "(in wired() at /tree/drivers/toy/wired.c:6:9)",
  ]);
});

Deno.test("assembler becomes a call that nothing defines, and lines keep their numbers", () => {
  const call = "({ extern void inline_assembler(void); inline_assembler(); })";
  const cases = [
    ['\tasm volatile("a (%0) \\" )" : "=r" (x) : "r" (f(y)));', `\t${call};`],
    ['\t__asm__ goto("b %l0" : : : : out);', `\t${call};`],
    ['#define A(vol) \\\nasm vol(\\\n"c" \\\n)\n', `#define A(vol) \\\n${call}\\\n\\\n\n`],
    ['\telse asm("nop");', `\telse ${call};`],
    ['\tregister long r3 asm("r3") = 1;', "\tregister long r3  = 1;"],
    ['register long sp asm("r1");', "extern long sp ;"],
    ['int f(void);\nasm(".globl f");\n', "int f(void);\n;\n"],
    ['\tasm volatile("" : : : "memory");', null],
    ['/* asm (" */ f("asm(x)"); // asm(', null],
    ["int asm_size(void), x = basm(1);", null],
    ['\tasm("never closed"', null],
  ] as const;
  for (const [written, expected] of cases) {
    assertEquals(withoutAssembler(written), expected ?? written);
  }
  const startMs = performance.now();
  for (const each of ["asm(", "asm ", "/*", '\\"', '"', "asm \\\n", "a "]) {
    withoutAssembler(`asm ${each.repeat(1_000_000)}`);
  }
  assert(performance.now() - startMs < 5000, "a text of a stranger takes too long");
});
