/** `dmalab init --driver`: what is read from a module's folder, and what is written. */
import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "node:path";
import { TreeError, type TreeFolders } from "@dmalab/runtime/kernels";
import { HostTree, ModuleFolder } from "@dmalab/cli";
import type { Screen } from "@dmalab/cli/extend";
import { dmalab, ROOT } from "@dmalab/tests";
import { TempFolder } from "@dmalab/tools";
import { withKeptCompiler } from "./c_together.ts";
import { readModule } from "../out_of_tree/module_facts.ts";
import { makerOf } from "../out_of_tree/generated_headers.ts";
import { initDriver } from "../out_of_tree/init_driver.ts";
import { scenarioText, testResult, USE_TEST } from "../out_of_tree/module_scenario.ts";
import { isOpened, useOf } from "../out_of_tree/driver_use.ts";
import type { TestOutcome } from "@dmalab/lang/run";
import { searchedSource } from "./searched_drivers.ts";

/** A folder in memory. */
function folder(texts: Readonly<Record<string, string>>): TreeFolders {
  return {
    text: (path) => texts[path] ?? null,
    entries(at) {
      const inside = Object.keys(texts).map((path) =>
        at === "" ? path : path.startsWith(`${at}/`) ? path.slice(at.length + 1) : ""
      )
        .filter((path) => path !== "");
      const names = new Map(inside.map((path) => [path.split("/")[0]!, path.includes("/")]));
      return [...names].map(([name, isFolder]) => ({ name, isFolder })).toSorted((a, b) =>
        a.name < b.name ? -1 : 1
      );
    },
  };
}

const DRIVER = "module_pci_driver(d);\n";

/** Tables of ids as drivers write them, each with the vendor and the device of its first entry. */
const TABLES: readonly (readonly [table: string, vendor: number, device: number])[] = [
  [
    "static const struct pci_device_id t[] = {\n\t{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x10ef, 0x101e) },\n\t{ 0 }\n};",
    0x10ef,
    0x101e,
  ],
  [
    "static const struct pci_device_id t[] = {\n\t{ PCI_DEVICE(0x10ee, 0x7024) },\n\t{ 0 }\n};",
    0x10ee,
    0x7024,
  ],
  [
    "#define V 0x1172\n#define D 4\nstatic struct pci_device_id t[] = { { PCI_DEVICE(V, D) }, { } };",
    0x1172,
    4,
  ],
  [
    "static const struct pci_device_id t[] = { { PCI_VDEVICE(XILINX, 0x9038) }, {} };",
    0x10ee,
    0x9038,
  ],
  [
    "static struct pci_device_id t[] __devinitdata = { { 0xd161, 0x0205, PCI_ANY_ID, PCI_ANY_ID, 0, 0 }, { 0 } };",
    0xd161,
    0x205,
  ],
  [
    "const struct pci_device_id t[] = { { .vendor = 0x1d0f, .device = 0xefa0 }, {} };",
    0x1d0f,
    0xefa0,
  ],
  [
    "static const struct pci_device_id t[] = { { PCI_DEVICE_SUB(0x8086, 0x10fb, 1, 2) }, {} };",
    0x8086,
    0x10fb,
  ],
  [
    "#define V 0x1337\nstatic struct pci_device_id t[] = { { V, PCI_ANY_ID, PCI_ANY_ID, PCI_ANY_ID, 0, 0, 0 }, { 0 } };",
    0x1337,
    1,
  ],
  [
    "#define PCI_DEVICE_ID_XILINX_DMA 0x7024\nstatic const struct pci_device_id t[] = { { PCI_DEVICE_DATA(XILINX, DMA, &info) }, {} };",
    0x10ee,
    0x7024,
  ],
  [
    "static const struct pci_device_id t[] = { { PCI_DEVICE(PCI_VENDOR_ID_XILINX, 0x9038) }, {} };",
    0x10ee,
    0x9038,
  ],
  [
    "static const struct pci_device_id t[] = { { PCI_VDEVICE(NOBODY, 1) }, { PCI_VDEVICE(XILINX, 2) }, {} };",
    0x10ee,
    2,
  ],
  [
    "struct pci_device_id one = {\n\t.vendor = 0x10ee,\n\t.device = 0x7011,\n};",
    0x10ee,
    0x7011,
  ],
  [
    "static const struct pci_device_id t[] =   // a table\n{\t/* one */\n\t{ PCI_DEVICE(0x10ee, 9) }, { } };",
    0x10ee,
    9,
  ],
  [
    "static struct pci_device_id t[] = { { vendor : 0x559, device : 0x4006, class : 0 }, { 0 } };",
    0x559,
    0x4006,
  ],
];

