/**
 * Out-of-tree modules that are easily misread: each is built here as the kernel's build builds it, and the first
 * report says what stands in the way.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { dmalab, ROOT } from "@dmalab/tests";
import { TempFolder } from "@dmalab/tools";
import { readTreeHeaders } from "@dmalab/cli";
import type { TreeFolders } from "@dmalab/runtime/kernels";
import { activeText } from "../out_of_tree/active_text.ts";
import { barSizes } from "../out_of_tree/bar_kinds.ts";
import {
  changeHint,
  changeOf,
  headerHint,
  lineHint,
  replaceableNames,
  replacedIn,
} from "../out_of_tree/release_changes.ts";
import { differenceOf, errorsIn, functionAt, wrapperOf } from "../compiler/differing_types.ts";
import { DeclaredNames, declares } from "../tree/declared_names.ts";
import { oldMember, oldMembers, withOldMembers } from "../tree/old_members.ts";
import { withKeptCompiler } from "./c_together.ts";

const MINI = join(ROOT, "extensions/kernel_tree/tests/tree/mini");

/** A driver for the tree of the tests. @param probe Statements at the beginning of probe. */
function driver(probe: string, device = "0x77", before = ""): string {
  return `${before}#include <linux/module.h>
#include <linux/pci.h>
static int m_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	${probe}
	return pci_enable_device(pdev);
}
static void m_remove(struct pci_dev *pdev)
{
	pci_disable_device(pdev);
}
static const struct pci_device_id m_ids[] = { { 0x1234, ${device}, PCI_ANY_ID, PCI_ANY_ID }, { 0 } };
static struct pci_driver m_driver = { .name = "m", .id_table = m_ids, .probe = m_probe, .remove = m_remove };
static int m_init(void)
{
	return pci_register_driver(&m_driver);
}
module_init(m_init);
static void m_exit(void)
{
	pci_unregister_driver(&m_driver);
}
module_exit(m_exit);
`;
}

const PASSES = /^report \| it compiles, probes and is removed$/m;

/** Modules: their files, further words of the command, and what the report must say. */
const ROWS: Readonly<
  Record<
    string,
    {
      readonly files: Readonly<Record<string, string>>;
      readonly folder?: string;
      readonly words?: readonly string[];
      readonly wanted: readonly RegExp[];
      readonly unwanted?: RegExp;
    }
  >
