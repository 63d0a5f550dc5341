/** `dmalab tree drivers`: a table of the PCI drivers of a tree. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { dmalab, ROOT } from "@dmalab/tests";
import { TempFolder } from "@dmalab/tools";
import { startWorkersAlways } from "@dmalab/cli/extend";
import { parsedRow, rowText, summaryOf } from "../all_drivers/driver_row.ts";
import { ORACLES } from "../oracles.ts";
import { driversIn } from "../all_drivers/tree_drivers.ts";

const MINI = join(ROOT, "extensions/kernel_tree/tests/tree/mini");

const MAPS = `void *buffer = kmalloc(64, GFP_KERNEL);
	dma_addr_t at = dma_map_single(&pdev->dev, buffer, 64, DMA_TO_DEVICE);
	if (!dma_mapping_error(&pdev->dev, at))
		dma_unmap_single(&pdev->dev, at, 64, DMA_TO_DEVICE);
	kfree(buffer);`;

/** A driver of a tree. @param probe Statements at the beginning of probe. */
function driver(probe: string): string {
  return `#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
static int m_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	${probe}
	return pci_enable_device(pdev);
}
static void m_remove(struct pci_dev *pdev)
{
	pci_disable_device(pdev);
}
static const struct pci_device_id m_ids[] = { { 0x1234, 0x77, PCI_ANY_ID, PCI_ANY_ID }, { 0 } };
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

function filesBelow(folder: string, inside = ""): [path: string, text: string][] {
  return [...Deno.readDirSync(join(folder, inside))].flatMap(({ isDirectory, name }) => {
    const path = join(inside, name);
    return isDirectory
      ? filesBelow(folder, path)
      : [[path, Deno.readTextFileSync(join(folder, path))] as [string, string]];
  });
}

Deno.test("the drivers of a tree are reported one by one, and a run that was stopped goes on", async () => {
  using place = new TempFolder({
    ...Object.fromEntries(filesBelow(MINI).map(([path, text]) => [`tree/${path}`, text])),
    "tree/drivers/Makefile": "obj-$(CONFIG_TOY) += good.o bad.o late.o\n",
    "tree/drivers/good.c": driver(MAPS),
    "tree/drivers/bad.c": driver("unknown_name();"),
    "tree/drivers/late.c": driver("return -5;"),
  });
  const words = ["tree", "drivers", place.at("tree"), "--out", place.at("out"), "--seed", "3"];
  const first = await dmalab(...words, "--draw", "2");
  assertEquals(first.code, 0, first.errors);
  const table = place.at("out/drivers.jsonl");
  const kept = Deno.readTextFileSync(table).split("\n").slice(0, 2);
  // A line that was cut off is made again.
  Deno.writeTextFileSync(table, `${kept[0]}\n${kept[1]!.slice(0, 40)}`);
  const all = await dmalab(...words);
  assertEquals(all.code, 0, all.errors);
  assertMatch(all.output, /^tree 7\.2 \| 3 PCI drivers, 3 wanted$/m);
  assertMatch(all.output, /^drivers\/good\.c \| probes, maps memory, is removed$/m);
  assertMatch(all.output, /^drivers\/bad\.c \| - \| \S+bad\.c:7:2 {2}call to undeclared function/m);
  assertMatch(all.output, /^drivers\/late\.c \| compiles \| Assertion failed: probe is -5$/m);
  assertMatch(
    all.output,
    /^3 drivers \| 2 compile, 1 probe, 1 of them map memory, 1 are removed without a finding$/m,
  );
  const lines = Deno.readTextFileSync(table).trim().split("\n");
  assertEquals(lines[0], kept[0]);
  assertEquals(lines.length, 3);
  assertStringIncludes(
    Deno.readTextFileSync(place.at("out/drivers__good/report.txt")),
    "report | it compiles, probes and is removed",
  );
});

/** A tree with four drivers. */
function fourDrivers(): TempFolder {
  const names = ["a", "b", "c", "d"];
  return new TempFolder({
    ...Object.fromEntries(filesBelow(MINI).map(([path, text]) => [`tree/${path}`, text])),
    "tree/drivers/Makefile": `obj-$(CONFIG_TOY) += ${names.map((name) => `${name}.o`).join(" ")}\n`,
    ...Object.fromEntries(names.map((name, at) => [
      `tree/drivers/${name}.c`,
      driver(at === 1 ? "unknown_name();" : at === 3 ? "return -5;" : MAPS),
    ])),
  });
}

Deno.test("shards make each driver once, and a run without them has their table", async () => {
  using place = fourDrivers();
  const words = ["tree", "drivers", place.at("tree"), "--out", place.at("out")];
  const parts = [
    await dmalab(...words, "--shard", "1/2"),
    await dmalab(...words, "--shard", "2/2"),
  ];
  for (const part of parts) {
    assertEquals(part.code, 0, part.errors);
    assertMatch(part.output, /4 PCI drivers, 2 wanted/);
    assertMatch(part.output, /^2 drivers \| /m);
  }
  const lines = (name: string) => Deno.readTextFileSync(place.at(`out/${name}`)).trim().split("\n");
  const made = ["drivers-1-of-2.jsonl", "drivers-2-of-2.jsonl"].flatMap(lines);
  const paths = made.map((line) => parsedRow(line)!.path).toSorted();
  assertEquals(paths, ["a", "b", "c", "d"].map((name) => `drivers/${name}.c`));
  const all = await dmalab(...words);
  assertMatch(all.output, /^4 drivers \| 3 compile, 2 probe, 2 of them map memory, 2 are removed/m);
  const page = Deno.readTextFileSync(place.at("out/index.html"));
  assertStringIncludes(page, '<a href="drivers__a/report.txt">drivers/a.c</a>');
  assertStringIncludes(page, "3 compile, 2 probe");
  const wrong = await dmalab(...words, "--shard", "3/2");
  assertEquals([wrong.code, wrong.output], [2, ""]);
  assertStringIncludes(wrong.errors, '--shard takes a part such as 2/4, not "3/2"');
});

Deno.test("the table of a tree does not depend on the number of jobs", async () => {
  using place = fourDrivers();
  const run = async (jobs: number) => {
    const out = place.at(`out${jobs}`);
    const words = ["tree", "drivers", place.at("tree"), "--out", out, "--jobs", `${jobs}`];
    const ran = await dmalab(...words);
    assertEquals(ran.code, 0, ran.errors);
    const reports = filesBelow(out).filter(([path]) => path.endsWith("report.txt")).toSorted();
    const rows = Deno.readTextFileSync(join(out, "drivers.jsonl")).trim().split("\n").toSorted();
    const timeless = reports.map((
      [path, text],
    ) => [path, text.replace(/^took .*$|, [\d.]+ s$/gm, "")]);
    return JSON.stringify([ran.output, rows, timeless]).replaceAll(out, "OUT");
  };
  startWorkersAlways(true);
  try {
    assertEquals(await run(3), await run(1));
  } finally {
    startWorkersAlways(false);
  }
});

Deno.test("a comparison in workers skips what the tree lacks, as in one thread", async () => {
  const run = async (jobs: string) => {
    const { code, errors, output } = await dmalab("tree", "compare", MINI, "--jobs", jobs);
    return { code, errors, output };
  };
  const alone = await run("1");
  startWorkersAlways(true);
  try {
    assertEquals(await run("3"), alone);
  } finally {
    startWorkersAlways(false);
  }
  assertEquals(alone.code, 2);
  assertEquals(alone.output.match(/^skipped \| /gm)?.length, ORACLES.length);
});

/** A part of the tree that starts, and keeps what it allocated. */
const CORE = `#include <linux/module.h>
#include <linux/slab.h>
#define initcall(level, function) static int (*initcall_##function)(void) \\
	__attribute__((used, section(".initcall" #level ".init"))) = function;
#define subsys_initcall(function) initcall(4, function)
#define late_initcall(function) initcall(7, function)
static int *answer;
int core_answer(void)
{
	return kmalloc(8, GFP_KERNEL) && answer ? *answer : 0;
}
EXPORT_SYMBOL(core_answer);
static void *kept[3];
int core_take(int count)
{
	while (count-- > 0)
		kept[count] = kmalloc(8, GFP_KERNEL);
	return 0;
}
EXPORT_SYMBOL(core_take);
static int core_fill(void)
{
	*answer = 42;
	return 0;
}
late_initcall(core_fill);
static int core_init(void)
{
	answer = kmalloc(sizeof(*answer), GFP_KERNEL);
	return 0;
}
subsys_initcall(core_init);
`;

Deno.test("functions that the tree exports are compiled along, and start before the driver", async () => {
  // What a function of a header gets from such a file is not the driver's.
  const calls =
    "extern int core_answer(void), broken_answer(void), pool_answer(void), fddi_answer(void);\n" +
    "\tif (core_answer() != 42 || broken_answer() || pool_answer() != 7 || fddi_answer() != 8 || core_keeps())\n\t\treturn -5;";
  using place = new TempFolder({
    ...Object.fromEntries(filesBelow(MINI).map(([path, text]) => [`tree/${path}`, text])),
    "tree/drivers/Makefile": "obj-$(CONFIG_TOY) += uses.o\nobj-y += core/\n",
    "tree/drivers/uses.c": driver(calls).replace("\n", '\n#include "core/core.h"\n'),
    "tree/drivers/core/core.h":
      "int core_take(int count);\nstatic inline int core_keeps(void)\n{\n\treturn core_take(3);\n}\n",
    "tree/drivers/core/Makefile": "obj-y += core.o broken.o\n",
    "tree/drivers/core/core.c": CORE,
    "tree/net/core/page_pool.c":
      "#include <linux/module.h>\nint pool_answer(void)\n{\n\treturn 7;\n}\nEXPORT_SYMBOL(pool_answer);\n",
    "tree/net/802/fddi.c":
      "#include <linux/module.h>\nint fddi_answer(void)\n{\n\treturn 8;\n}\nEXPORT_SYMBOL(fddi_answer);\n",
    "tree/drivers/core/broken.c": "int broken_answer(void)\n{\n\treturn unknown;\n}\n" +
      "EXPORT_SYMBOL(broken_answer);\n",
  });
  const made = await dmalab("tree", "drivers", place.at("tree"), "--out", place.at("out"));
  assertMatch(made.output, /^drivers\/uses\.c \| probes, is removed$/m, made.errors);
  const report = Deno.readTextFileSync(place.at("out/drivers__uses/report.txt"));
  assertMatch(
    report,
    /^compiled along from the tree, .*:\n(?: {2}.*\n)* {2}drivers\/core\/core\.c$/m,
  );
  assertMatch(report, /^ {2}net\/core\/page_pool\.c$/m);
  assertMatch(report, /^ {2}net\/802\/fddi\.c$/m);
  assertMatch(report, /^ {2}drivers\/core\/broken\.c: .* error: /m);
  assertMatch(report, /^ {2}broken_answer\(\) returns 0/m);
});

Deno.test("a driver that is only built in, and other modules of its folder, start by their initcalls", async () => {
  const asks = "extern int core_answer(void);\n\tif (core_answer() != 42)\n\t\treturn -5;";
  const [initcalls] = CORE.split("static int *answer;");
  const builtIn = driver("if (!is_ready)\n\t\treturn -5;")
    .replace("static int m_probe", `${initcalls}static int is_ready;\nstatic int m_probe`)
    .replace("module_init(m_init);", "late_initcall(m_init);")
    .replace(/static void m_exit[^]*/, "") +
    "static int ready(void)\n{\n\tis_ready = 1;\n\treturn 0;\n}\nsubsys_initcall(ready);\n";
  using place = new TempFolder({
    ...Object.fromEntries(filesBelow(MINI).map(([path, text]) => [`tree/${path}`, text])),
    "tree/drivers/Makefile": "obj-$(CONFIG_TOY) += asks.o built.o beside.o\n",
    "tree/drivers/asks.c": driver(asks),
    "tree/drivers/beside.c": CORE.replace("kmalloc(8, GFP_KERNEL) && answer", "answer"),
    "tree/drivers/built.c": builtIn,
  });
  const made = await dmalab("tree", "drivers", place.at("tree"), "--out", place.at("out"));
  assertMatch(made.output, /^drivers\/asks\.c \| probes, is removed$/m, made.errors);
  assertMatch(made.output, /^drivers\/built\.c \| probes, is removed$/m, made.errors);
});

Deno.test("the init function of a driver is found in another source of its module", async () => {
  const [half, init] = driver("if (!is_ready)\n\t\treturn -5;").split("static int m_init");
  using place = new TempFolder({
    ...Object.fromEntries(filesBelow(MINI).map(([path, text]) => [`tree/${path}`, text])),
    "tree/drivers/Makefile": "obj-$(CONFIG_TOY) += whole.o\nwhole-y := core.o bus.o deep.o\n",
    "tree/drivers/bus.c": half!.replace("static int m_probe", "int is_ready;\nstatic int m_probe") +
      "int bus_add(void)\n{\n\treturn pci_register_driver(&m_driver);\n}\n" +
      "void bus_remove(void)\n{\n\tpci_unregister_driver(&m_driver);\n}\n",
    "tree/drivers/core.c": "#include <linux/module.h>\n" +
      "extern int bus_add(void), deep_ready(void);\nextern void bus_remove(void);\nstatic int m_init" +
      init!.replace("pci_register_driver(&m_driver)", "deep_ready() ?: bus_add()")
        .replace("pci_unregister_driver(&m_driver)", "bus_remove()"),
    "tree/drivers/deep.c":
      "extern int is_ready;\nint deep_ready(void)\n{\n\tis_ready = 1;\n\treturn 0;\n}\n",
  });
  const made = await dmalab("tree", "drivers", place.at("tree"), "--out", place.at("out"));
  assertMatch(made.output, /^drivers\/bus\.c \| probes, is removed$/m, made.errors);
});

/** Probe of a driver that fills the memory of its device, and reads and writes blocks of it. */
const FILLS = `u8 block[11] = { 0 };
	u8 *frame = pci_iomap(pdev, 0, 0);
	memset_io(frame + 1, 0x5a, 4099);
	memcpy_toio(frame + 3, block, sizeof(block));
	memcpy_fromio(block, frame + 3, sizeof(block));
	pci_iounmap(pdev, frame);`;

Deno.test("a driver fills and copies blocks of its device's memory", async () => {
  using place = new TempFolder({
    ...Object.fromEntries(filesBelow(MINI).map(([path, text]) => [`tree/${path}`, text])),
    "tree/drivers/Makefile": "obj-$(CONFIG_TOY) += fills.o\n",
    "tree/drivers/fills.c": `#include <linux/io.h>\n${driver(FILLS)}`,
  });
  const made = await dmalab("tree", "drivers", place.at("tree"), "--out", place.at("out"));
  assertMatch(made.output, /^drivers\/fills\.c \| probes, is removed$/m, made.errors);
});

