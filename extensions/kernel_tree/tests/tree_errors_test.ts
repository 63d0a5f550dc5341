/** Errors in a driver of a kernel tree, and their places. */
import "@dmalab/bin/provide";
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { openScenario } from "@dmalab/cli/scenario";

/** The errors that are reported when a scenario with one driver is loaded. */
async function saidOf(kernel: string, driver: string, option: string | null = null, own = "") {
  using folder = new TempFolder({ "secret.c": "int secret;", "here/own.c": own });
  Deno.symlinkSync(`${Deno.cwd()}/extensions/kernel_tree/tests/tree/mini`, folder.at("mini"));
  const machine = `machine { kernel = "${kernel}" }\ndriver d = c ${driver}\ntest "t" { }\n`;
  const tree = option === null ? null : folder.at(option);
  const opened = await openScenario(folder.write("here/a.dma", machine), tree);
  if ("problem" in opened) return opened.problem;
  return opened.diagnostics.map(({ code, message, span }) => {
    const { column, line } = span.source.position(span.start);
    const path = span.source.name.replace(folder.at(""), "");
    return `${code} ${path}:${line}:${column}: ${message}`;
  }).join("\n");
}

Deno.test("a wrong tree, a wrong release and a path that leaves both are errors of one sentence", async () => {
  const cases = [
    ["7.2.12", '"a.c" { trees = "../mini" }', "has no setting `trees`"],
    ["7.2.12", '"a.c" { tree = 3 }', "`tree` is the path of a folder"],
    ["7.2.12", '"a.c" { tree = "../mini", files = "b.c" }', "`files` is a list of paths"],
    [
      "7.2.12",
      '"a.c" { tree = "../mini", stubs = "ask" }',
      '`stubs` is one of "refuse", "zero", "fill", or what functions return',
    ],
    ["7.2.12", '"a.c" { stubs = "zero" }', "No kernel tree is named"],
    [
      "7.2.12",
      '"drivers/toy/toy.c" { tree = "../mini", files = ["../secret.c"] }',
      "it lies outside",
    ],
    ["7.2.12", '"a.c" { tree = "../none" }', "Cannot read the kernel tree"],
    ["7.2.12", '"../secret.c" { tree = "../mini" }', "it lies outside"],
    ["6.12.117", '"drivers/toy/toy.c" { tree = "../mini" }', "The tree is 7.2.99, and"],
    ["7.2.12", '"a.c" { tree = "../here" }', "The folder is not a kernel tree"],
    ["7.2.12", '"self/environ" { tree = "/proc" }', "it is not named as a source or a header in C"],
    ["7.2.12", '"self/environ.c" { tree = "/proc" }', "The folder is not a kernel tree"],
    ["7.2.12", '"a.c" { tree = "/proc/self/cwd" }', "The folder is not a kernel tree"],
    ["7.2.12", '"own.txt" { tree = "../mini" }', "it is not named as a source or a header in C"],
    ["7.2.12", '"own.c" { tree = "../mini", files = ["Makefile"] }', "it is not named as a source"],
    [
      "7.2.12",
      '"drivers/toy/ppc.c" { tree = "../mini" }',
      "drivers/toy/ppc.c is built only for machines with PPC_CHIP, which the lab's has not",
    ],
  ] as const;
  for (const [kernel, driver, said] of cases) {
    const text = await saidOf(kernel, driver);
    // Unless all permissions are given, Deno itself prevents a scenario from reading /proc.
    const kept = driver.includes("/proc") && text.includes("reading it is not permitted");
    assert(kept || text.includes(said), `${driver}: ${text}`);
  }
});

Deno.test("a wrong setting and a tree that does not fit have codes of their own", async () => {
  const cases = [
    ["E0712", "7.2.12", '"a.c" { trees = "../mini" }'],
    ["E0712", "7.2.12", '"a.c" { tree = 3 }'],
    ["E0712", "7.2.12", '"a.c" { tree = "../mini", files = "b.c" }'],
    ["E0712", "7.2.12", '"a.c" { tree = "../mini", stubs = "ask" }'],
    ["E0713", "6.12.117", '"drivers/toy/toy.c" { tree = "../mini" }'],
    ["E0713", "7.2.12", '"drivers/toy/ppc.c" { tree = "../mini" }'],
  ] as const;
  for (const [code, kernel, driver] of cases) {
    const said = await saidOf(kernel, driver);
    assert(said.startsWith(`${code} /here/a.dma:2:`), `${driver}: ${said}`);
  }
});

Deno.test("--tree takes the place of a driver's tree, and DMALAB_TREE is for those that name none (long)", async () => {
  const toy = '"drivers/toy/toy.c"';
  assertEquals(await saidOf("7.2.12", `${toy} { tree = "../none" }`, "mini"), "");
  assertEquals(await saidOf("7.2.12", `${toy} { stubs = "zero" }`, "mini"), "");
  const other = await saidOf("7.2.12", `${toy} { tree = "../mini" }`, "none");
  assert(other.includes("Cannot read the kernel tree"), other);
  Deno.env.set("DMALAB_TREE", "extensions/kernel_tree/tests/tree/mini");
  try {
    assertEquals(await saidOf("7.2.12", `${toy} { stubs = "zero" }`), "");
    const named = await saidOf("7.2.12", `${toy} { tree = "../none" }`);
    assert(named.includes("Cannot read the kernel tree"), named);
  } finally {
    Deno.env.delete("DMALAB_TREE");
  }
});

Deno.test("a mistake that lies in a header of the tree is shown there", async () => {
  for (const header of ["linux/device.h", "../../include/linux/device.h"]) {
    const own = `#define device_driver ]\n#include <${header}>\n`;
    const said = await saidOf("7.2.12", '"own.c" { tree = "../mini" }', null, own);
    const anonymous = "declaration of anonymous struct must be a definition";
    const [first = ""] = said.split("\n");
    assert(first.endsWith(`/tests/tree/mini/include/linux/device.h:9:1: ${anonymous}`), said);
  }
});
