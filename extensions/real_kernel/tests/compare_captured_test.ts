/**
 * Compares boots of unmodified Debian kernels (6.12.117 and 7.3.4 in QEMU 7.2.22, emulated), as the
 * guest reported them, with the model. Then changes one line of the report and compares again.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import type { KernelProfile } from "@dmalab/runtime/kernels";
import { compareTest } from "../compare/compare_test_runs.ts";
import { limitDifferences } from "../compare/compare_limits.ts";
import { kernelSide } from "../compare/kernel_side.ts";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { Islands } from "../plan/islands.ts";
import { memoryOf, recordTest } from "../plan/scenario_run.ts";
import { readGuestReport } from "../trace/guest_report.ts";

const DATA = new URL("data/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, DATA));

/** The scenario of each captured boot. */
const BOOTS = {
  "6.12.117": "two_requests.dma",
  "7.3.4": "two_requests.dma",
  "7.3.4.amd": "amd_requests.dma",
} as const;

/** Compares a captured boot with a release of the model. @param change Modifies the guest's report. */
function compared(
  captured: keyof typeof BOOTS,
  kernel: KernelProfile,
  change: (report: string) => string = (report) => report,
  changeLog: (log: string) => string = (log) => log,
) {
  const name = BOOTS[captured];
  const source = new SourceFile(name, read(name));
  const { program } = loadProgram(source, { load: () => new LoadError("not_found", "no files") });
  const [test] = program!.tests;
  const machine = qemuMachine({ ...test!.config, kernel }, guestMemoryBytes(0, 0));
  const recorded = recordTest(program!, test!, machine.config, DEFAULT_LIMITS);
  assertEquals([machine.missing, recorded.blockers], [[], []]);
  const report = readGuestReport(change(read(`${captured}.report.txt`)));
  assertEquals(report.isComplete, true);
  const islands = new Islands(memoryOf([recorded]));
  const side = kernelSide(report, changeLog(read(`${captured}.controller.txt`)), machine, islands);
  const limits = limitDifferences("ssd", recorded.limits.get("ssd")!, report.disks.get(0)!.limits);
  return { result: compareTest(recorded, [0, 1], side), limits };
}

for (const release of ["6.12.117", "7.3.4"] as const) {
  Deno.test(`${release} does what the model of ${release} does, request by request`, () => {
    const { limits, result } = compared(release, release);
    assertEquals(limits, []);
    const steps = { "6.12.117": 82, "7.3.4": 146 }[release];
    assertEquals(result, {
      verdict: "same",
      counts: { calls: 2, requests: 3, steps, accesses: 58, blocked: 0 },
    });
  });
}

Deno.test("7.3.4 behind AMD's IOMMU flushes new mappings inside iommu_sync_map, as the model does", () => {
  const { result } = compared("7.3.4.amd", "7.3.4");
  assertEquals(result, {
    verdict: "same",
    counts: { calls: 2, requests: 2, steps: 25, accesses: 4, blocked: 0 },
  });
});

Deno.test("a kernel that maps by lists differs from a model that links ranges", () => {
  const { result } = compared("6.12.117", "7.3.4");
  assertEquals(result.verdict, "differs");
});

/** Changes of the capture of 7.3.4, each of one fact. */
const CHANGES: readonly (readonly [
  name: string,
  from: RegExp,
  to: string,
  said: RegExp,
])[] = [
  [
    "a link of another size",
    /(link: .* )size=4096 dir=2/,
    "$1size=8192 dir=2",
    /dma_iova_link: size/,
  ],
  [
    "a link at another offset",
    /offset=8192 size=4096/,
    "offset=12288 size=4096",
    /dma_iova_link: offset/,
  ],
  ["another direction", /dir=2/, "dir=1", /dma_iova_link: dir/],
  ["a link that failed", /(link_ret: .*) ret=0/, "$1 ret=-12", /dma_iova_link: ret/],
  ["no range", /(try_alloc_ret: .*) ok=1/, "$1 ok=0", /dma_iova_try_alloc: ok/],
  ["another page", /(link: .*) phys=0x([0-9a-f]+)000/, "$1 phys=0xdead000", /dma_iova_link: phys/],
  [
    "a shorter unmap",
    /(unmap: IOMMU: .*) size=40960 unmapped_size=40960/,
    "$1 size=36864 unmapped_size=36864",
    /iommu: unmap: size/,
  ],
  [
    "no sync",
    /^.* sync: .*\n(?:.* sync_\w+: .*\n)+/m,
    "",
    /has dma_pool_alloc, the model dma_iova_sync/,
  ],
  [
    "another range that is made visible",
    /(sync_range: .*) size=40960/,
    "$1 size=36864",
    /iommu_sync_map: size differs/,
  ],
  [
    "a longer invalidation",
    /(gather: .*) end=0xfffc9fff/,
    "$1 end=0xfffcafff",
    /iotlb_sync: size differs/,
  ],
  ["no invalidation", /^.* gather: .*\n/m, "", /kernel has free_iova_fast, the model iotlb_sync/],
  ["another number of segments", /segments=10/, "segments=9", /number of segments is 9, not 10/],
  ["a gap between segments", /gap=13/, "gap=10", /gap bit is 10, not 13/],
  ["a longer command", /slba=2048, len=79/, "slba=2048, len=87", /number of blocks is 88, not 80/],
  ["one request fewer", /^.*nvme_setup_cmd: .*slba=264[\s\S]*?nvme_complete_rq.*\n/m, "", /./],
  ["a status", /status=0x0/, "status=0x4004", /./],
  ["a failed call", /io 1 ends \d+/, "io 1 ends -5", /the call returns -5/],
];

Deno.test("each changed fact of a captured boot is found, and named", async (t) => {
  for (const [name, from, to, said] of CHANGES) {
    await t.step(name, () => {
      let changed = false;
      const { result } = compared("7.3.4", "7.3.4", (report) => {
        const after = report.replace(from, to);
        changed = after !== report;
        return after;
      });
      assertEquals(changed, true, "the capture has no such line");
      assertEquals(result.verdict, "differs");
      if (result.verdict === "differs") assertMatch(result.difference.text, said);
    });
  }
});

Deno.test("a controller that reads another list of pages differs", () => {
  const { result } = compared("7.3.4", "7.3.4", undefined, (log) => {
    const lines = log.split("\n");
    const at = lines.findLastIndex((line) => line.includes("pci_nvme_map_addr"));
    [lines[at], lines[at - 1]] = [lines[at - 1]!, lines[at]!];
    return lines.join("\n");
  });
  assertEquals(result.verdict, "differs");
  if (result.verdict === "differs") assertMatch(result.difference.text, /controller's access/);
});