> = {
  "a source of the module that does not compile is an error with its line, and nothing is run": {
    files: {
      "Makefile": "obj-m += whole.o\nwhole-objs := first.o second.o\n",
      "first.c": driver("if (second()) return -1;", "0x77", "int second(void);\n"),
      "second.c": "#include <linux/smp_lock.h>\nint second(void)\n{\n\treturn 0;\n}\n",
    },
    wanted: [/^report \| it does not compile: second\.c has 1 error$/m, /second\.c:1:10/],
    unwanted: /it compiles|returns 0/,
  },
  "the module's other sources are linked, though the driver's names are another file's, too": {
    files: {
      "Makefile": "obj-m += whole.o\nwhole-y := first.o second.o\n",
      "first.c": driver("if (second() != 7) return -1;", "0x77", "int second(void);\n"),
      "second.c": "int second(void)\n{\n\treturn 7;\n}\n",
      "old.c": "int second(void)\n{\n\treturn 8;\n}\n",
    },
    wanted: [PASSES],
  },
  "flags of a branch that is not taken are not set": {
    files: {
      "Kbuild":
        "obj-m := m.o\nifeq ($(MODE), one)\nccflags-y += -DNEVER\nelse ifeq ($(MODE), two)\n" +
        "ifneq ($(CONFIG_BOARD),)\nccflags-y += -DNEVER=1\nendif\nelse\nccflags-y += -DALWAYS=3\nendif\n",
      "m.c": driver(
        "if (ALWAYS != 3) return -1;",
        "0x77",
        '#ifdef NEVER\n#include "not-there.h"\n#endif\n',
      ),
    },
    wanted: [
      PASSES,
      /^test \| it is removed at every moment \| ok, nothing to try: no event happens while/m,
      /^test \| it is pulled out after every event \| ok, nothing to try: no event happens/m,
    ],
  },
  "the source that make builds is the one that runs, with the ids of the file that it includes": {
    files: {
      "Makefile": "obj-m := product.o\nproduct-objs := m.o\n",
      "m.c": "#include <linux/version.h>\n#if LINUX_VERSION_CODE < KERNEL_VERSION(4, 0, 0)\n" +
        '#include "a_old.c"\n#else\n#include "b_new.c"\n#endif\n',
      "a_old.c": driver("return -1;", "0x99"),
      "b_new.c": driver(""),
    },
    wanted: [/^ids \| 1234:77 \| b_new\.c:12$/m, PASSES],
  },
  "the table of ids is the one of the branch that is compiled": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("").replace(
        "static const struct pci_device_id m_ids[] =",
        "#if LINUX_VERSION_CODE < KERNEL_VERSION(4, 8, 0)\nstatic DEFINE_PCI_DEVICE_TABLE(m_ids) =\n" +
          "#else\nstatic const struct pci_device_id m_ids[] =\n#endif\n",
      ),
    },
    wanted: [/^ids \| 1234:77 \| m\.c:/m, PASSES],
  },
  "a header above the module's folder: that folder is read instead": {
    files: {
      "inc/p.h": "#define P 1\n",
      "drv/Makefile": "obj-m := m.o\n",
      "drv/m.c": driver("", "0x77", '#include "../inc/p.h"\n'),
    },
    folder: "drv",
    wanted: [
      /^again \| headers of \S*drv lie above it: \S*module is read, with --file drv\/m\.c$/m,
      PASSES,
    ],
  },
  "with that folder the header is found": {
    files: {
      "inc/p.h": "#define P 1\n",
      "drv/Makefile": "obj-m := m.o\n",
      "drv/m.c": driver("if (P != 1) return -1;", "0x77", '#include "../inc/p.h"\n'),
    },
    words: ["--file", "drv/m.c"],
    wanted: [PASSES],
  },
  "a header that the kernel has removed: what took its place": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("", "0x77", "#include <linux/smp_lock.h>\n"),
    },
    wanted: [/m\.c:1:10 .* the kernel has removed it; since 2\.6\.39: a lock of the driver's own/],
  },
  "a header that has an exact equivalent is that one, and the report names both": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("", "0x77", "#include <linux/pci-aspm.h>\n"),
    },
    wanted: [/m\.c:1 {2}linux\/pci-aspm\.h: since 5\.4: linux\/pci\.h/, PASSES],
  },
  "a part of x86's own headers is there, and the report says what it does": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver(
        "if (PAGE_SIZE < 4096) return -1;",
        "0x77",
        "#include <asm/page_types.h>\n#include <asm/segment.h>\n",
      ),
    },
    wanted: [
      /m\.c:1 {2}asm\/page_types\.h: x86 alone has it; here: asm\/page\.h/,
      /m\.c:2 {2}asm\/segment\.h: x86 alone has it; here: it defines nothing/,
      PASSES,
    ],
  },
  "a header of the tree that has moved is taken from its new place": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("", "0x77", "#include <linux/mfd/circ_buf.h>\n"),
    },
    wanted: [
      /m\.c:1:10 {2}'linux\/mfd\/circ_buf\.h' file not found; the tree has it as linux\/circ_buf\.h$/m,
      PASSES,
    ],
  },
  "the compiler's own headers are there, as they were before 5.15": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver(
        "if (not pdev or 1 not_eq 1) return -1;",
        "0x77",
        "#include <iso646.h>\n#include <stdbool.h>\n",
      ),
    },
    wanted: [/m\.c:2 {2}stdbool\.h: since 5\.15: linux\/types\.h/, PASSES],
  },
  "a macro in the first column of a variable is not a function of the module": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("").replace(
        "static const struct pci_device_id m_ids[] =",
        "DEFINE_PCI_DEVICE_TABLE(m_ids) =",
      ),
    },
    wanted: [/m\.c:\d+ {2}DEFINE_PCI_DEVICE_TABLE: since 4\.8/, PASSES],
  },
  "a name that the release has removed is filled in, only where it is missing": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("if (PCI_IRQ_LEGACY != PCI_IRQ_INTX) return -1;"),
    },
    wanted: [
      /^what 7\.2 has changed, filled in here; the module does not build with it:\n.*m\.c:5:6 {2}use of undeclared identifier 'PCI_IRQ_LEGACY'.*; since 6\.8: PCI_IRQ_INTX$/m,
      PASSES,
    ],
  },
  "a declaration that has moved to another header is found there": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("if (signal_pending(0)) return -1;"),
    },
    wanted: [
      /call to undeclared function 'signal_pending'.*; linux\/sched\/signal\.h declares it, and the source does not include it$/m,
      PASSES,
    ],
  },
  "a function with fewer arguments is called through one of the release's type": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver(
        "if (ops.run(pdev, 5, 6) != 3 || (ops.end(pdev), ended != 1)) return -1;",
        "0x77",
        "#include <linux/pci.h>\nstatic int ended;\n" +
          "static int three(struct pci_dev *pdev, unsigned char five)\n{\n\treturn five == 5 ? 3 : 0;\n}\n" +
          "static int end(struct pci_dev *pdev)\n{\n\treturn ended = 1;\n}\n" +
          "static struct {\n\tlong (*run)(struct pci_dev *pdev, int five, int six);\n" +
          "\tvoid (*end)(struct pci_dev *pdev);\n} ops = { .run = three };\n",
      ).replace("\tif (ops", "\tops.end = end;\n\tif (ops"),
    },
    wanted: [
      /m\.c:14:18 {2}incompatible function pointer types .*; a function between them has the release's type$/m,
      /m\.c:19:10 {2}incompatible function pointer types assigning/,
      PASSES,
    ],
  },
  "another module of the folder is filled in, too": {
    files: {
      "Makefile": "obj-m := m.o core.o\n",
      "m.c": driver(
        "if (core_value() != PCI_IRQ_INTX) return -1;",
        "0x77",
        "int core_value(void);\n",
      ),
      "core.c": "#include <linux/module.h>\n#include <linux/pci.h>\n" +
        "int core_value(void)\n{\n\treturn PCI_IRQ_LEGACY;\n}\nEXPORT_SYMBOL(core_value);\n" +
        "static int core_init(void)\n{\n\treturn 0;\n}\nmodule_init(core_init);\n",
    },
    wanted: [PASSES, /core\.c starts first: the driver needs it/],
  },
  "a module's source is compiled as a module, or not at all": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("", "0x77", "#ifdef MODULE\n#error no module\n#endif\n"),
    },
    wanted: [/^report \| it does not compile: m\.c has 1 error$/m, /m\.c:2:2 {2}no module$/m],
  },
  "what nothing fills in is an error, and the rest is listed beside it": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("if (PCI_IRQ_LEGACY == unknown_name) return -1;"),
    },
    wanted: [
      /^report \| it does not compile: m\.c has 1 error\n\nwhat is missing[^\n]*\n.*unknown_name/m,
      /^what 7\.2 has changed, filled in here.*\n.*PCI_IRQ_LEGACY/m,
    ],
  },
  "a BAR has the size with which probe compares": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver(
        "if (pci_resource_len(pdev, 0) != 1024 || pci_resource_len(pdev, 1) != LEN) return -1;",
        "0x77",
        "#define LEN (2 * SZ_4K)\n#define SZ_4K 0x1000\n",
      ),
    },
    wanted: [
      /^BAR 0 \| 1KiB \| compared at m\.c:7$/m,
      /^BAR 1 \| 8KiB \| compared at m\.c:7$/m,
      PASSES,
    ],
  },
  "a function whose type the release has changed is a warning, and the driver runs": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver(
        "if (ops.run(pdev) != 3) return -1;",
        "0x77",
        "#include <linux/pci.h>\nstatic int three(struct pci_dev *pdev)\n{\n\treturn 3;\n}\n" +
          "static struct {\n\tint (*run)(const struct pci_dev *pdev);\n} ops = { .run = three };\n",
      ),
    },
    wanted: [
      /^what 7\.2 has changed, filled in here; the module does not build with it:\n.*m\.c:8:18 {2}incompatible function/m,
      PASSES,
    ],
  },
  "PCI's own names of dma_sync are replaced, and the report lists them": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver(
        "if (!pdev) pci_dma_sync_single_for_cpu(pdev, 0, 4, PCI_DMA_FROMDEVICE);",
        "0x77",
        "#include <linux/dma-mapping.h>\n",
      ),
    },
    wanted: [
      /m\.c:6 {2}pci_dma_sync_single_for_cpu: since 5\.18: dma_sync_single_for_cpu\(\)/,
      PASSES,
    ],
  },
  "a driver in which nothing can fail has nothing to try, and no failure": {
    files: {
      "Makefile": "obj-m := m.o\n",
      "m.c": driver("").replace("return pci_enable_device(pdev)", "return 0").replace(
        "pci_disable_device(pdev);",
        "",
      ),
    },
    wanted: [PASSES, /remove fails once \| ok, nothing to try: no call in it can fail$/m],
  },
  "a condition that a program decides is named with both outcomes": {
    files: {
      "Makefile":
        "obj-m := m.o\nifeq ($(shell grep -c x /etc/y),1)\nccflags-y += -DHAVE_X\nendif\n",
      "m.c": driver(""),
    },
    wanted: [
      /Makefile:2 {2}ifeq .*: depends on \$\(shell grep -c x \/etc\/y\); taken: nothing; else: ccflags-y \+= -DHAVE_X/,
      PASSES,
    ],
  },
};