Deno.test("the ids are those of the table that the driver registers, not of one that it compares with", () => {
  const table = (name: string, device: string) =>
    `static const struct pci_device_id ${name}[] = { { PCI_DEVICE(0x1234, ${device}) }, { } };\n`;
  const tables = table("skipped", "0x11") + table("known", "0x22") + table("spare", "0x33");
  for (const named of [".id_table = known,", "MODULE_DEVICE_TABLE(pci, known);"]) {
    const text = `${tables}${named}\nmodule_pci_driver(m);\n`;
    assertEquals(readModule(folder({ "m.c": text })).ids?.device, 0x22, named);
  }
});

Deno.test("the first entry of a table of ids is read, whatever macro it is written with", () => {
  for (const [table, vendor, device] of TABLES) {
    const { ids } = readModule(
      folder({ "d.c": `${table}\n${DRIVER}` }),
      { pciIds: "#define PCI_VENDOR_ID_XILINX 0x10ee\n" },
    );
    assertEquals([ids?.vendor, ids?.device], [vendor, device], table);
  }
});

Deno.test("the source that a makefile builds counts before others, and these are listed", () => {
  const facts = readModule(
    folder({
      "a.c": DRIVER,
      "b/core.c": DRIVER,
      "Makefile": "obj-m += card.o\ncard-objs := b/core.o\n",
    }),
  );
  assertEquals([facts.main, facts.others], ["b/core.c", ["a.c"]]);
});

Deno.test("generated headers of a makefile and assembler are named with their lines", () => {
  const { assembler, headerRules } = readModule(
    folder({
      "d.c": `int f(void)\n{\n\tasm volatile("nop");\n\treturn 0;\n}\n${DRIVER}`,
      "Makefile":
        "obj-m += d.o\n$(obj)/d.o: $(obj)/version.h\n\techo 1 > build.h\n\techo 2 > x.c\n",
    }),
  );
  assertEquals(headerRules.map(({ line }) => line), [2, 3]);
  assertEquals(assembler.map(({ line, path }) => `${path}:${line}`), ["d.c:3"]);
});

Deno.test("the template of a header, and the program that fills it in, are named", () => {
  const rows:
    readonly (readonly [files: readonly string[], header: string, maker: string | null])[] = [
      [
        ["a/config.h.in", "configure.ac"],
        "config.h",
        "a/config.h.in is its template: run autoreconf",
      ],
      [["kernel/CMakeLists.txt"], "config.h", "kernel/CMakeLists.txt seems to make it: run cmake"],
      [["v.h.cmake", "CMakeLists.txt"], "v.h", "v.h.cmake is its template: run cmake"],
      [["configure"], "regs.h", null],
      [["regs.h.in"], "regs.h", "regs.h.in is its template: run the program that fills it in"],
      [["notconfig.h.in"], "config.h", null],
    ];
  for (const [files, header, maker] of rows) {
    const found = makerOf(folder(Object.fromEntries(files.map((path) => [path, ""]))), header);
    if (maker === null) assertEquals(found, null);
    else assertStringIncludes(found!, maker);
  }
});

Deno.test("a folder without a PCI driver, and a source that is not there, are errors with what to do", () => {
  const error = assertThrows(() => readModule(folder({ "d.c": "int x;\n" })), TreeError);
  assertMatch(error.message, /None of 1 sources calls pci_register_driver/);
  const other = assertThrows(
    () => readModule(folder({ "d.c": DRIVER }), { wanted: "e.c" }),
    TreeError,
  );
  assertMatch(other.message, /no "e\.c"/);
  assertStringIncludes(other.hint, "d.c");
});

Deno.test("only a folder that the kernel's build takes is read as a module, and only its sources and headers", () => {
  const place = Deno.makeTempDirSync();
  const write = (name: string, text: string) => Deno.writeTextFileSync(`${place}/${name}`, text);
  try {
    write("d.c", DRIVER);
    write("Makefile", "all:\n\techo obj-m\n");
    const error = assertThrows(() => new ModuleFolder(place), TreeError);
    assertMatch(
      error.message,
      /is no folder of a kernel module: no makefile in it has a line "obj-m"/,
    );
    Deno.mkdirSync(`${place}/src`);
    write("src/Kbuild", "obj-$(CONFIG_D) += d.o\n");
    const module = new ModuleFolder(place);
    for (const name of ["regs.vh", "run.sh", ".zsh", "keys.bash"]) write(name, "secret\n");
    assertEquals(
      ["d.c", "regs.vh", "run.sh", ".zsh", "keys.bash"].map((name) => module.text(name) !== null),
      [true, true, false, false, false],
    );
  } finally {
    Deno.removeSync(place, { recursive: true });
  }
});

Deno.test("tables of ids without an end, and assembler before many blanks, are read in one pass", () => {
  const heads = "struct pci_device_id t[] = {\n".repeat(200_000);
  const blanks = `asm${" ".repeat(200_000)}x\n`;
  const facts = readModule(folder({ "d.c": `${heads}${blanks}${DRIVER}` }));
  assertEquals([facts.ids, facts.assembler], [null, []]);
});