Deno.test("files that register a PCI driver are found by their calls, and rows are read back", () => {
  const texts: Readonly<Record<string, string>> = {
    "drivers/a.c": "module_pci_driver(a);",
    "drivers/b.c": "pci_register_driver (&b);",
    "drivers/c.c": "platform_driver_register(&c);",
    "sound/d.c": "__pci_register_driver(&d);",
  };
  const tree = {
    text: (path: string) => texts[path] ?? null,
    entries: (folder: string) =>
      Object.keys(texts).filter((path) => path.startsWith(`${folder}/`)).map((path) => ({
        name: path.slice(folder.length + 1),
        isFolder: false,
      })),
  };
  assertEquals(driversIn(tree), ["drivers/a.c", "drivers/b.c"]);
  for (const line of ["", "null", "{}", '{"path":"a"', "7"]) assertEquals(parsedRow(line), null);
  const row = parsedRow(
    '{"path":"a.c","release":"6.12","compiles":true,"probes":true,"maps":true,"passes":false,"missing":[],' +
      '"stubs":["one() returns 0"],"failure":"it leaks","problem":null}',
  )!;
  assertEquals(rowText(row), "a.c | probes, maps memory | it leaks");
  assertEquals(summaryOf([row, row]), [
    "2 drivers | 2 compile, 2 probe, 2 of them map memory, 0 are removed without a finding",
    "  2 drivers called one(), which dmalab does not have",
  ]);
});

