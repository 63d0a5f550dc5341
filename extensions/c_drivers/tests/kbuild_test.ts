/** Makefiles of modules, as the kernel's build reads them. */
import { ownFunctions } from "../tree/own_names.ts";
import { NamedSymbols } from "../tree/named_symbols.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { TreeError, type TreeFolders } from "@dmalab/runtime/kernels";
import { Kbuild, MakeFiles } from "../make/mod.ts";
import { shellAnswer } from "../make/shell_answers.ts";

/** A module's folder in memory. */
function folder(texts: Readonly<Record<string, string>>): TreeFolders {
  return {
    text: (path) => texts[path] ?? null,
    entries(at) {
      const inside = Object.keys(texts)
        .map((path) =>
          at === "" ? path : path.startsWith(`${at}/`) ? path.slice(at.length + 1) : ""
        )
        .filter((path) => path !== "");
      const names = new Map(inside.map((path) => [path.split("/")[0]!, path.includes("/")]));
      return [...names].map(([name, isFolder]) => ({ name, isFolder }));
    },
  };
}

function kbuild(
  texts: Readonly<Record<string, string>>,
  config: Readonly<Record<string, string>> = {},
): Kbuild {
  const files = new MakeFiles(folder(texts), "");
  return new Kbuild({ files, release: "6.12.90", config: (name) => config[name] ?? "" });
}

/** The modules, each with its sources, and the definitions of the first module's first source. */
function built(texts: Readonly<Record<string, string>>, config?: Readonly<Record<string, string>>) {
  const read = kbuild(texts, config);
  const modules = read.modules.map(({ name, objects }) =>
    `${name}: ${objects.map(({ source }) => source).join(" ")}`
  );
  const first = read.modules[0]?.objects[0]?.source;
  return { modules, defines: first == null ? [] : read.flagsOf(first)?.defines };
}

const SOURCES = { "a.c": "", "b.c": "", "c.c": "", "sub/d.c": "" };

/** A makefile, and what the build makes of it. */
const MODULES: readonly (readonly [
  makefile: string,
  modules: readonly string[],
  defines?: readonly string[],
])[] = [
  ["obj-m := a.o b.o\n", ["a: a.c", "b: b.c"]],
  ["obj-m += x.o\nx-objs := a.o \\\n  b.o # both\n", ["x: a.c b.c"]],
  ["obj-m += x.o\nx-y := a.o\nx-$(CONFIG_MORE) += b.o\nx-$(CONFIG_ON) += c.o\n", ["x: a.c c.c"]],
  ["obj-$(CONFIG_NEW) += a.o\n", ["a: a.c"]],
  ["CONFIG_NEW := n\nobj-$(CONFIG_NEW) += a.o\nobj-m += b.o\n", ["b: b.c"]],
  ["NAME = x\nobj-m := $(NAME).o\n$(NAME)-objs = $(SRCS:.c=.o)\nSRCS = a.c b.c\n", ["x: a.c b.c"]],
  ["obj-m := x.o\nx-objs := $(patsubst $(src)/%.c,%.o,$(wildcard $(src)/[ab].c))\n", [
    "x: a.c b.c",
  ]],
  ["obj-m := x.o\nx-y := $(addprefix sub/,d.o) $(filter-out b.o,a.o b.o)\n", ["x: sub/d.c a.c"]],
  ["ifneq ($(KERNELRELEASE),)\nobj-m := a.o\nelse\nobj-m := b.o\nendif\n", ["a: a.c"]],
  [
    "ifeq ($(KERNELRELEASE),)\nall:\n\t$(MAKE) -C /lib/modules/x/build M=$(CURDIR) DEBUG=y modules\nelse\n" +
    "obj-m := a.o\nccflags-$(DEBUG) += -DDEBUG\nendif\n",
    ["a: a.c"],
    ["DEBUG"],
  ],
  [
    "export CONFIG_X = m\nexport FLAG := -DFROM_OUTSIDE\nifneq ($(KERNELRELEASE),)\nobj-$(CONFIG_X) := a.o\n" +
    "ccflags-y := $(FLAG)\nendif\nall:\n\tmake -C $(KDIR) M=$$PWD\n",
    ["a: a.c"],
    ["FROM_OUTSIDE"],
  ],
  [
    'obj-m := a.o\nccflags-y := -DNAME=\\"x\\" -DTEXT=\'"a b"\' -Wall -UNAME2\nCFLAGS_a.o := -DOWN\nCFLAGS_b.o := -DOTHER\n',
    ["a: a.c"],
    ['NAME="x"', 'TEXT="a b"', "OWN"],
  ],
  ["EXTRA_CFLAGS += -DOLD=1\nobj-m := a.o\nifdef CONFIG_ON\nEXTRA_CFLAGS += -DON\nendif\n", [
    "a: a.c",
  ], ["OLD=1", "ON"]],
  ["obj-m := a.o\ndefine flag\n-D$(1)=$(2)\nendef\nccflags-y := $(call flag,A,2)\n", ["a: a.c"], [
    "A=2",
  ]],
  ["obj-m := a.o\nccflags-y := $(foreach n,A B,-D$(n))\n", ["a: a.c"], ["A", "B"]],
  ["obj-m := a.o\n$(eval ccflags-y := -DEVAL)\n", ["a: a.c"], ["EVAL"]],
  ["obj-m := a.o\nccflags-y := $(if $(CONFIG_ON),-DYES,-DNO) $(or ,-DOR) $(and x,-DAND)\n", [
    "a: a.c",
  ], ["YES", "OR", "AND"]],
  [
    'obj-m := a.o\nifeq ($(VERSION),6)\nifeq "$(PATCHLEVEL)" "12"\nccflags-y += -DTWELVE\nendif\nendif\n',
    ["a: a.c"],
    ["TWELVE"],
  ],
  [
    'obj-m := a.o\nV = "1 `date "+%Y"` 2"\nccflags-y := -DV=\\"x\\" -DT=`date` -DW=$(V)\n',
    ["a: a.c"],
    ['V="x"', "T=", "W=1  2"],
  ],
  ["A ?= -DA\nA ?= -DB\nobj-m := a.o\nccflags-y := $(A)\n", ["a: a.c"], ["A"]],
  ["obj-m := a.o\nX := -DEARLY\nccflags-y = $(X)\nX := -DLATE\n", ["a: a.c"], ["LATE"]],
  ["obj-m := a.o\nX := -DEARLY\nccflags-y := $(X)\nX := -DLATE\n", ["a: a.c"], ["EARLY"]],
];