/** A driver that compiles with dmalab's headers alone. */
const RING = Deno.readTextFileSync(join(ROOT, "extensions/c_drivers/tests/c/removal/list.c"));
const DEVICE_H = Deno.readTextFileSync(join(ROOT, "extensions/c_drivers/tests/c/removal/device.h"));

Deno.test("a module of one source probes with dmalab's own headers in any folder, and nothing is overwritten", async () => {
  // The folder is outside this checkout, so that no deno.json belongs to both `out` and `module`.
  const place = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${place}/module`);
    // Many drivers call their functions as the scenario does.
    const own = RING.replaceAll(/\w+_(probe|remove)\b(?=[(,;])/g, "$1");
    assertMatch(own, /static int probe\(struct pci_dev/);
    Deno.writeTextFileSync(`${place}/module/list.c`, own);
    Deno.writeTextFileSync(`${place}/module/device.h`, DEVICE_H);
    Deno.writeTextFileSync(
      `${place}/module/Makefile`,
      "obj-m += list.o\nVERSION := $(shell git describe)\nSTAMP != date\n" +
        "ifeq ($(STAMP),now)\nccflags-y += -DNOW\nendif\nccflags-y += -DV=$(VERSION)\n",
    );
    const words = ["init", `${place}/out`, "--driver", `${place}/module`];
    const first = await dmalab(...words);
    const report = Deno.readTextFileSync(`${place}/out/report.txt`);
    assertStringIncludes(report, "make | list.ko | Makefile:1\n");
    assertStringIncludes(
      report,
      "Makefile:4  ifeq ($(STAMP),now): depends on $(shell date); taken: nothing; else: ccflags-y += -DNOW\n",
    );
    assertStringIncludes(
      report,
      "Makefile:2  ccflags-y: -DV=…: depends on $(shell git describe)\n",
    );
    assertStringIncludes(report, "report | it compiles, probes and is removed\n");
    assertEquals(report.match(/^test \| .* \| ok\b/gm)?.length, 4, report);
    assertStringIncludes(
      report,
      "moment | ok, 1 place tried, as `device_works()` does nothing yet\n",
    );
    assertEquals(report.includes(first.output.split("\n")[0]!), true, first.errors);
    assertEquals(first.code, 0);
    const scenario = Deno.readTextFileSync(`${place}/out/driver.dma`);
    assertStringIncludes(scenario, "remove each { if d.probe(card) == 0 { d.remove(card) } }");
    const second = await dmalab(...words);
    assertEquals(second.code, 2);
    assertMatch(second.errors, /has driver\.dma already; nothing was written/);
    assertEquals(Deno.readTextFileSync(`${place}/out/driver.dma`), scenario);
  } finally {
    Deno.removeSync(place, { recursive: true });
  }
});

const MINI = join(ROOT, "extensions/kernel_tree/tests/tree/mini");
const MODULES = join(ROOT, "extensions/c_drivers/tests/c/modules");

Deno.test("of a module of two sources there is no report without a kernel tree", async () => {
  using folder = new TempFolder({
    "module/list.c": RING,
    "module/other.c": "int other(void) { return 7; }\n",
    "module/Makefile": "obj-m := both.o\nboth-objs := list.o other.o\n",
  });
  const { code, output } = await dmalab("init", folder.at("out"), "--driver", folder.at("module"));
  assertEquals(code, 1);
  assertStringIncludes(
    output,
    "sources of the module that are compiled only with a kernel tree:\n  other.c\n" +
      "report | none: the module has 2 sources; name a kernel tree with --kernel\n",
  );
});

Deno.test("a driver behind I/O ports that needs another module of its folder probes: that one starts first", async () => {
  const place = Deno.makeTempDirSync();
  try {
    const { code, errors, output } = await dmalab(
      ...["init", `${place}/out`, "--driver", MODULES, "--kernel", MINI],
    );
    assertEquals(code, 0, output + errors);
    assertStringIncludes(output, "report | it compiles, probes and is removed");
    assertStringIncludes(output, "info: core_main.c starts first: the driver needs it");
    assertMatch(output, /info: I\/O port 0x4 is no device's in card_remove\(\) at \S+card\.c:\d+/);
    assertStringIncludes(
      Deno.readTextFileSync(`${place}/out/driver.dma`),
      'bars = "0 io 256B, 1 mem32',
    );
  } finally {
    Deno.removeSync(place, { recursive: true });
  }
});

/** Code of a driver, and the numbers of the BARs that it uses as ports. */
const PORTS: readonly (readonly [text: string, ports: readonly number[]])[] = [
  ["x->io = pci_resource_start(pdev, 0);\noutb(1, x->io + CTRL);", [0]],
  ["base = (unsigned long)pci_resource_start(pdev, 2); v = inl(base);", [2]],
  ["#define R 1\nport = pci_resource_start(pdev, R);\nrequest_region(port, 32, NAME);", [1]],
  ["io = pdev->resource[4].start; insw(io, buf, 4);", [4]],
  ["if (!request_region(pci_resource_start(pdev, 3), 8, NAME)) return -EBUSY;", [3]],
  ["if (!(pci_resource_flags(pdev, 0) & IORESOURCE_IO)) return -ENODEV;", [0]],
  [
    "if (pci_resource_flags(pdev, 0) & IORESOURCE_IO) a(); if (pci_resource_flags(pdev, 0) & IORESOURCE_MEM) b();",
    [],
  ],
  [
    "mem = pci_resource_start(pdev, 0);\nrequest_mem_region(mem, 32, NAME); x = ioremap(mem, 32);",
    [],
  ],
  ["regs = pci_iomap(pdev, 0, 0); v = readl(regs);", []],
  ["port = pci_resource_start(pdev, bar); outb(1, port);", []],
];

Deno.test("a BAR whose start goes to inb(), outb() or request_region() is I/O ports", () => {
  for (const [text, ports] of PORTS) {
    const { portBars } = readModule(folder({ "d.c": `${text}\n${DRIVER}` }));
    assertEquals([...portBars], ports, text);
  }
});

Deno.test("a BAR gets the kind and the size that the driver's use shows", async () => {
  const source = searchedSource({
    wants: "",
    before: "static void outb(u8 value, unsigned long port)\n{\n}\n",
    look: `unsigned long port = pci_resource_start(pdev, 1);
	void __iomem *more;
	int err = 0;

	if (readl(regs + 0x53a00c))
		return -EIO;
	if (!regs)
		outb(1, port);
	more = ioremap(port & ~4095UL, 8192);
	if (!more)
		return -ENOMEM;
	writel(0x5a, more + 0x1004);
	if (readl(more + 0x1004) != 0x5a || port < 0x10000)
		err = -ENXIO;
	iounmap(more);
	return err;`,
  });
  using place = new TempFolder({
    "module/card.c": source,
    "module/Makefile": "obj-m += card.o\n",
  });
  const made = await dmalab("init", place.at("out"), "--driver", place.at("module"));
  assertMatch(made.output, /^report \| it compiles, probes and is removed$/m, made.errors);
  assertMatch(made.output, /^BAR 1 \| memory, as the driver maps it$/m);
  assertMatch(made.output, /^BAR 0 \| 8MiB, as the driver uses a register behind its end$/m);
  const scenario = Deno.readTextFileSync(place.at("out/driver.dma"));
  assertMatch(scenario, /bars = "0 mem32 8MiB, 1 mem32 1MiB,/);
});

Deno.test("a driver that registers an interface or a DMA engine is used in the scenario", () => {
  const outcome = (code: string, line: string) =>
    ({ failure: { code, lines: ["error", ` 31 |   ${line}`] } }) as unknown as TestOutcome;
  assertEquals(useOf(["int register_netdevs();", "cdev_add(&c, 0, 1);"]), null);
  for (
    const [call, opens, then] of [
      ["devm_register_netdev(&pdev->dev, dev)", "net_open(card)", "d.net_stop(card)"],
      ["register_netdev (dev)", "net_open(card)", "d.net_send(card, 64); d.net_stop(card)"],
      ["dma_async_device_register(&made)", "channel_open()", "d.channel_close()"],
    ] as const
  ) {
    const use = useOf(["", `error = ${call};`]);
    const text = scenarioText({
      answers: null,
      facts: {
        deviceClass: null,
        barBytes: new Map(),
        bars: [0],
        ids: null,
        main: "a.c",
        others: [],
        vectors: 1,
      },
      ports: new Set(),
      tree: "t",
      module: null,
      loads: true,
      kernel: null,
      use,
    });
    assertStringIncludes(text, `  assert d.probe(card) == 0\n  assert d.${opens} == 0\n`);
    assertStringIncludes(text, `${then} }; d.remove(card) } }`);
    assertEquals(text.split(`if d.${opens} == 0 {`).length, 4, "three sweeps have the use");
    assertEquals([...text.matchAll(/^test "(.*)"/gm)][USE_TEST]![1], use!.title);
  }
  assertEquals(isOpened({ failure: null } as TestOutcome), true);
  assertEquals(isOpened(outcome("E0902", "d.net_stop(card)")), true);
  assertEquals(isOpened(outcome("E0908", "x = readl(regs);")), true);
  for (const line of ["assert d.probe(card) == 0", "assert d.net_open(card) == 0"]) {
    assertEquals([isOpened(outcome("E0901", line)), isOpened(outcome("E0908", line))], [
      false,
      false,
    ]);
  }
});

Deno.test("BARs are told from the sources that the driver needs, wherever they lie, and from no others", () => {
  const ports = "io = pci_resource_start(pdev, 0); outb(1, io);\n";
  const bus = `int bus_start(void)\n{\n\t${ports}}\nEXPORT_SYMBOL(bus_start);\n`;
  const facts = (call: string) =>
    readModule(
      folder({ "cards/d.c": `${call}\n${DRIVER}`, "bus/bus.c": bus, "cards/old.c": ports }),
      { wanted: "cards/d.c" },
    );
  assertEquals([...facts("err = bus_start();").portBars], [0]);
  assertEquals([...facts("err = other_start();").portBars], []);
});

Deno.test("a source that is only included gives way to the one that includes it", () => {
  const files = {
    "common.c": DRIVER,
    "one.c": '#define CARD 1\n#include "common.c"\n',
    "two.c": '#define CARD 2\n#include "common.c"\n',
  };
  const mainOf = (isBuilt: (path: string) => boolean) =>
    readModule(folder(files), { wanted: "common.c", isBuilt }).main;
  assertEquals(mainOf((path) => path !== "common.c"), "one.c");
  assertEquals(mainOf(() => true), "common.c");
});

Deno.test("the device has the class of its entry in the table of ids", () => {
  const of = (entries: string) => {
    const text =
      `#define PCI_CLASS_X 0x0c03\nstatic const struct pci_device_id own[] = { ${entries} { 0 } };\n`;
    const source = `${text}MODULE_DEVICE_TABLE(pci, own);\n${DRIVER}`;
    const { deviceClass, ids } = readModule(folder({ "d.c": source }));
    return [ids?.vendor, deviceClass?.code];
  };
  assertEquals(of("{ PCI_DEVICE_CLASS((PCI_CLASS_X << 8) | 0x30, ~0) },"), [undefined, 0x0c0330]);
  assertEquals(of("{ PCI_DEVICE_CLASS(PCI_CLASS_X << 8, 0xffff00) },"), [undefined, 0x0c0300]);
  assertEquals(
    of("{ PCI_ANY_ID, PCI_ANY_ID, PCI_ANY_ID, PCI_ANY_ID, PCI_CLASS_X << 8, ~0, 1 },"),
    [undefined, 0x0c0300],
  );
  assertEquals(
    of("{ 0x1234, 1, PCI_ANY_ID, PCI_ANY_ID, 0x010601, 0xffffff, 7 },"),
    [0x1234, 0x010601],
  );
  assertEquals(
    of("{ PCI_DEVICE(0x1234, 1), .class = PCI_CLASS_X << 8, .class_mask = 0xffff00 },"),
    [0x1234, 0x0c0300],
  );
  assertEquals(of("{ 0x1234, 1, PCI_ANY_ID, PCI_ANY_ID, 0, 0, 7 },"), [0x1234, undefined]);
  assertEquals(of("{ PCI_VDEVICE(X, 1) }, { PCI_DEVICE_CLASS(0x0c0310, ~0) },")[1], 0x0c0310);
});

