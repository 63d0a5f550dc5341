/** Peer memory in a driver of a tree, with the tree's layout of `struct pci_dev`. */
import { assertEquals } from "@std/assert";
import { loadPatched } from "@dmalab/c_drivers";
import { runProgram } from "@dmalab/lang/program";

const [loaded] = await loadPatched("extensions/kernel_tree/tests/tree/peers.dma", [null]);
const { outcomes } = runProgram(loaded!.program!);

for (const { failure, name } of outcomes) {
  Deno.test(`peer memory from a tree: ${name}`, () => assertEquals(failure?.message, undefined));
}

Deno.test("every test of the scenario has run", () => assertEquals(outcomes.length, 5));