async function checkRow(name: string): Promise<void> {
  const { files, folder = ".", unwanted, wanted, words = [] } = ROWS[name]!;
  using place = new TempFolder(
    Object.fromEntries(Object.entries(files).map(([path, text]) => [`module/${path}`, text])),
  );
  const module = join(place.at("module"), folder);
  const { errors, output } = await dmalab(
    ...["init", place.at("out"), "--driver", module, "--kernel", MINI, ...words],
  );
  for (const pattern of wanted) assertMatch(output, pattern, errors);
  if (unwanted !== undefined) assertEquals(unwanted.exec(output), null, output);
}

Deno.test("modules are read as make reads them", (t) =>
  withKeptCompiler(
    t,
    Object.fromEntries(Object.keys(ROWS).map((name) => [name, () => checkRow(name)])),
  ));

/** The files of a folder, by their paths from it. */
function filesBelow(folder: string, inside = ""): Record<string, string> {
  return Object.fromEntries(
    [...Deno.readDirSync(join(folder, inside))].flatMap(({ isDirectory, name }) => {
      const path = join(inside, name);
      return isDirectory
        ? Object.entries(filesBelow(folder, path))
        : [[path, Deno.readTextFileSync(join(folder, path))]];
    }),
  );
}

Deno.test("a folder of a kernel tree is a driver of that tree", async () => {
  const tree = Object.entries(filesBelow(MINI)).map(([path, text]) => [`tree/${path}`, text]);
  using place = new TempFolder({
    ...Object.fromEntries(tree),
    // No makefile of the driver's folder builds a module, and a header lies in another folder.
    "tree/drivers/Makefile": "obj-$(CONFIG_TOY) += made/m.o\n",
    "tree/drivers/toy_ids.h": "#define TOY_DEVICE 0x78\n",
    "tree/drivers/made/m.c": driver(
      "if (TOY_DEVICE != 0x78) return -1;",
      "TOY_DEVICE",
      '#include "../toy_ids.h"\n',
    ),
  });
  const { errors, output } = await dmalab(
    ...["init", place.at("out"), "--driver", place.at("tree/drivers/made")],
  );
  assertMatch(output, /^make \| a driver of the tree: CONFIG_TOY$/m, errors);
  assertMatch(output, /^ids \| 1234:78 \| m\.c:13$/m);
  assertMatch(output, PASSES);
  assertMatch(
    Deno.readTextFileSync(place.at("out/driver.dma")),
    /^driver d = c "drivers\/made\/m\.c" \{ tree = "\.\.\/tree", stubs = "fill" \}$/m,
  );
  // Beside another tree the folder is one of a module, and has no makefile.
  const other = await dmalab(
    ...["init", place.at("other"), "--driver", place.at("tree/drivers/made"), "--kernel", MINI],
  );
  assertMatch(other.errors, /is no folder of a kernel module/);
});

