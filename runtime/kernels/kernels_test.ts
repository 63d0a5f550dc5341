import { assert, assertEquals, assertThrows } from "@std/assert";
import { Machine } from "../machine.ts";
import { defaultMachineConfig, type MachineConfig } from "../machine_config.ts";
import { KERNEL_NAMES, KERNEL_SHORT_NAMES, kernelNamed, KERNELS } from "./kernels.ts";
import type { QuirkName, QuirkSet } from "./quirks.ts";

/** As it comes from a file or from JavaScript, where no compiler checks names. */
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

Deno.test("defects may come as a list, as JSON has them", () => {
  const { quirks } = new Machine(untyped({ quirks: ["half_linked_on_error"] })).kernel;
  assertEquals(quirks, new Set<QuirkName>(["half_linked_on_error"]));
});

Deno.test("null are the release's own defects, and a set is that set and no other", () => {
  const quirksOf = (changes: Partial<MachineConfig>) =>
    new Machine({ ...defaultMachineConfig(), ...changes }).kernel.quirks;
  assertEquals(quirksOf({}), KERNELS["7.2.12"].quirks);
  assertEquals(quirksOf({ kernel: "7.2.6" }), KERNELS["7.2.6"].quirks);
  assert(quirksOf({ kernel: "7.2.6" }).has("gap_bit_lost_on_split"));
  assertEquals(quirksOf({ quirks: new Set() }).size, 0);
});

Deno.test("a short name means the release modelled, and releases stand in the order of their versions", () => {
  for (const [short, full] of Object.entries(KERNEL_SHORT_NAMES)) {
    assert(full.startsWith(short));
    assertEquals(kernelNamed(short), full);
    assertEquals(new Machine(untyped({ kernel: short })).kernel.quirks, KERNELS[full].quirks);
  }
  assertEquals(kernelNamed("7"), undefined);
  // A candidate is older than every release of its version.
  const version = (name: string) =>
    name.replace(/-rc(\d+)$/, ".-1.$1").split(".").map(Number).map((part) => part + 1);
  const sorted = KERNEL_NAMES.toSorted((a, b) => {
    const [left, right] = [version(a), version(b)];
    const at = left.findIndex((part, index) => part !== right[index]);
    return left[at]! - right[at]!;
  });
  assertEquals(KERNEL_NAMES, sorted);
});
