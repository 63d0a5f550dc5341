import { assert, assertEquals, assertThrows } from "@std/assert";
import { DMA_ATTR } from "../dma/attributes.ts";
import { Machine } from "../machine.ts";
import { defaultMachineConfig, type MachineConfig } from "../machine_config.ts";
import {
  type Behaviour,
  BEHAVIOURS,
  KERNEL_NAMES,
  type KernelProfile,
  OLDER_WAYS,
  type QuirkName,
  QUIRKS,
  type QuirkSet,
} from "./behaviours.ts";
import {
  differencesOf,
  hasBehaviour,
  hasFeature,
  KERNELS,
  nearestReleases,
  quirksOf,
  releaseWith,
  requireAttributes,
  requireFeature,
  resolveKernel,
} from "./kernels.ts";

/** A configuration from a file or from JavaScript, where no compiler checks names. */
function untyped(changes: Readonly<Record<string, unknown>>): MachineConfig {
  return { ...defaultMachineConfig(), ...changes } as MachineConfig;
}

Deno.test("a misspelt defect does not compile, and untyped it is refused with the nearest names", () => {
  // @ts-expect-error: it is not the name of a defect.
  const misspelt: QuirkSet = new Set<QuirkName>(["gap_bit_lost_on_splt"]);
  const error = assertThrows(() => new Machine(untyped({ quirks: misspelt })), RangeError);
  assertEquals(
    error.message,
    'There is no defect switch "gap_bit_lost_on_splt"; did you mean gap_bit_lost_on_split?',
  );
});

Deno.test("a release and an IOMMU model that there are not are refused in the same way", () => {
  assertEquals(
    assertThrows(() => new Machine(untyped({ kernel: "7.2.5" })), RangeError).message,
    'There is no release of the kernel "7.2.5"; did you mean 7.2.6?',
  );
  assertEquals(
    assertThrows(() => new Machine(untyped({ kernel: "next" })), RangeError).message,
    `There is no release of the kernel "next"; there are ${Object.keys(KERNELS).join(", ")}`,
  );
  const { iommu } = defaultMachineConfig();
  assertEquals(
    assertThrows(
      () => new Machine(untyped({ iommu: { ...iommu, model: "amdd" } })),
      RangeError,
    ).message,
    'There is no IOMMU model "amdd"; did you mean amd?',
  );
});

Deno.test("a version that no release has lies between two of them, by its numbers", () => {
  const rows = [
    ["7.2.9", "7.2.6", "7.2.12"],
    ["6.6", "6.1.192", "6.12.117"],
    ["6.18.3", "6.17.13", "6.18.15"],
    ["v6.19-rc2", "6.18.15", "7.0.13"],
    ["7.3", "7.3-rc7", "7.3.4"],
    ["7.3-rc2", "7.2.13", "7.3-rc7"],
    ["6.1.0-56-amd64", "6.1.192"],
    ["5.10", "6.1.192"],
    ["7.5.1", "7.3.4"],
    ["next"],
    ["7"],
    ["7.2.6.1"],
  ] as const;
  for (const [version, ...nearest] of rows) {
    assertEquals(nearestReleases(version), nearest as never, version);
  }
});

Deno.test("defects may come as a list, as JSON has them", () => {
  const quirks = quirksOf(new Machine(untyped({ quirks: ["half_linked_on_error"] })).kernel);
  assertEquals(quirks, new Set<QuirkName>(["half_linked_on_error"]));
});

Deno.test("null are the release's own defects, and a set is that set and no other", () => {
  const of = (changes: Partial<MachineConfig>) =>
    quirksOf(new Machine({ ...defaultMachineConfig(), ...changes }).kernel);
  assertEquals(of({}), KERNELS["7.2.12"].quirks);
  assertEquals(of({ kernel: "7.2.6" }), KERNELS["7.2.6"].quirks);
  assert(of({ kernel: "7.2.6" }).has("gap_bit_lost_on_split"));
  assertEquals(of({ quirks: new Set() }).size, 0);
});

const differences = (older: KernelProfile, newer: KernelProfile) =>
  differencesOf(older, newer).map(({ change, name }) => `${name}: ${change}`);

