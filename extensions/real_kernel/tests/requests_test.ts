import { assertEquals } from "@std/assert";
import { KERNEL_REQUESTS } from "@dmalab/cli";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { recordTest } from "../plan/scenario_run.ts";

Deno.test("a guest can repeat every built-in request, on the oldest and the newest release", () => {
  const source = new SourceFile("drawn.dma", Deno.readTextFileSync(KERNEL_REQUESTS));
  const { program } = loadProgram(source, { load: () => new LoadError("not_found", "no files") });
  for (const kernel of [KERNEL_NAMES[0]!, KERNEL_NAMES.at(-1)!]) {
    for (const test of program!.tests) {
      const machine = qemuMachine({ ...test.config, kernel }, guestMemoryBytes(0, 0));
      const { blockers, outcome, submissions } = recordTest(
        program!,
        test,
        machine.config,
        DEFAULT_LIMITS,
      );
      assertEquals([machine.missing, blockers, outcome.failure], [[], [], null]);
      assertEquals(submissions.length, 60);
    }
  }
});