Deno.test("the options of `tree drivers` are its own", async () => {
  for (
    const [words, error] of [
      [["tree", "drivers", MINI], /needs `--out FOLDER`/],
      [["tree", "compare", MINI, "--out", "x"], /other actions have none/],
    ] as const
  ) {
    const { code, errors } = await dmalab(...words);
    assertEquals(code, 2);
    assertMatch(errors, error);
  }
});

Deno.test("a BAR that the driver uses as I/O ports becomes ports", async () => {
  const ports = `unsigned long port[2];
	int bar;
	for (bar = 0; bar < 2; bar++)
		port[bar] = pci_resource_start(pdev, bar + 1);
	outb(0x5a, port[1] + 4);
	if (inb(port[1] + 4) != 0x5a)
		return -5;`;
  using place = new TempFolder({
    ...Object.fromEntries(filesBelow(MINI).map(([path, text]) => [`tree/${path}`, text])),
    "tree/drivers/Makefile": "obj-$(CONFIG_TOY) += ports.o signed.o\n",
    "tree/drivers/ports.c": driver(ports).replace("\n", "\n#include <linux/io.h>\n"),
    "tree/drivers/signed.c": driver(ports.replace("unsigned long port", "int port"))
      .replace("\n", "\n#include <linux/io.h>\n"),
  });
  const made = await dmalab("tree", "drivers", place.at("tree"), "--out", place.at("out"));
  for (const name of ["ports", "signed"]) {
    assertMatch(made.output, new RegExp(`^drivers/${name}\\.c \\| probes, is removed$`, "m"));
    const report = Deno.readTextFileSync(place.at(`out/drivers__${name}/report.txt`));
    assertMatch(report, /^BAR 2 \| I\/O ports, as the driver reads or writes it so$/m);
  }
});