Deno.test("7.3.4 is 7.2.13 with thirteen rows: three mended defects, a new one, and nine older ways given up (v7.3.md 7, dma.md 7.2)", () => {
  assertEquals(differences("7.2.13", "7.3.4"), [
    "partial_destroy_on_link_failure: mended",
    "list_length_wraps: mended",
    "dma_buf_ranges_at_start: defect",
    "vfio_partial_destroy: mended",
    "destroy_waits_for_flush: ended",
    "destroy_frees_mapped_length: ended",
    "mmio_untranslated: ended",
    "shared_coherent_behind_iommu: ended",
    "shared_attribute_taken_literally: ended",
    "overflow_warns_per_call: ended",
    "fault_retries_share_timeout: ended",
    "fault_error_is_efault: ended",
    "nvidia_bridges_unlisted: ended",
  ]);
  const turned = differencesOf("7.2.13", "7.3.4").map(({ name }) => name);
  const { olderWays, quirks } = releaseWith(KERNELS["7.2.13"], turned);
  assertEquals(
    resolveKernel({ kernel: "7.2.13", olderWays, quirks }),
    resolveKernel({ kernel: "7.3.4", quirks: null }),
  );
});

Deno.test("7.2 differs from 7.2.6 in defects, and in what it does with unaligned MMIO (defects.md, dma.md 1.6)", () => {
  assertEquals(differences("7.2.6", "7.2.12"), [
    "gap_bit_lost_on_split: mended",
    "gap_of_next_piece_counts: defect",
    "host_bridge_p2p_with_forced_bounce: defect",
    "unaligned_mmio_refused: ended",
  ]);
});

Deno.test("a release whose differences to another are turned is that other one", () => {
  for (const one of KERNEL_NAMES) {
    for (const other of KERNEL_NAMES) {
      const turned = differencesOf(one, other).map(({ name }) => name);
      const { olderWays, quirks } = releaseWith(KERNELS[one], turned);
      const expected = KERNELS[other];
      assertEquals([olderWays, quirks], [expected.olderWays, expected.quirks], `${one}, ${other}`);
    }
  }
});

Deno.test("the newest release has no older way, and each older way and span names releases that there are", () => {
  assertEquals([...KERNELS[KERNEL_NAMES.at(-1)!].olderWays], []);
  for (const [name, row] of Object.entries<Behaviour>(BEHAVIOURS)) {
    for (const span of row.in) {
      const [from, to = from] = span.split("..").map((end) => KERNEL_NAMES.indexOf(end as never));
      assert(to === -1 || from! <= to!, `${name}: ${span}`);
    }
  }
  for (const name of Object.keys(OLDER_WAYS) as (keyof typeof OLDER_WAYS)[]) {
    assert(KERNEL_NAMES.some((kernel) => hasBehaviour(kernel, name)), name);
  }
});

Deno.test("what a release lacks is refused by its name, with since when there is one (dma.md 7.3)", () => {
  const on = (kernel: KernelProfile) => {
    const config = { kernel, quirks: null };
    return { config, kernel: resolveKernel(config) };
  };
  const came = {
    two_step: "the two-step API came with 6.16",
    physical_calls: "the mapping calls by physical address came with 6.18",
    hmm_dma_map: "the page-wise DMA map came with 6.16",
    blk_dma_iter: "the block layer's DMA iterator came with 6.17",
  };
  const [old, newer] = [on("6.12.117"), on("7.2.6")];
  for (const feature of Object.keys(came) as (keyof typeof came)[]) {
    requireFeature(newer, feature, "dma_call");
    assertEquals([hasFeature(old.kernel, feature), hasFeature(newer.kernel, feature)], [
      false,
      true,
    ]);
    const { message } = assertThrows(() => requireFeature(old, feature, "dma_call"));
    assertEquals(message, `There is no dma_call() in 6.12.117: ${came[feature]}`);
  }
  requireAttributes(old, DMA_ATTR.MMIO - 1);
  requireAttributes(newer, 2 * DMA_ATTR.CC_SHARED - 1);
  for (
    const name of ["MMIO", "DEBUGGING_IGNORE_CACHELINES", "REQUIRE_COHERENT", "CC_SHARED"] as const
  ) {
    const { message } = assertThrows(() =>
      requireAttributes(old, DMA_ATTR[name] | DMA_ATTR.NO_WARN)
    );
    assertEquals(message, `There is no DMA_ATTR_${name} in 6.12.117: it came with 6.18`);
  }
});

Deno.test("a row is a sentence; an older way has the rule of a page", () => {
  for (const [name, { doc }] of Object.entries(BEHAVIOURS)) {
    assert(/^\S.{15,}\.$/.test(doc), `${name}: "${doc}"`);
  }
  for (const { rule } of Object.values(OLDER_WAYS)) {
    assert(/^[a-z0-9-]+(\.\d+)+$/.test(rule.replace(/^v7\.3/, "v73")), rule);
  }
  assertEquals(
    Object.keys(BEHAVIOURS).length,
    Object.keys(QUIRKS).length + Object.keys(OLDER_WAYS).length,
  );
});