Deno.test("makefiles give the objects and flags that the kernel's build takes", () => {
  for (const [makefile, modules, defines] of MODULES) {
    const made = built({ ...SOURCES, Makefile: makefile }, { CONFIG_ON: "y" });
    assertEquals(made.modules, modules, makefile);
    if (defines !== undefined) assertEquals(made.defines, defines, makefile);
  }
});

Deno.test("a Kbuild file counts before a Makefile, folders are followed, and makefiles are included", () => {
  const read = kbuild({
    ...SOURCES,
    "Makefile": "obj-m := never.o\nall:\n\t$(MAKE) -C $(KDIR) M=$(PWD) modules\n",
    "Kbuild":
      "include $(src)/flags.mk\n-include $(src)/none.mk\nobj-m := sub/ x.o\nx-objs := a.o\n",
    "flags.mk":
      "subdir-ccflags-y := -I$(src)/include -DALL\nTOP := $(dir $(lastword $(MAKEFILE_LIST)))\nccflags-y := -I$(TOP)top\n",
    "sub/Makefile": "obj-m := d.o\n",
  });
  assertEquals(read.modules.map(({ name }) => name), ["x", "d"]);
  assertEquals(read.flagsOf("a.c")?.folders, ["/module/include", "/module/top"]);
  assertEquals(read.flagsOf("sub/d.c")?.defines, ["ALL"]);
  // A source that no makefile builds has the flags of its folder.
  assertEquals(read.flagsOf("b.c")?.defines, ["ALL"]);
  assertEquals(read.missing, []);
});

Deno.test("what only a program could tell is asked, with both outcomes and the line", () => {
  const read = kbuild({
    ...SOURCES,
    Makefile:
      "obj-m := a.o\nHAVE := $(shell test -e /x && echo y)\nifeq ($(HAVE),y)\nccflags-y += -DHAVE_X\nelse\n" +
      "ccflags-y += -DNO_X\nendif\nccflags-y += -DREV=$(shell git describe)\nUNUSED := $(shell date)\n",
  });
  assertEquals(read.flagsOf("a.c")?.defines, ["NO_X", "REV="]);
  const [question] = read.questions;
  assertEquals([question?.place.line, question?.taken, question?.yes, question?.no], [
    3,
    false,
    ["ccflags-y += -DHAVE_X"],
    ["ccflags-y += -DNO_X"],
  ]);
  assertEquals(question?.depends, ["$(shell test -e /x && echo y)"]);
  assertEquals(read.questions.length, 1);
  assertEquals(read.unknown.map(({ place, what }) => [place.line, what]), [[
    8,
    "$(shell git describe)",
  ]]);
});

