/** Files of a tree that were compiled before: another run reads them from the cache. */
import "@dmalab/bin/provide";
import { assertEquals } from "@std/assert";
import { HostTree } from "@dmalab/cli";
import { TreeBuild, TreeCompiler } from "@dmalab/c_drivers";

const MINI = "extensions/kernel_tree/tests/tree/mini";
/** What the compiler makes: an object, and a text in LLVM IR. */
const FORMS = [["-c"], ["-S", "-emit-llvm"]];

Deno.test("a file of a tree is compiled once, whatever the compiler makes of it", async () => {
  const clang = new TreeCompiler();
  const made = async (args: readonly string[]) => {
    const { isKept, module } = await new TreeBuild(new HostTree(MINI), clang).file(
      "drivers/toy/toy.c",
      args,
    );
    return { isKept, module };
  };
  try {
    for (const args of FORMS) {
      const { module } = await made(args);
      assertEquals(await made(args), { isKept: true, module }, args.join(" "));
    }
  } finally {
    await clang.close();
  }
});