Deno.test("a copy of a device's structure is that device, and a stub's structure is none", async () => {
  const copies = `static struct pci_dev copy;
	copy = *pdev;
	${MAPS.replaceAll("&pdev->dev", "&copy.dev")}`;
  const given = MAPS.replaceAll("&pdev->dev", "given(pdev)");
  using place = new TempFolder({
    ...Object.fromEntries(filesBelow(MINI).map(([path, text]) => [`tree/${path}`, text])),
    "tree/drivers/Makefile": "obj-$(CONFIG_TOY) += copies.o given.o\n",
    "tree/drivers/copies.c": driver(copies),
    "tree/drivers/given.c": driver(given).replace(
      "static int",
      "struct device *given(struct pci_dev *pdev);\nstatic int",
    ),
  });
  const made = await dmalab("tree", "drivers", place.at("tree"), "--out", place.at("out"));
  assertMatch(made.output, /^drivers\/copies\.c \| probes, maps memory, is removed$/m, made.errors);
  assertMatch(
    made.output,
    /^drivers\/given\.c .*which is not a device.*; it lies in what the stub given\(\) returned: .*this failure shows nothing/m,
  );
});

Deno.test("a driver that wants ports of all its BARs, and says so of no number, gets them", async () => {
  const wants = `int bar;
	for (bar = 0; bar < 5; bar++)
		if (!(pdev->resource[bar].flags & IORESOURCE_IO))
			return -19;
	outb(0x5a, pdev->resource[3].start + 4);
	if (inb(pdev->resource[3].start + 4) != 0x5a)
		return -5;`;
  using place = new TempFolder({
    ...Object.fromEntries(filesBelow(MINI).map(([path, text]) => [`tree/${path}`, text])),
    "tree/drivers/Makefile": "obj-$(CONFIG_TOY) += wants.o\n",
    "tree/drivers/wants.c": driver(wants).replace("\n", "\n#include <linux/io.h>\n"),
  });
  const made = await dmalab("tree", "drivers", place.at("tree"), "--out", place.at("out"));
  assertMatch(made.output, /^drivers\/wants\.c \| probes, is removed$/m, made.errors);
  const report = Deno.readTextFileSync(place.at("out/drivers__wants/report.txt"));
  assertMatch(report, /^BARs \| I\/O ports: with memory the driver fails before it uses a BAR$/m);
});
