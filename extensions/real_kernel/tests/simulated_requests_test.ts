import { assertEquals } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { simulatedRequest } from "../compare/simulated_requests.ts";
import { recordTest, requestsOf } from "../plan/scenario_run.ts";

const SCENARIO = `
machine {
  kernel = "7.3.4"
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1, sgl = true } } }
}
test "one page, and a range" {
  wait ssd.submit(read, lba: 0, into: alloc_pages(1))
  wait ssd.submit(read, lba: 8, into: alloc_pages(3, contiguous: false))
}
`;

/** For each request, the kinds of its mapping steps, and the number of its `iommu.sync_map` events. */
function stepsOf(isObserved: (kind: string) => boolean, text = SCENARIO) {
  const { program } = loadProgram(new SourceFile("steps.dma", text), {
    load: () => new LoadError("not_found", "no files"),
  });
  const [test] = program!.tests;
  const recorded = recordTest(program!, test!, test!.config, DEFAULT_LIMITS);
  return recorded.submissions.flatMap((submission) =>
    requestsOf(submission).map((request) => {
      const events = recorded.events.get(request.id)!;
      const { map, unseenCalls } = simulatedRequest(request, submission, events, isObserved);
      return {
        steps: map.map(({ kind }) => kind),
        unseen: [...unseenCalls],
        syncs: events.filter(({ name }) => name === "iommu.sync_map").length,
      };
    })
  );
}

Deno.test("iommu_sync_map is a step inside dma_iova_sync alone: elsewhere no probe sees it", () => {
  const [single, range] = stepsOf(() => true);
  assertEquals([single!.syncs, single!.steps.includes("iommu_sync_map")], [1, false]);
  assertEquals(range!.syncs, 1);
  assertEquals(range!.steps.slice(-3), ["dma_iova_sync", "iommu_sync_map", "dma_pool_alloc"]);
});

Deno.test("a step that the kernel's probes cannot show is left out", () => {
  const [, range] = stepsOf((kind) => kind !== "iommu_sync_map");
  assertEquals(range!.steps.slice(-2), ["dma_iova_sync", "dma_pool_alloc"]);
});

Deno.test("a kernel without the function that reserves IOVAs need not show calls that would fail", () => {
  const isObserved = (kind: string) => !kind.startsWith("dma_iova_");
  const [, direct] = stepsOf(isObserved, SCENARIO.replace("mode = strict", "mode = off"));
  assertEquals([direct!.unseen, direct!.steps.slice(0, 2)], [[], ["dma_map", "dma_map"]]);
  const [single, range] = stepsOf(isObserved);
  assertEquals([single!.unseen, range!.unseen], [[], [
    "dma_iova_try_alloc",
    "dma_iova_link",
    "dma_iova_sync",
    "dma_iova_destroy",
  ]]);
});
