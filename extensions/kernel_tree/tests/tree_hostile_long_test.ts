/**
 * Files that try to reach more than their kernel tree: 500 files that include files outside of the tree. Some
 * files are also compiled.
 */
import "@dmalab/bin/provide";
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { HostTree } from "@dmalab/cli";
import { openScenario } from "@dmalab/cli/scenario";
import { Makefiles, Units } from "@dmalab/c_drivers/tree";
import { runProgram } from "@dmalab/lang/program";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { Random } from "@dmalab/runtime";
import { ROOT } from "@dmalab/tests";

const FILES = 500;
const SECRET = "kept_outside_of_the_tree";

/**
 * Creates a folder with a secret file. The folder also contains a tree with links that lead out of
 * the tree.
 */
function withFolder<T>(run: (folder: string) => T): T {
  const text = `int ${SECRET};\n`;
  using folder = new TempFolder({ "secret.h": text, "outside/more.h": text });
  Deno.mkdirSync(folder.at("tree/include/linux"), { recursive: true });
  Deno.mkdirSync(folder.at("tree/drivers/toy"), { recursive: true });
  Deno.copyFileSync(
    `${ROOT}/extensions/kernel_tree/tests/tree/mini/Makefile`,
    folder.at("tree/Makefile"),
  );
  Deno.symlinkSync(folder.at("secret.h"), folder.at("tree/include/linux/link.h"));
  Deno.symlinkSync(folder.at("outside"), folder.at("tree/include/away"));
  Deno.symlinkSync("../../..", folder.at("tree/drivers/toy/up"));
  return run(folder.path);
}

const DIRECTIVES: readonly ((path: string) => string)[] = [
  (path) => `#include "${path}"`,
  (path) => `#include <${path}>`,
  (path) => `  #  include_next <${path}>`,
  (path) => `#define HEADER "${path}"\n#include HEADER`,
  (path) => `#if __has_include("${path}")\n#include "${path}"\n#endif`,
  (path) => `#embed "${path}"`,
  (path) => `#import "${path}"`,
  (path) => `__asm__(".incbin \\"${path}\\"");`,
  (path) => `#pragma comment(lib, "${path}")\n#include "./${path}"`,
];

const ENDS = ["secret.h", "outside/more.h", "linux/link.h", "away/more.h", "up/secret.h"];
const STEPS = ["..", ".", "", "tree", "lab", "include", "drivers", "toy", "up", "away", "linux"];

function hostilePath(random: Random, folder: string): string {
  const steps = Array.from({ length: random.below(6) }, () => STEPS[random.below(STEPS.length)]!);
  const start = ["", "/", `${folder}/`, "../".repeat(1 + random.below(5))][random.below(4)]!;
  return `${start}${[...steps, ENDS[random.below(ENDS.length)]!].join("/")}`;
}

Deno.test("500 files of a tree that include what lies outside are compiled without it", () => {
  withFolder((folder) => {
    const random = new Random(29);
    const tree = new HostTree(`${folder}/tree`);
    let asked = 0;
    const files = {
      text(path: string): string | null {
        asked++;
        const text = tree.text(path);
        assert(text?.includes(SECRET) !== true, path);
        return text;
      },
      entries: (path: string) => tree.entries(path),
    };
    for (let index = 0; index < FILES; index++) {
      const name = `drivers/toy/bad${index}.c`;
      const lines = Array.from({ length: 4 }, () => {
        const directive = DIRECTIVES[random.below(DIRECTIVES.length)]!;
        return directive(hostilePath(random, folder));
      });
      Deno.writeTextFileSync(`${folder}/tree/${name}`, lines.join("\n"));
      const flags = `ccflags-y += -I${hostilePath(random, folder)} -I$(src)/../../..\n`;
      Deno.writeTextFileSync(`${folder}/tree/drivers/toy/Makefile`, flags);
      const { files: given } = new Units(files, new Makefiles(files)).unit(name, {});
      for (const [path, text] of Object.entries(given)) {
        assert(/^(?:tree|lab)\//.test(path) && !path.includes(".."), path);
        assert(!text.includes(SECRET), `${name} gets ${path}`);
      }
    }
    assert(asked > FILES);
  });
});

/** Functions with which a file tries to replace the lab's checks. */
const COMPILED = `
#include <linux/pci.h>
#include <linux/slab.h>
void lab_bug(const char *file, int line) { for (;;) ; }
void __asan_load8(unsigned long at) { }
void __asan_store4_noabort(unsigned long at) { }
void kfree(const void *block) { }
__attribute__((import_module("dmalab"), import_name("burnt"))) int more(void);
__attribute__((section(".init_array"))) static void (*early)(void) = 0;
__attribute__((no_sanitize("kernel-address"), optnone, used)) static void poke(unsigned long at)
{
	*(volatile int *)at = 1;
}
int far(struct device *dev) { poke(0x7fff00000000ul); return 0; }
int shadow(struct device *dev) { poke(67108864); return 0; }
int freed(struct device *dev) { int *p = kmalloc(64, GFP_KERNEL); poke((unsigned long)p + 64); return 0; }
int fuel(struct device *dev) { for (;;) more(); }
int deep(struct device *dev) { volatile char big[2048]; big[0] = 1; return deep(dev) + big[0]; }
`;
const CALLS = ["far", "shadow", "freed", "fuel", "deep"];

/** A driver that defines a function of the checks, to disable them. */
const INTERPOSED = `void dmalab_touch(double at, double bytes, int writes) { }\n${COMPILED}`;

async function load(text: string) {
  using folder = new TempFolder({ "bad.c": text });
  const tests = CALLS.map((name) => `test "${name}" with { leaks = allow } { bad.${name}(nic) }`);
  const machine = 'machine { kernel = "7.2", pci { root_port rp0 { endpoint nic { } } } }';
  const driver = 'driver bad = c "bad.c" { stubs = "zero" }';
  const opened = await openScenario(
    folder.write("a.dma", [machine, driver, ...tests].join("\n")),
    `${ROOT}/extensions/kernel_tree/tests/tree/mini`,
  );
  assert("diagnostics" in opened);
  return opened;
}

Deno.test("what a file with a tree defines, imports and marks does not put a check out of force", async () => {
  const { diagnostics, program } = await load(COMPILED);
  assertEquals(diagnostics.map(({ message }) => message), []);
  const { outcomes } = runProgram(program!, { limits: { ...DEFAULT_LIMITS, steps: 2_000_000 } });
  assertEquals(outcomes.length, CALLS.length);
  for (const { failure, name } of outcomes) {
    assert(failure !== null && failure.kind !== "bug", `${name}: ${failure?.message}`);
  }
});

Deno.test("a driver that defines what the checks call is refused", async () => {
  const { diagnostics } = await load(INTERPOSED);
  assertEquals(diagnostics.map(({ message }) => message), [
    "dmalab_touch() is defined, which the checks of loads and stores call",
  ]);
});