Deno.test("the device has the class that the driver compares", () => {
  const classOf = (text: string) =>
    readModule(folder({ "d.c": `${text}\n${DRIVER}` })).deviceClass?.code;
  assertEquals(classOf("#define C 0x0501\nif ((pdev->class >> 8) != C) return -19;"), 0x050100);
  assertEquals(classOf("if (pdev->class != 0x020000) return -19;"), 0x020000);
  assertEquals(classOf("if ((pdev->class >> 8) == 0x0501) return 0;"), undefined);
  // Of two, none is better.
  assertEquals(classOf("a->class != 0x020000 && a->class != 0x030000"), undefined);
});

Deno.test("the device has as many vectors as the driver asks for at least", () => {
  const vectorsOf = (text: string) => readModule(folder({ "d.c": `${text}\n${DRIVER}` })).vectors;
  assertEquals(vectorsOf("pci_alloc_irq_vectors(pdev, 1, 64, PCI_IRQ_MSIX);"), 32);
  assertEquals(vectorsOf("#define V 118\npci_alloc_irq_vectors(pdev, V, V, PCI_IRQ_MSIX);"), 118);
  assertEquals(vectorsOf("pci_enable_msix_range(pdev, table, 40, 80);"), 40);
  assertEquals(vectorsOf("pci_alloc_irq_vectors(pdev, 9999999, 9999999, 0);"), 32);
});