Deno.test("the folder and the release are known without a program", () => {
  const read = kbuild({
    ...SOURCES,
    Makefile: "KDIR := /lib/modules/$(shell uname -r)/build\nPWD := $(shell pwd)\nobj-m := a.o\n" +
      "ccflags-y := -I$(PWD)/inc -I$(KDIR)/drivers/x -DR=$(shell uname -r)\n",
  });
  assertEquals(read.flagsOf("a.c")?.folders, ["/module/inc", "/kernel/drivers/x"]);
  assertEquals(read.flagsOf("a.c")?.defines, ["R=6.12.90"]);
  assertEquals([read.questions.length, read.unknown.length], [0, 0]);
});

/** Commands that ask about files and numbers. */
const ANSWERED: readonly string[] = [
  "[ 6 -gt 4 -o \\( 6 -eq 4 -a 12 -ge 9 \\) ] && echo y",
  "[ 6 -gt 6 -o \\( 6 -eq 6 -a 12 -ge 13 \\) ] && echo y",
  "test 3 -lt 4 && echo one || echo two",
  "test 5 -lt 4 && echo one || echo two",
  "if [ -f inc/api.h ]; then echo 1; else echo 0; fi",
  "if [ -f inc/none.h ]; then echo 1; else echo 0; fi",
  "if test ! -d inc; then echo none; fi",
  "[ -d inc ] && [ ! -e inc/x ]; echo done",
  "[ a = a ] && [ 'b c' != \"b  c\" ] && echo -n same",
  "[ -n '' ] || [ -z \"\" ] && echo empty",
  "! true || echo not",
  "grep -q netif_set inc/api.h && echo y",
  "grep -q netif_get inc/api.h && echo y",
  "grep -c int inc/api.h",
  "grep -c nothing inc/api.h",
  'grep -q "^void api.*struct dim \\*end" inc/api.h > /dev/null 2>&1 && echo y',
  "grep '^int .*(void);$' inc/api.h",
  "grep -qi 'API_VERSION[[:space:]]*7' inc/api.h && echo seven || echo other",
  "grep -E 'x\\(y\\)' inc/api.h",
  "grep 'a.c*d' inc/api.h",
  "grep -F 'a.c*d' inc/api.h",
  "grep -q int inc/none.h 2>/dev/null || echo missing",
];
/** Commands that only a program can answer. */
const ASKED: readonly string[] = [
  "grep -q '\\(a\\|b\\)' inc/api.h && echo y",
  "grep -rq int inc && echo y",
  "grep int inc/api.h | wc -l",
  "cat inc/api.h",
  "echo `date`",
  "echo $HOME",
  "echo *",
  "test -e /etc/passwd && echo y",
  "[ x -gt 4 ] && echo y",
  "[ 1 -eq 1 -a ] && echo y",
  "grep -q x binary && echo y",
  "test -f /kernel/.config && echo y",
  "rm -rf /",
];

