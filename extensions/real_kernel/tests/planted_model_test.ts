/**
 * Changes of the model. The comparison with a captured boot must find each of them; QEMU is not
 * needed.
 *
 * The captured boots are those of Debian's 6.1.192, 6.12.117 and 7.3.4 in `data/`.
 */
import { assertEquals, assertMatch } from "@std/assert";
import type { LabConfig } from "@dmalab/devices";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { IommuDomain, KIB } from "@dmalab/runtime";
import { type KernelProfile, KERNELS } from "@dmalab/runtime/kernels";
import { compareTest } from "../compare/compare_test_runs.ts";
import { limitDifferences } from "../compare/compare_limits.ts";
import { kernelSide } from "../compare/kernel_side.ts";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { Islands } from "../plan/islands.ts";
import { memoryOf, recordTest } from "../plan/scenario_run.ts";
import { readGuestReport } from "../trace/guest_report.ts";

const DATA = new URL("data/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, DATA));

interface Boot {
  readonly kernel: KernelProfile;
  readonly scenario: string;
  readonly files: string;
}

const BOOTS = {
  "6.1": { kernel: "6.1.192", scenario: "captured.dma", files: "6.1.capture" },
  "6.12": { kernel: "6.12.117", scenario: "two_requests.dma", files: "6.12.117" },
  "7.3": { kernel: "7.3.4", scenario: "two_requests.dma", files: "7.3.4" },
} as const satisfies Readonly<Record<string, Boot>>;

/**
 * The results of a comparison: the first difference of the requests with its rule, and the limits that
 * differ.
 */
function compared({ files, kernel, scenario }: Boot, change: (config: LabConfig) => LabConfig) {
  const source = new SourceFile(scenario, read(scenario));
  const { program } = loadProgram(source, { load: () => new LoadError("not_found", "no files") });
  const [test] = program!.tests;
  const machine = qemuMachine({ ...test!.config, kernel }, guestMemoryBytes(0, 0));
  // The guest keeps its machine and its buffers; only the model's handling of them changes.
  const plan = recordTest(program!, test!, machine.config, DEFAULT_LIMITS);
  const islands = new Islands(memoryOf([plan]));
  const recorded = recordTest(program!, test!, change(machine.config), DEFAULT_LIMITS);
  const report = readGuestReport(read(`${files}.report.txt`));
  const side = kernelSide(report, read(`${files}.controller.txt`), machine, islands);
  const limits = limitDifferences("ssd", recorded.limits.get("ssd")!, report.disks.get(0)!.limits);
  const result = compareTest(recorded, [0, 1], side);
  return [
    ...result.verdict === "differs"
      ? [`${result.difference.text} (${result.difference.rule})`]
      : result.verdict === "not run"
      ? result.reasons
      : [],
    ...limits.map(({ limit }) => `limit ${limit}`),
  ];
}

/** Inverts some of the older behaviours of a release. */
function turned(...rows: readonly string[]) {
  return (config: LabConfig): LabConfig => {
    const ways = new Set<string>(KERNELS[config.kernel as KernelProfile].olderWays);
    for (const row of rows) if (!ways.delete(row)) ways.add(row);
    return { ...config, olderWays: ways } as LabConfig;
  };
}

/** Gives the controller other settings than the guest's. */
function disk(settings: Readonly<Record<string, unknown>>) {
  const within = (nodes: LabConfig["pci"]): LabConfig["pci"] =>
    nodes.map((node) =>
      ({
        ...node,
        settings: node.kind === "nvme" ? { ...node.settings, ...settings } : node.settings,
        children: within(node.children),
      }) as typeof node
    );
  return (config: LabConfig): LabConfig => ({ ...config, pci: within(config.pci) });
}

/** Runs a function while a method of a class is replaced. */
function withMethod<T>(
  type: { readonly prototype: object },
  name: string,
  // deno-lint-ignore no-explicit-any
  make: (original: any) => (this: any, ...args: any[]) => unknown,
  work: () => T,
): T {
  const original = Reflect.get(type.prototype, name);
  Reflect.set(type.prototype, name, make(original));
  try {
    return work();
  } finally {
    Reflect.set(type.prototype, name, original);
  }
}

const asIs = (config: LabConfig) => config;

/** Changes, each with the first result of the comparison. */
const PLANTED: readonly (readonly [
  name: string,
  said: RegExp,
  compare: () => readonly string[],
])[] = [
  [
    "ranges are not linked",
    /kernel has dma_iova_try_alloc, the model dma_map_sgtable \(dma\.7\.2\)/,
    () => compared(BOOTS["7.3"], turned("no_two_step", "nvme_scatterlists")),
  ],
  [
    "requests are mapped as lists",
    /kernel has dma_iova_try_alloc, the model dma_map_sgtable \(dma\.7\.2\)/,
    () => compared(BOOTS["7.3"], turned("nvme_scatterlists")),
  ],
  [
    "SGLs do not lift the virtual boundary",
    /limit virt_boundary_mask/,
    () => compared(BOOTS["7.3"], turned("virt_boundary_with_sgl")),
  ],
  [
    "requests are mapped page by page, as 7.3.4 does",
    /kernel has dma_map_sgtable, the model alloc_iova_fast \(dma\.4\.2\)/,
    () => compared(BOOTS["6.12"], turned("nvme_scatterlists", "no_two_step", "no_physical_calls")),
  ],
  [
    "the scatterlist has 128 entries",
    /limit max_segments/,
    () => compared(BOOTS["6.1"], turned("scatter_table_127")),
  ],
  [
    "transfers are cut to what the caches of IOVAs take",
    /limit max_hw_sectors_kb/,
    () => compared(BOOTS["6.1"], turned("transfers_not_cut_to_iova_caches")),
  ],
  [
    "a list of segments is mapped in halves",
    /iommu: map: size differs \(dma\.5\.1\)/,
    () =>
      withMethod(IommuDomain, "map", (map) =>
        function (iova, phys, sizeBytes, flags) {
          if (sizeBytes < 8 * KIB) return map.call(this, iova, phys, sizeBytes, flags);
          const half = sizeBytes / 2;
          return map.call(this, iova, phys, half, flags) +
            map.call(this, iova + half, phys + half, half, flags);
        }, () => compared(BOOTS["6.1"], asIs)),
  ],
  [
    "a range of IOVAs has a guard page",
    /alloc_iova_fast: size differs \(dma\.4\.2\)/,
    () =>
      withMethod(IommuDomain, "allocIova", (alloc) =>
        function (device, sizeBytes, coherent) {
          return alloc.call(this, device, sizeBytes + 4 * KIB, coherent);
        }, () => compared(BOOTS["6.12"], asIs)),
  ],
  [
    "ranges of IOVAs are kept",
    /the kernel has free_iova_fast, the model dma_pool_free/,
    () => withMethod(IommuDomain, "freeIova", () => () => {}, () => compared(BOOTS["6.12"], asIs)),
  ],
  [
    "a bio is cut at 64 KiB",
    /the number of blocks is 256, not 128 \(block\.1\.3\)/,
    () => compared(BOOTS["6.12"], disk({ mdtsBytes: 64 * KIB })),
  ],
  [
    "SGLs are chosen from 8 KiB on",
    /only the kernel has dma_pool_alloc \(nvme\.2\.3\)/,
    () => compared(BOOTS["6.1"], disk({ sglThresholdBytes: 4 * KIB })),
  ],
];

Deno.test("the model as it is agrees with the boots", () => {
  for (const boot of Object.values(BOOTS)) assertEquals(compared(boot, asIs), []);
});

Deno.test("each planted change of the model is named", async (t) => {
  for (const [name, said, compare] of PLANTED) {
    await t.step(name, () => {
      const [first = "same"] = compare();
      assertMatch(first, said);
    });
  }
});