Deno.test("a device has the BARs 0 to 4, and a sixth one where the driver names it", () => {
  const barsOf = (text: string) => readModule(folder({ "d.c": `${text}\n${DRIVER}` })).bars;
  assertEquals(barsOf("pci_iomap(pdev, 0, 0);"), [0, 1, 2, 3, 4]);
  assertEquals(barsOf("#define B 5\npci_ioremap_bar(pdev, B);"), [0, 1, 2, 3, 4, 5]);
  assertEquals(barsOf("#define B 5\npcim_iomap_regions(pdev, 1 << B, NAME);"), [0, 1, 2, 3, 4, 5]);
  const ENUMS = "enum { A = 2, /* a BAR */\n\tB = 5,\n};\npcim_iomap_regions(pdev, 1 << B, NAME);";
  assertEquals(barsOf(ENUMS), [0, 1, 2, 3, 4, 5]);
  assertEquals(barsOf(ENUMS.replace("5", "4")), [0, 1, 2, 3, 4]);
  assertEquals(
    readModule(folder({ "d.c": `${ENUMS}\n${DRIVER}`, "other.c": "#define B 4" })).bars,
    [0, 1, 2, 3, 4, 5],
  );
  assertEquals(barsOf("pci_request_selected_regions(pdev, BIT(5), NAME);"), [0, 1, 2, 3, 4, 5]);
});

