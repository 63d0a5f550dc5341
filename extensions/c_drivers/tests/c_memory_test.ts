import { assert, assertEquals } from "@std/assert";
import { Machine } from "@dmalab/runtime";
import { testConfig } from "@dmalab/runtime/testing";
import { BLOCKS_AT, TREE_PAGE_MAP, TREE_PAGE_MAP_BYTES, WINDOW_AT } from "../c_addresses.ts";
import { CMemory } from "../c_memory.ts";

const STATIC_BYTES = 200_000;
const BLOCKS = 1000;
const PAGE_BYTES = 4096;

/** Cases in which a driver of a kernel tree writes to its memory, for each kind of memory. */
const USES: readonly {
  readonly name: string;
  readonly use: (memory: CMemory, machine: Machine) => void;
}[] = [
  {
    name: "nothing but its start",
    use: () => {},
  },
  {
    name: "static data and the stack",
    use: ({ bytes }) => bytes.fill(7, 0, STATIC_BYTES),
  },
  {
    name: "a page of the window",
    use: (memory) => {
      const at = memory.share(memory.windowPhys, 3 * PAGE_BYTES);
      assertEquals(at, WINDOW_AT);
      memory.open(at, 2 * PAGE_BYTES);
      memory.bytes.fill(7, at, at + 3 * PAGE_BYTES);
    },
  },
  {
    name: "memory from elsewhere",
    use: (memory, machine) => {
      const phys = machine.pages.alloc(4, { contiguous: true, owner: "driver" })!;
      const at = memory.shareRow(phys.toReversed(), PAGE_BYTES);
      memory.watch(at, 4 * PAGE_BYTES);
      memory.bytes.fill(7, at, at + 4 * PAGE_BYTES);
    },
  },
  {
    name: "the map of pages, at its end and across two parts",
    use: (memory) => {
      const { buffer } = memory.memory;
      const last = TREE_PAGE_MAP + TREE_PAGE_MAP_BYTES - 8;
      for (const at of [last, TREE_PAGE_MAP + 2 ** 16 - 4]) {
        new Uint8Array(buffer, at, 8).fill(7);
        memory.writtenInPages(at, 8);
      }
    },
  },
  {
    name: "counts of blocks, fuel and the place of the call",
    use: (memory) => {
      memory.blocks.fill(1);
      memory.fuel = 12;
      memory.localWords.fill(3);
    },
  },
];

Deno.test("memory that a machine gives back is all zero, and the next machine has it", () => {
  let spare: WebAssembly.Memory | null = null;
  for (const { name, use } of USES) {
    const machine = new Machine(testConfig());
    const memory: CMemory = new CMemory(machine, STATIC_BYTES, BLOCKS, true, spare);
    if (spare !== null) assertEquals(memory.memory, spare);
    use(memory, machine);
    spare = memory.cleared();
    const words = new BigUint64Array(spare.buffer);
    assert(words.every((word) => word === 0n), name);
  }
  assert(BLOCKS_AT + BLOCKS < TREE_PAGE_MAP);
});
