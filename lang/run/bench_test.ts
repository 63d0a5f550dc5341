import { assert, assertEquals } from "@std/assert";
import { type BenchOptions, runBench } from "./bench.ts";
import type { BenchOutcome } from "./report.ts";
import { program } from "../testing/test_support.ts";

const MACHINE = "machine { iommu { mode = strict }\n pci { root_port rp { nvme ssd { } } } }\n";
const BENCH = `${MACHINE}bench "read" matrix { iommu.mode = [strict, off] } {
  setup { let buf = alloc_pages(1) }
  loop { ssd.read(lba: 0, into: buf) }
  budget iotlb.sync <= 1 per iteration
  budget nvme.submit == 50
}`;

function outcomes(text: string, options: BenchOptions = {}): BenchOutcome[] {
  const compiled = program(text);
  return compiled.tests.map((bench) =>
    runBench(compiled, bench, { warmup: 5, iterations: 50, ...options })
  );
}

Deno.test("runBench() counts events and virtual time of the turns asked for, setup and warm-up aside", () => {
  const [strict, off] = outcomes(BENCH);
  assertEquals(strict?.outcome, "passed");
  assertEquals(strict?.iterations, 50);
  assertEquals(strict?.counts["nvme.submit"], 50);
  assertEquals(strict?.counts["iotlb.sync"], 50);
  assertEquals(off?.combination, "iommu.mode = off");
  assertEquals(off?.counts["iotlb.sync"], undefined);
});

Deno.test("a teardown runs once behind the loop, is not counted, and ends what the setup began", () => {
  const lines: string[] = [];
  const [outcome] = outcomes(
    `${MACHINE}bench "b" { setup { let n = 0\n let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) }
  loop { n = n + 1
 advance 1ns }
  teardown { dma_unmap_phys(ssd, m, 4KiB, to_device)\n print n } }`,
    { onLine: (line) => lines.push(line) },
  );
  assertEquals([outcome?.outcome, outcome?.counts, lines], ["passed", {}, ["55"]]);
});

Deno.test("a loop that does nothing on the machine fails its bench (E0928)", () => {
  const codeOf = (loop: string) =>
    outcomes(`${MACHINE}bench "b" { loop { ${loop} } }`)[0]!.failure?.code ?? null;
  assertEquals(codeOf("let _x = 1"), "E0928");
  assertEquals(codeOf("advance 1ns"), null);
  assertEquals(codeOf("ssd.read(lba: 0, into: alloc_pages(1))"), null);
});

Deno.test("requests have exact percentiles, and CPUs and devices are busy no longer than time passed", () => {
  const timed = BENCH.replace(
    "iommu {",
    "latencies { preset = round_figures, nvme.data = 2us }\n iommu {",
  );
  const [strict] = outcomes(timed);
  const { busy, latency, virtualNs } = strict!;
  assertEquals([latency.of, latency.count], ["request", 50]);
  assertEquals(latency.ranges, [{
    fromNs: latency.percentilesNs.p50,
    toNs: latency.percentilesNs.max,
    count: 50,
  }]);
  const busyNs = new Map(busy.map(({ busyNs: ns, name }) => [name, ns]));
  assertEquals(busyNs.get("ssd"), 50 * 2000);
  // Only one request is in flight: either the CPU or the device works.
  assertEquals(busyNs.get("cpu 0")! + busyNs.get("ssd")!, virtualNs);
});

Deno.test("a bench says what its virtual time was counted with (docs/language/declarations.md)", () => {
  const timed = BENCH.replace(
    "iommu {",
    "latencies { iotlb_sync = 300ns, doorbell = 0ns }\n iommu {",
  );
  const [strict, off] = outcomes(timed);
  assertEquals([strict?.virtualNs, off?.virtualNs], [50 * 300, 0]);
  assertEquals(strict?.latenciesNs, { iotlb_sync: 300 });
});

Deno.test("a bench tells the reports that it did not expect, once a statement, and fails for them", () => {
  const wrong = `${MACHINE}bench "b" {
  setup { let buf = alloc_pages(2) }
  loop {
    let m = dma_map_single(ssd, buf, 8KiB, to_device)
    dma_unmap_single(ssd, m, 4KiB, to_device)
  }
}`;
  const [passed] = outcomes(wrong, { lenient: true });
  const seen = passed?.incidents.map(({ incident: { kind, name, place }, times }) =>
    [kind, name, place, times] as const
  );
  assertEquals(passed?.outcome, "passed");
  // The number includes the five iterations that ran before the counted ones.
  assertEquals(seen, [["report", "unmap_size", "t.dma:7:5", 55]]);
  const [failed] = outcomes(wrong);
  assertEquals([failed?.outcome, failed?.failure?.code], ["failed", "E0908"]);
  const expected = wrong.replace("4KiB, to_device)", "4KiB, to_device) warns unmap_size");
  assertEquals(outcomes(expected)[0]?.incidents, []);
});

Deno.test("a bench fails for what each turn leaves, and not for what its setup has made", () => {
  const leaking = (loop: string) =>
    outcomes(`${MACHINE}bench "b" {
  setup { let kept = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) }
  loop {
    let m = dma_map_phys(ssd, 0x20_0000, 4KiB, to_device)
    ${loop}
  }
}`)[0];
  assertEquals(leaking("print m.size")?.failure?.code, "E0926");
  assertEquals(leaking("dma_unmap_phys(ssd, m, kept.size, to_device)")?.failure, null);
});

Deno.test("a bench's loop may keep state from turn to turn and ask for events", () => {
  const [outcome] = outcomes(
    `${MACHINE}bench "b" { setup { let n = 0
        let buf = alloc_pages(1) }
      loop { n += 1
        let t = trace { ssd.read(lba: n, into: buf) }
        assert t.count("nvme.submit") == 1 } }`,
  );
  assertEquals(outcome?.outcome, "passed");
});

Deno.test("a failing turn fails the bench, a skipped bench is not run", () => {
  const [failed, skipped] = outcomes(
    'bench "a" { loop { assert false } }\nskip bench "b" { loop { assert false } }',
  );
  assertEquals(failed?.failure?.code, "E0901");
  assertEquals(skipped?.outcome, "skipped");
  assertEquals(skipped?.iterations, 0);
});

Deno.test("each turn of a bench has the limits of a test", () => {
  const [outcome] = outcomes(
    'bench "a" { loop { let _l = [1, 2, 3].map(x => x)\n advance 1ns } }',
    {
      iterations: 5000,
    },
  );
  assertEquals(outcome?.outcome, "passed");
  assert(outcome!.iterations === 5000);
});