Deno.test("the preprocessor's conditions on versions, definitions and the configuration are decided", () => {
  const macros = new Map([["LINUX_VERSION_CODE", 6 * 65_536 + 12 * 256], ["A", 1]]);
  const rows: readonly (readonly [condition: string, holds: boolean])[] = [
    ["if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)", true],
    ["if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)", false],
    ["if defined(A) && !defined B", true],
    ["ifdef B", false],
    ["ifndef B", true],
    ["if (A + 1) * 2 == 4 ? 1 : 0", true],
    ["if UNKNOWN", false],
    ["if 0x10 >> 4 /* one */", true],
    ["if defined(RHEL) && (RHEL_CODE >= RHEL_VERSION(8, 1))", false],
    [`if ${"(".repeat(1000)}`, false],
    [`if ${"!".repeat(5000)}1`, false],
  ];
  for (const [condition, holds] of rows) {
    const text = `#${condition}\nyes\n#else\nno\n#endif\n`;
    const active = activeText(text, macros);
    assertEquals(active.length, text.length);
    assertEquals(
      active.split("\n").map((line) => line.trim()).join(""),
      holds ? "yes" : "no",
      condition,
    );
  }
  const chain = "#define C 2\n#if C == 1\na\n#elif C == 2 && \\\n  A\nb\n#else\nc\n#endif\n";
  assertMatch(activeText(chain, macros), /^#define C 2\s+b\s+$/);
});

Deno.test("sizes of BARs are those that a driver's comparisons accept", () => {
  const rows: readonly (readonly [text: string, sizes: (readonly [number, number])[]])[] = [
    ["if (pci_resource_len(pdev, 0) != 0x400) return -1;", [[0, 1024]]],
    ["if (4096 != pci_resource_len(pdev, 1)) return -1;", [[1, 4096]]],
    ["len = pci_resource_len(dev, 2);\nif (len < BIG) return -1;", [[2, 2 ** 24]]],
    ["if (pci_resource_len(dev, 2) < 0x1000) return -1;", []],
    ["if (pci_resource_len(dev, 3) > 0x8000UL) return -1;", [[3, 0x8000]]],
    ["if (pci_resource_len(dev, 3) != 1000) return -1;", []],
    ["if (pci_resource_len(dev, bar) != 1024) return -1;", []],
  ];
  for (const [text, sizes] of rows) {
    const found = barSizes([["d.c", text]], new Map([["BIG", 0xff_ffff]]));
    assertEquals(
      [...found].map(([bar, { sizeBytes }]) => [bar, sizeBytes] as const),
      sizes,
      text,
    );
  }
});

/** Types of function pointers: the release's, the driver's, whether both are called alike, and a wrapper's call. */
const TYPES: readonly (readonly [
  wanted: string,
  given: string,
  isSameCall: boolean,
  call: string | null,
])[] = [
  [
    "char *(*)(const struct device *, umode_t *)",
    "char *(struct device *, umode_t *)",
    true,
    "f((void *)a0, (void *)a1)",
  ],
  ["void (*)(struct tty_port *, bool)", "void (struct tty_port *, int)", true, "f((void *)a0, a1)"],
  [
    "void (*)(struct net_device *, unsigned int)",
    "void (struct net_device *)",
    false,
    "f((void *)a0)",
  ],
  ["void (*)(struct pci_dev *)", "int (struct pci_dev *)", false, "f((void *)a0)"],
  ["int (*)(struct pci_dev *)", "void (struct pci_dev *)", false, null],
  ["long (*)(unsigned long)", "int (unsigned long)", false, "f(a0)"],
  ["int (*)(struct a)", "int (struct a)", false, null],
  ["int (*)(struct a *)", "int (struct a *, int)", false, null],
  ["void (*)(struct timer_list *)", "void (unsigned long)", false, null],
  [
    "irqreturn_t (*)(int, void *)",
    "irqreturn_t (int, void *, struct pt_regs *)",
    false,
    "f(a0, (void *)a1, (void *)0)",
  ],
  [
    "vm_fault_t (*)(struct vm_fault *) aka unsigned int (*)(struct vm_fault *)",
    "int (struct vm_area_struct *, struct vm_fault *)",
    false,
    "f(a0->vma, a0)",
  ],
];

Deno.test("function pointers of other types are called as the older release called them, or refused", () => {
  for (const [written, given, isSameCall, call] of TYPES) {
    const [type, aka] = written.split(" aka ");
    const wanted = aka === undefined ? `'${type}'` : `'${type}' (aka '${aka}')`;
    for (
      const text of [
        `assigning to ${wanted} from '${given}'`,
        `initializing ${wanted} with an expression of type '${given}'`,
        `passing '${given}' to parameter of type ${wanted}`,
      ]
    ) {
      const said = `tree/module/d.c:3:4: error: incompatible function pointer types ${text}\n`;
      const [error] = errorsIn(`${said}1 error generated.\n`);
      const difference = differenceOf(error!);
      assertEquals(difference?.isSameCall, isSameCall, text);
      const made = wrapperOf(difference!, "f", "w")?.definition;
      assertEquals(/\{ (?:return )?(.*); \}$/.exec(made ?? "")?.[1] ?? null, call, text);
    }
  }
  assertEquals(errorsIn("d.c:5:1: error: expected ';'\n").map(differenceOf), [null]);
  const columns = [["\tx = name;", 4], ["\tx(&name, 1);", 4], ["\tx = other(1);", 4]] as const;
  assertEquals(columns.map(([line, column]) => functionAt(line, column)), ["name", "name", null]);
});

Deno.test("a header gets a removed member back, only where a module needs it", () => {
  const samples: Readonly<Record<string, readonly [before: string, after: string]>> = {
    "net_device.dev_addr": ["\tconst unsigned char\t*dev_addr;", "\tunsigned char\t*dev_addr;"],
    "class.owner": [
      "struct class {\n\tint a;\n};",
      "struct class {\n\tint a;\nstruct module *owner; };",
    ],
    "skb_frag.size": [
      "typedef struct skb_frag {\n\tunsigned int len;\n} skb_frag_t;",
      "typedef struct skb_frag {\n\tunion { unsigned int len; unsigned int size; };\n} skb_frag_t;",
    ],
  };
  const paths = ["device/class.h", "netdevice.h", "skbuff.h"].map((each) =>
    `include/linux/${each}`
  );
  for (const [name, [before, after]] of Object.entries(samples)) {
    const changed = (names: readonly string[]) =>
      new Set(paths.map((path) => withOldMembers(path, before, new Set(names))));
    assert(oldMembers().includes(name) && oldMember(name) !== null, name);
    assertEquals(changed([]), new Set([before]));
    assertEquals(changed([name]), new Set([before, after]));
  }
  assertEquals(oldMember("net_device.nothing"), null);
});

Deno.test("a header declares functions, macros, types and constants, and uses declare nothing", () => {
  const rows: readonly (readonly [text: string, name: string, isDeclared: boolean])[] = [
    ["int a(void);", "a", true],
    ["static inline struct x *\na(int b)\n{", "a", true],
    ["#define a(b) b", "a", true],
    ["#  define a", "a", true],
    ["typedef unsigned int a;", "a", true],
    ["struct a {\n", "struct a", true],
    ["struct a *b;", "struct a", false],
    ["extern int a[];", "a", true],
    ["enum {\n\tA,\n", "A", true],
    ["\treturn a(b);", "a", false],
    ["int other(void) { return a(b); }", "a", false],
    ["int ab(void);", "a", false],
    ["/* a(b) */", "a", false],
  ];
  for (const [text, name, isDeclared] of rows) {
    assertEquals(declares(text, name), isDeclared, text);
  }
  const long = "a ".repeat(200_000);
  assertEquals(declares(long, "a"), false);
});

/** A tree in memory: headers by their paths. */
function treeOf(texts: Readonly<Record<string, string>>): TreeFolders {
  return {
    text: (path) => texts[path] ?? null,
    entries(folder) {
      const names = Object.keys(texts).filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1).split("/"));
      return [...new Map(names.map(([name, ...rest]) => [name!, rest.length > 0]))]
        .map(([name, isFolder]) => ({ name, isFolder }));
    },
  };
}