Deno.test("a distribution's package of headers is refused with the sources that are to be given instead", () => {
  const place = Deno.makeTempDirSync();
  const write = (name: string, text: string) => Deno.writeTextFileSync(`${place}/${name}`, text);
  try {
    write("Makefile", "include /usr/src/linux-headers-6.12.107+deb12-common/Makefile\n");
    const flavour = assertThrows(() => new HostTree(place), TreeError);
    assertMatch(flavour.message, /has the kernel's headers alone/);
    assertMatch(flavour.hint, /apt-get install linux-source-6\.12`/);
    write("Makefile", "VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\n");
    Deno.mkdirSync(`${place}/include/linux`, { recursive: true });
    write("include/linux/kconfig.h", "\n");
    const common = assertThrows(() => new HostTree(place), TreeError);
    assertMatch(common.hint, /linux-source-7\.3/);
    write("Kconfig", "\n");
    assertEquals(new HostTree(place).text("Kconfig"), "\n");
  } finally {
    Deno.removeSync(place, { recursive: true });
  }
});

Deno.test("options that do not belong together, and a kernel that is none, are refused", async (t) => {
  const rows: readonly (readonly [words: readonly string[], error: RegExp])[] = [
    [["init", "x", "--kernel", "y"], /`--kernel` and `--file` are for `--driver`/],
    [["init", "x", "--driver", "nowhere"], /Cannot read/],
    [
      ["init", "x", "--driver", "extensions/c_drivers/tests/c", "--kernel", "docs"],
      /not a kernel tree/,
    ],
    [
      ["init", "x", "--driver", "extensions/c_drivers/tests/c", "--kernel", "h.deb"],
      /A package is not read[^]*linux-source-6\.12/,
    ],
  ];
  for (const [words, error] of rows) {
    await t.step(words.join(" "), async () => {
      const { code, errors } = await dmalab(...words);
      assertEquals(code, 2, errors);
      assertMatch(errors, error);
    });
  }
});

Deno.test("names of files neither end a line of the scenario nor are evaluated in it", async () => {
  const place = Deno.makeTempDirSync();
  const here = Deno.cwd();
  try {
    Deno.chdir(place);
    Deno.mkdirSync("mod{1+1}");
    Deno.writeTextFileSync("mod{1+1}/list.c", RING);
    Deno.writeTextFileSync("mod{1+1}/device.h", DEVICE_H);
    Deno.writeTextFileSync("mod{1+1}/Makefile", "obj-m += list.o\n");
    const hostile = 'mod{1+1}/z\ntest "injected" { print 666 }\n#.c';
    Deno.writeTextFileSync(hostile, "module_pci_driver(d);\n");
    // An absolute folder for the result, and a relative one for the module.
    const { code, errors, output } = await dmalab("init", `${place}/out`, "--driver", "mod{1+1}");
    assertEquals(code, 0, errors + output);
    const scenario = Deno.readTextFileSync("out/driver.dma");
    assertEquals(/^test "injected"/m.test(scenario), false, scenario);
    assertStringIncludes(scenario, 'module = "../mod\\{1+1}"');
    const report = Deno.readTextFileSync("out/report.txt");
    assertEquals(report.match(/^test \| .* \| ok\b/gm)?.length, 4, report);
    assertStringIncludes(report, `dmalab "-R=${Deno.realPathSync("mod{1+1}")}" test `);
    // The printed line is typed into a shell.
    let folder = "mod{1+1}";
    for (
      const [name, line] of [
        ["m; touch X #", '  dmalab "-R=FOLDER" test "m; touch X #.out/driver.dma"\n'],
        ["a,b", "  no permission can name a folder with a comma: rename it\n"],
      ] as const
    ) {
      Deno.renameSync(folder, name);
      folder = name;
      const ran = await dmalab("init", `${name}.out`, "--driver", name);
      assertEquals(ran.code, 0, ran.errors + ran.output);
      assertStringIncludes(ran.output, line.replace("FOLDER", () => Deno.realPathSync(name)));
    }
  } finally {
    Deno.chdir(here);
    Deno.removeSync(place, { recursive: true });
  }
});

/** A driver whose removal ends a device's vectors before the handler is freed. */
const WRONG_REMOVAL = `#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

static irqreturn_t handles(int irq, void *data)
{
	return IRQ_HANDLED;
}

static int wrong_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);

	if (error < 0)
		return error;
	error = request_irq(pci_irq_vector(pdev, 0), handles, 0, "wrong", pdev);
	if (error)
		pci_free_irq_vectors(pdev);
	return error;
}

static void wrong_remove(struct pci_dev *pdev)
{
	pci_free_irq_vectors(pdev);
}

static const struct pci_device_id wrong_ids[] = { { PCI_DEVICE(0x1234, 0x5678) }, { } };
static struct pci_driver wrong_driver = {
	.name = "wrong",
	.id_table = wrong_ids,
	.probe = wrong_probe,
	.remove = wrong_remove,
};
module_pci_driver(wrong_driver);
MODULE_LICENSE("GPL");
`;

/**
 * Modules that consist of one source and a makefile. Each has lines that its report must contain, and the path of
 * its scenario.
 */
const REPORTS: readonly (readonly [
  what: string,
  source: string,
  makefile: string,
  report: RegExp,
])[] = [
  [
    "a driver that fails in its removal has probed",
    WRONG_REMOVAL,
    "obj-m += one.o\n",
    /^report \| it compiles and probes; Unexpected EFAULT: pci_free_irq_vectors\(\)/m,
  ],
  [
    "a header of a folder above: the repository's folder is to be named",
    WRONG_REMOVAL.replace("#include <linux/pci.h>", '#include "api.h"\n#include <linux/pci.h>'),
    "obj-m += one.o\nccflags-y := -I$(src)/../include\n",
    /Cannot read "api\.h"[^;]*; Makefile:2 adds a folder above: name the repository's folder with --driver/,
  ],
  [
    "a header of the kernel that dmalab's own do not have: a kernel tree has it",
    WRONG_REMOVAL.replace(
      "#include <linux/pci.h>",
      "#include <linux/pci.h>\n#include <linux/thermal.h>",
    ),
    "obj-m += one.o\n",
    /'linux\/thermal\.h' file not found; dmalab's own headers do not have it: name a kernel tree with --kernel/,
  ],
  [
    "a vendor by its constant, without a kernel tree",
    WRONG_REMOVAL.replace("PCI_DEVICE(0x1234, 0x5678)", "PCI_VDEVICE(INTEL, 0x10d3)"),
    "obj-m += one.o\n",
    /^ids \| 8086:10d3 \| one\.c:\d+/m,
  ],
  [
    "a vendor and a device by their constants, in the macro for both with data",
    WRONG_REMOVAL.replace("PCI_DEVICE(0x1234, 0x5678)", "PCI_DEVICE_DATA(REALTEK, ONE, 7)").replace(
      "static const struct pci_device_id",
      "#define PCI_DEVICE_ID_REALTEK_ONE 0x8139\nstatic const struct pci_device_id",
    ),
    "obj-m += one.o\n",
    /^ids \| 10ec:8139 \| one\.c:\d+\nreport \| it compiles and probes/m,
  ],
  [
    "a generated header that nothing makes: the build is to be run once",
    WRONG_REMOVAL.replace("#include <linux/pci.h>", '#include "api.h"\n#include <linux/pci.h>'),
    "obj-m += one.o\n",
    /Cannot read "api\.h"[^;]*; no folder of the module or the kernel has it: if the build generates it, run/,
  ],
  [
    "a module for another release: the function that is missing, with the line that needs it",
    WRONG_REMOVAL.replace(
      "pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI)",
      "pci_enable_old_msi(pdev)",
    ),
    "obj-m += one.o\n",
    /one\.c:\d+:\d+ {2}\S*.*pci_enable_old_msi/,
  ],
  [
    "a warning beside an error is no error",
    WRONG_REMOVAL.replace(
      "return IRQ_HANDLED;",
      "int unset;\n\tif (unset = irq) return missing;\n\treturn IRQ_HANDLED;",
    ),
    "obj-m += one.o\n",
    /^report \| it does not compile: one\.c has 1 error\n\nwhat is missing[^\n]*\n[^\n]*missing[^\n]*\ntook/m,
  ],
];

/** Results of tests, and the report's words for each. */
const RESULTS: readonly (readonly [
  name: string,
  code: string | null,
  placesTried: number,
  words: RegExp,
])[] = [
  ["it probes and is removed", null, 0, /^ok$/],
  ["it is removed at every moment", null, 1, /^ok, 1 place tried, as `device_works\(\)` does/],
  ["it is removed at every moment", null, 7, /^ok, 7 places tried$/],
  ["it is pulled out after every event", null, 1, /^ok, 1 place tried$/],
  [
    "it is pulled out after every event",
    "E0806",
    3,
    /^not run to its end, so neither ok nor FAILED: why; /,
  ],
  [
    "it is pulled out after every event",
    "E0801",
    3,
    /^not run to its end, so neither ok nor FAILED/,
  ],
  ["it is pulled out after every event", "E0901", 3, /^FAILED: why$/],
];

Deno.test("a report says how many places a test tried, and a test that its time or steps ended is no failure", () => {
  for (const [name, code, placesTried, words] of RESULTS) {
    const failure = code === null
      ? null
      : { code, message: "why", lines: [], branch: null, kind: "limit" } as const;
    assertMatch(testResult({ name, placesTried, failure: failure as never }), words);
  }
});

const UNKNOWN_CARD = `#include <linux/module.h>
#include <linux/pci.h>
#include <linux/io.h>

static u32 hash_of(u32 word)
{
	int round;

	for (round = 0; round < 16; round++)
		word = (word ^ word >> 13) * 0x9e3779b1u + (word << 7 ^ word >> 9);
	return word;
}

static int unknown_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	void __iomem *regs = pci_iomap(pdev, 0, 0);
	int known;

	if (!regs)
		return -ENOMEM;
	known = hash_of(readl(regs + 0x40)) == 0xabc12345u;
	pci_iounmap(pdev, regs);
	return known ? 0 : -ENODEV;
}

static void unknown_remove(struct pci_dev *pdev)
{
}

static const struct pci_device_id unknown_ids[] = { { PCI_DEVICE(0x1234, 0x5678) }, { } };
static struct pci_driver unknown_driver = {
	.name = "unknown",
	.id_table = unknown_ids,
	.probe = unknown_probe,
	.remove = unknown_remove,
};
module_pci_driver(unknown_driver);
MODULE_LICENSE("GPL");
`;

async function checkReport(source: string, makefile: string, wanted: RegExp): Promise<void> {
  using folder = new TempFolder({
    "repository/kernel/one.c": source,
    "repository/kernel/Makefile": makefile,
  });
  const module = folder.at("repository/kernel");
  const { code, output } = await dmalab("init", folder.at("out"), "--driver", module);
  assertEquals(code, 1, output);
  assertMatch(output, wanted);
  assertStringIncludes(
    Deno.readTextFileSync(folder.at("out/driver.dma")),
    'module = "../repository/kernel"',
  );
}

/** The search finds no value for this driver; the scenario still contains the other tests. */
async function checkUnknown(): Promise<void> {
  using folder = new TempFolder({
    "module/unknown.c": UNKNOWN_CARD,
    "module/Makefile": "obj-m += unknown.o\n",
  });
  const { code, output } = await dmalab("init", folder.at("out"), "--driver", folder.at("module"));
  assertEquals(code, 1, output);
  const scenario = Deno.readTextFileSync(folder.at("out/driver.dma"));
  assertEquals(scenario.match(/^test "/gm)?.length, 4, scenario);
  assertEquals(scenario.includes("on read"), false, scenario);
  assertMatch(output, /^search \| probe\(\) does not succeed/m);
}

/** Lines are shown before the compiler starts, and `report.txt` has them. */
async function checkShown(): Promise<void> {
  using folder = new TempFolder({
    "module/unknown.c": UNKNOWN_CARD,
    "module/Makefile": "obj-m += unknown.o\n",
  });
  const shown: string[] = [];
  const written: string[] = [];
  let [text, err] = ["", ""];
  const screen: Screen = {
    colour: false,
    columns: null,
    out: (more) => text += more,
    err: (more) => err += more,
    data: (more) => text += more,
    progress() {},
    flush() {
      shown.push(text);
      written.push(readOr(folder.at("out/report.txt"), ""));
    },
  };
  const asked = { module: folder.at("module"), file: null, kernel: null, folder: folder.at("out") };
  assertEquals(await initDriver(asked, screen), 1, err);
  assertMatch(shown[0]!, /^module \|[^]*^ids \| 1234:5678/m);
  assertEquals(shown[0]!.includes("report |"), false);
  assertEquals(shown.at(-1), Deno.readTextFileSync(folder.at("out/report.txt")));
  assertEquals(written.slice(1), shown.slice(0, -1));
}

function readOr(path: string, other: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return other;
  }
}

Deno.test("the first report of a module names its result, its ids and what is missing", (t) =>
  withKeptCompiler(t, {
    ...Object.fromEntries(REPORTS.map(([what, source, makefile, wanted]) => [
      what,
      () => checkReport(source, makefile, wanted),
    ])),
    "the search finds no value of a register": checkUnknown,
    "what is known is shown before the compiler starts": checkShown,
  }));
