import { assertEquals } from "@std/assert";
import { CAPTURED_REQUESTS, KERNEL_REQUESTS } from "@dmalab/cli";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { qemuProgram } from "../machine/qemu_program.ts";
import { cutReasons } from "../plan/planned_tests.ts";
import { recordTest } from "../plan/scenario_run.ts";

/** Sets of requests, with the number of calls in their tests. */
const SETS = [[KERNEL_REQUESTS, 60], [CAPTURED_REQUESTS, 185]] as const;
/** Number of additional calls for a disk with metadata: user commands, and requests of two bios. */
const METADATA_CALLS = 35;

/** A QEMU with every property that a machine of the sets needs. */
const ANY_IOMMU = qemuProgram("10.0.13", "  x-flts=<bool>\n  x-scalable-mode=<bool>\n");

Deno.test("a guest can repeat every built-in request, on the oldest and the newest release", async (t) => {
  for (const [path, calls] of SETS) {
    await t.step(`${calls} for each machine`, () => {
      const source = new SourceFile("set.dma", Deno.readTextFileSync(path));
      const loaded = loadProgram(source, { load: () => new LoadError("not_found", "no files") });
      const program = loaded.program!;
      for (const kernel of [KERNEL_NAMES[0]!, KERNEL_NAMES.at(-1)!]) {
        for (const test of program.tests) {
          const config = { ...test.config, kernel };
          const machine = qemuMachine(config, guestMemoryBytes(0, 0), undefined, ANY_IOMMU);
          const recorded = recordTest(program, test, machine.config, DEFAULT_LIMITS);
          const { blockers, outcome, submissions } = recorded;
          const reasons = [...machine.missing, ...blockers, ...cutReasons(recorded)];
          assertEquals([test.combination, reasons, outcome.failure], [test.combination, [], null]);
          const hasMore = path === CAPTURED_REQUESTS && test.name.startsWith("metadata");
          assertEquals(submissions.length, calls + (hasMore ? METADATA_CALLS : 0));
        }
      }
    });
  }
});