Deno.test("commands that ask about files and numbers are answered as a shell does, and no other is", () => {
  const api = "void api(int a, struct dim *end);\nint netif_set(void);\n#define API_VERSION  7\n" +
    "x(y)\nabcccd\na.c*d\n";
  const place = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${place}/inc`);
    Deno.writeTextFileSync(`${place}/inc/api.h`, api);
    const inside = folder({ "module/inc/api.h": api, "module/binary": "" });
    const files = new MakeFiles({
      entries: inside.entries,
      text: (path) => path === "module/binary" ? null : inside.text(path),
    }, "module");
    for (const command of ANSWERED) {
      const { stdout } = new Deno.Command("sh", { args: ["-c", command], cwd: place }).outputSync();
      const printed = new TextDecoder().decode(stdout).trimEnd().replaceAll("\n", " ");
      assertEquals(shellAnswer(command, files, "/module"), printed, command);
    }
    for (const command of ASKED) {
      assertEquals(shellAnswer(command, files, "/module"), null, command);
    }
  } finally {
    Deno.removeSync(place, { recursive: true });
  }
  const long = new MakeFiles(folder({ "m/a.h": `${"a".repeat(1_000_000)}b\n` }), "m");
  const startMs = performance.now();
  assertEquals(shellAnswer("grep -q aab a.h && echo y", long, "/module"), "y");
  assertEquals(
    shellAnswer(`grep -q '${"a*".repeat(500)}c*b$' a.h && echo y`, long, "/module"),
    null,
  );
  assertEquals(shellAnswer("(".repeat(3000), long, "/module"), null);
  assert(performance.now() - startMs < 20_000);
  const read = kbuild({
    ...SOURCES,
    Makefile: "obj-m := a.o\nge = $(shell [ 6 -ge $(1) ] && echo y)\nifeq ($(call ge,5),y)\n" +
      "ccflags-y += -DNEW\nelse\nccflags-y += -DOLD\nendif\n",
  });
  assertEquals([read.flagsOf("a.c")?.defines, read.questions.length], [["NEW"], 0]);
});

/** Makefiles that make refuses, or that would never end, with the error's words. */
const WRONG: readonly (readonly [makefile: string, error: string])[] = [
  ["A = $(B)\nB = $(A)\nobj-m := $(A)\n", "Makefile:2: the variable A refers to itself"],
  [
    "include $(src)/Makefile\nobj-m := a.o\n",
    "Makefile:1: more than 100 makefiles within each other",
  ],
  ["ifdef X\nobj-m := a.o\n", "Makefile:1: the condition has no endif"],
  ["obj-m := a.o\nendif\n", "Makefile:2: endif without a condition"],
  [`obj-m := a.o\n${"ifdef X\n".repeat(101)}`, "more than 100 conditions within each other"],
  [
    `A := aaaaaaaaaaaaaaaa\n${"A := $(A)$(A)\n".repeat(40)}obj-m := a.o\n`,
    "expand to more than 16 Mi characters",
  ],
  ["f = $(call f,$(1)x)\nobj-m := $(call f,a)\n", "references within each other"],
  [
    "A := x x x x x x x x\nB := $(A:x=$(A))\nC := $(B:x=$(B))\nD := $(C:x=$(C))\nE := $(D:x=$(D))\nobj-m := $(E:x=$(E))\n",
    "16 Mi",
  ],
];

Deno.test("loops of variables and of includes, and texts that double, end in a clear error", () => {
  const startMs = performance.now();
  for (const [makefile, error] of WRONG) {
    const thrown = assertThrows(() => kbuild({ ...SOURCES, Makefile: makefile }), TreeError);
    assertStringIncludes(thrown.message, error);
  }
  assert(performance.now() - startMs < 10_000);
});

Deno.test("long makefiles are read in one pass", () => {
  const startMs = performance.now();
  const lines = Array.from({ length: 50_000 }, (_, at) => `x-y += m${at}.o\n`).join("");
  const long = `${"(".repeat(100_000)}\n${"$(".repeat(50_000)}\n${"a ".repeat(100_000)}: ${
    "\\".repeat(99_999)
  }\n`;
  for (const makefile of [`obj-m := x.o\n${lines}`, `obj-m := a.o\n${long}`]) {
    try {
      kbuild({ ...SOURCES, Makefile: makefile });
    } catch (error) {
      if (!(error instanceof TreeError)) throw error;
    }
  }
  assert(performance.now() - startMs < 10_000);
});

Deno.test("folders of NOSTDINC_FLAGS come before the kernel's headers, and older makefiles name M as SUBDIRS", () => {
  const read = kbuild({
    ...SOURCES,
    Makefile: "all:\n\tmake -C $(KDIR) SUBDIRS=$(shell pwd) modules\n",
    Kbuild: "obj-m := a.o\nNOSTDINC_FLAGS += -I$(SUBDIRS)/include\nccflags-y := -I$(src)/own\n" +
      "LINUXINCLUDE := -I$(src)/compat $(LINUXINCLUDE) -I$(src)/last\n",
  });
  const { first, folders } = read.flagsOf("a.c")!;
  assertEquals(first, ["/module/include", "/module/compat"]);
  assertEquals(folders, ["/module/last", "/module/own"]);
});

Deno.test("a module's own functions are told from macros that it uses in the first column", () => {
  const text = 'static DEFINE_TABLE(ids) = {\n};\nDEFINE_OTHER(ids) = {\n};\nMODULE_X("y");\n' +
    "static int own(int a)\n{\n}\nint\nbelow(void)\n{\n}\n";
  assertEquals(ownFunctions(text), ["own", "below"]);
});

Deno.test("a file depends on the symbols of the configuration that its texts name", () => {
  const settings = "#define CONFIG_ONE 1\n#define CONFIG_TWO_MODULE 1\n#define CONFIG_ONE_MORE 8\n";
  const symbols = new NamedSymbols();
  const named = (text: string) =>
    symbols.namedIn(settings, { "a.c": text, "lab/auto.h": settings });
  assertEquals(named("#ifdef CONFIG_ONE\n#endif\n"), "#define CONFIG_ONE 1\n");
  assertEquals(named("IS_ENABLED(CONFIG_TWO)"), "#define CONFIG_TWO_MODULE 1\n");
  assertEquals(named("int one;\n"), "");
  // Which symbols these are is not known.
  assertEquals(named("#define IS(name) CONFIG_##name\n"), settings);
});
