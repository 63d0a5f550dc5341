import { assert, assertEquals } from "@std/assert";
import { differencesOf } from "./differences.ts";
import { type Kernel, KERNEL_NAMES, type KernelProfile, KERNELS } from "./kernels.ts";

const names = (older: KernelProfile, newer: KernelProfile) =>
  differencesOf(KERNELS[older], KERNELS[newer]).map(({ change, name }) => `${name}: ${change}`);

Deno.test("7.3 differs from 7.2 in two ways to destroy a range, in seven more ways, and by two defects less (v7.3.md 7)", () => {
  assertEquals(names("7.2.12", "7.3-rc7"), [
    "partial_destroy_on_link_failure: mended",
    "vfio_partial_destroy: mended",
    "dma.destroysAtOnce: other way",
    "dma.destroyFrees: other way",
    "dma.translatesMmio: other way",
    "dma.refusesSharedCoherent: other way",
    "dma.mapsSharedAsAny: other way",
    "dma.warnsOverflowPerCall: other way",
    "rdma.timesEachTry: other way",
    "mm.tellsFaultError: other way",
    "peers.listsNvidiaBridges: other way",
  ]);
});

Deno.test("7.2 differs from 7.2.6 in defects, and in what it does with unaligned MMIO (defects.md, dma.md 1.6)", () => {
  assertEquals(names("7.2.6", "7.2.12"), [
    "gap_bit_lost_on_split: mended",
    "gap_of_next_piece_counts: defect",
    "host_bridge_p2p_with_forced_bounce: defect",
    "dma.refusesUnalignedMmio: other way",
  ]);
});

Deno.test("a release that is given all that another has is that other one", () => {
  for (const one of KERNEL_NAMES) {
    for (const other of KERNEL_NAMES) {
      const from = KERNELS[other];
      const made = differencesOf(KERNELS[one], from).reduce(
        (kernel: Kernel, { give }) => give(kernel, from),
        KERNELS[one],
      );
      assertEquals(made.strategies, from.strategies, `${one}, ${other}`);
      assertEquals(made.quirks, from.quirks);
    }
  }
});

Deno.test("a release that is given one thing differs from itself in that alone", () => {
  for (const difference of differencesOf(KERNELS["6.12.117"], KERNELS["7.3-rc7"])) {
    const changed = difference.give(KERNELS["7.3-rc7"], KERNELS["6.12.117"]);
    const [only, ...others] = differencesOf(KERNELS["7.3-rc7"], changed);
    assertEquals(only!.name, difference.name);
    assert(others.length === 0);
  }
});

Deno.test("what releases differ in is a sentence, with a rule of a page", () => {
  const all = KERNEL_NAMES.flatMap((one) =>
    KERNEL_NAMES.flatMap((other) => differencesOf(KERNELS[one], KERNELS[other]))
  );
  assert(all.length > 50);
  for (const { change, doc, name, rule } of all) {
    assert(/^\S.{15,}[^ ]\.?$/.test(doc), `${name}: "${doc}"`);
    if (change === "other way") {
      assert(/^[a-z0-9-]+(\.\d+)+$/.test(rule.replace(/^v7\.3/, "v73")), rule);
    }
  }
});
