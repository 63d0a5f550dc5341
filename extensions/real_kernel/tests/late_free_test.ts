/**
 * A boot of Debian's 7.2.9 (QEMU 7.2.22, emulated) with a lazy IOMMU. The flush queue's timer frees
 * ranges of requests that have completed, while one request of a later call is in flight.
 */
import { assertEquals } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { readGoldenText } from "@dmalab/tests";
import { compareTest } from "../compare/compare_test_runs.ts";
import { kernelSide } from "../compare/kernel_side.ts";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { Islands } from "../plan/islands.ts";
import { memoryOf, recordTest } from "../plan/scenario_run.ts";
import { readGuestReport } from "../trace/guest_report.ts";

const pathOf = (name: string) => new URL(`data/${name}`, import.meta.url).pathname;

Deno.test("a late free belongs to the request whose range it frees, not to the one in flight", async () => {
  const source = new SourceFile("drawn.dma", Deno.readTextFileSync(pathOf("drawn_lazy.dma")));
  const { program } = loadProgram(source, { load: () => new LoadError("not_found", "no files") });
  const test = program!.tests.find(({ name, combination }) =>
    name === "drawn requests" && combination === "iommu.mode = lazy"
  )!;
  const machine = qemuMachine({ ...test.config, kernel: "7.2.12" }, guestMemoryBytes(0, 0));
  const recorded = recordTest(program!, test, machine.config, DEFAULT_LIMITS);
  const side = kernelSide(
    readGuestReport(await readGoldenText(pathOf("7.2.9.lazy.report.txt.gz"))),
    await readGoldenText(pathOf("7.2.9.lazy.controller.txt.gz")),
    machine,
    new Islands(memoryOf([recorded])),
  );
  assertEquals(compareTest(recorded, [...recorded.submissions.keys()], side), {
    verdict: "same",
    counts: { calls: 60, requests: 129, steps: 1363, accesses: 172, blocked: 0 },
  });
});