Deno.test("the header of a name is the kernel's before an architecture's, and a moved header has one new place", () => {
  const declared = new DeclaredNames(treeOf({
    "include/linux/dma.h": "",
    "include/linux/sched/signal.h": "int pending(void);\n",
    "include/linux/deep/one.h": "int pending(void);\nint one(void);\n",
    "include/asm-generic/dma.h": "int ask(void);\n",
    "include/asm-generic/only.h": "int only(void);\n",
    "include/linux/moved.h": "",
    "include/net/twice.h": "",
    "include/linux/twice.h": "",
    "include/uapi/linux/twice2.h": "",
  }));
  assertEquals(
    ["pending", "one", "ask", "only", "none"].map((name) => declared.headerOf(name)),
    [
      "include/linux/sched/signal.h",
      "include/linux/deep/one.h",
      "include/linux/dma.h",
      "include/asm-generic/only.h",
      null,
    ],
  );
  assertEquals(
    ["linux/mfd/moved.h", "own/moved.h", "media/twice.h", "linux/none.h", "net/twice2.h"]
      .map((name) => declared.movedTo(name)),
    ["linux/moved.h", null, null, null, null],
  );
});

Deno.test("every name of older.h has a row, and each section defines its name", () => {
  const older = readTreeHeaders()["dmalab/older.h"]!;
  const sections = [...older.matchAll(/^#if.*\bDMALAB_OLD_(\w+).*\n([^]*?)^#endif$/gm)];
  assert(sections.length > 100, String(sections.length));
  for (const [, name, body] of sections) {
    assertMatch(body!, new RegExp(`^#define ${name}\\b`, "m"));
    assert(changeOf(name!, "9.0") !== null, name);
  }
});

Deno.test("what releases removed is named with what took its place, from its release on", () => {
  assertEquals(headerHint("media/videobuf-core.h", "5.17"), null);
  assertEquals(
    headerHint("media/videobuf-core.h", "6.6"),
    "the kernel has removed it; since 6.3: media/videobuf2-v4l2.h",
  );
  const hint = changeHint("call to undeclared function 'setup_timer'; ISO C99", "6.12");
  assertEquals(hint, "since 4.15: timer_setup()");
  assertEquals(
    changeHint("no member named 'state' in 'struct task_struct'", "6.12"),
    "since 5.14: __state, set by set_current_state()",
  );
  assertEquals(changeHint("call to undeclared function 'own_name'", "6.12"), null);
  assertEquals(
    lineHint("\terror = proc_create(name, 0, NULL, &fops);", "6.12"),
    "since 5.6: struct proc_ops instead of struct file_operations",
  );
  assertEquals(lineHint("\t.ndo_tx_timeout = hang,", "5.4"), null);
});

Deno.test("every name that compat.h replaces has a row with its release, and a module's own macro does not count", () => {
  const compat = activeText(
    readTreeHeaders()["dmalab/compat.h"]!,
    new Map([["LINUX_VERSION_CODE", 9 * 65_536], ["access_ok", 1]]),
  );
  const names = replaceableNames(compat);
  assert(names.length > 60, String(names.length));
  assertEquals(names.filter((name) => changeOf(name, "9.0") === null), []);
  const texts = [[
    "d.c",
    "#define kzfree own\nkzfree(a);\nstrlcpy(a, b, 3);\nif (vma->vm_flags & 1) a();\n" +
    "static u32 prandom_u32(void)\n{\n}\n\tprandom_u32();\nMODULE_SUPPORTED_DEVICE (1);\n",
  ]] as const;
  assertEquals(replacedIn(texts, compat, "9.0").map(({ name }) => name), [
    "strlcpy",
    "MODULE_SUPPORTED_DEVICE",
  ]);
});

Deno.test("a condition of the preprocessor without a known value counts as false, and ends nothing", () => {
  const nested = `${"(".repeat(60)}1${")".repeat(60)}`;
  for (const condition of [`${"9".repeat(400)} & 1`, `${nested} | 1`, "1 ^"]) {
    const text = activeText(`#if ${condition}\nint a;\n#else\nint b;\n#endif\n`, new Map());
    assertEquals(text.trim(), "int b;", condition.slice(0, 20));
  }
  assertEquals(
    activeText("#if (6 & 3) == 2 && (6 | 1) == 7\nint a;\n#endif\n", new Map()).trim(),
    "int a;",
  );
});
