/** The page of a comparison with Debian's 7.3.4, as the guest reported it (`data/`). */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import type { KernelProfile } from "@dmalab/runtime/kernels";
import { compareBoot } from "../compare/compare_boot.ts";
import type { KernelRunReport } from "../kernel_run.ts";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { guestPlan } from "../plan/guest_plan.ts";
import { Islands } from "../plan/islands.ts";
import { memoryOf, recordTest } from "../plan/scenario_run.ts";
import { runPage } from "../result_page.ts";
import { runText } from "../result_text.ts";
import { readGuestReport } from "../trace/guest_report.ts";

const DATA = new URL("data/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, DATA));
const RELEASE = "7.3.4+deb13-amd64";

function reportOf(
  change: (report: string) => string,
  changeText: (text: string) => string = (text) => text,
  { model = "7.3.4", nearest = "7.3.4" }: {
    readonly model?: KernelProfile;
    readonly nearest?: KernelProfile;
  } = {},
): KernelRunReport {
  const source = new SourceFile("two <requests>.dma", changeText(read("two_requests.dma")));
  const { program } = loadProgram(source, { load: () => new LoadError("not_found", "no files") });
  const [test] = program!.tests;
  const machine = qemuMachine({ ...test!.config, kernel: model }, guestMemoryBytes(0, 0));
  const recorded = recordTest(program!, test!, machine.config, DEFAULT_LIMITS);
  const islands = new Islands(memoryOf([recorded]));
  const { facts, verdicts } = compareBoot({
    tests: [{ scenario: { path: "two <requests>.dma", program: program! }, recorded, machine }],
    machine,
    plan: guestPlan(machine, [], [recorded], islands),
    islands,
    report: readGuestReport(change(read("7.3.4.report.txt"))),
    controllerLog: read("7.3.4.controller.txt"),
    otherControllers: [],
  }, nearest);
  return {
    release: RELEASE,
    profile: "7.3.4",
    isSameSeries: true,
    accelerator: "tcg",
    qemu: "7.2.22",
    boots: [facts],
    failures: [],
    verdicts,
  };
}

Deno.test("another release that does what the kernel did is the nearest one where several do", () => {
  const asRelease = (nearest: KernelProfile) => {
    const [first] = reportOf((text) => text, undefined, { model: "6.12.117", nearest }).verdicts;
    const { result } = first!;
    return result.verdict === "not run" ? null : result.asRelease;
  };
  assertEquals(["7.3.4", "7.2.12"].map((name) => asRelease(name as KernelProfile)), [
    "7.3.4",
    "7.2.12",
  ]);
});

Deno.test("a page shows the steps of both sides, and marks the first that differs", () => {
  const page = runPage(
    reportOf((text) => text.replace(/offset=8192 size=4096/, "offset=12288 size=4096")),
  );
  assertStringIncludes(
    page,
    "✕ Linux 7.3.4+deb13-amd64 and the model: 0 same, 1 differ, 0 not run",
  );
  assertMatch(page, /<th scope="col">model 7\.3\.4<\/th>/);
  const marked = [...page.matchAll(/<tr class="first"><td>(.*?)<\/td><td>(.*?)<\/td>/g)];
  assertEquals(
    marked.map(([, one, other]) => [/offset=\d+/.exec(one!)?.[0], /offset=\d+/.exec(other!)?.[0]]),
    [
      ["offset=8192", "offset=12288"],
    ],
  );
  assertEquals(page.includes("two <requests>"), false, "names are escaped");
});

Deno.test("a page of tests that are the same has their counts and no steps", () => {
  const page = runPage(reportOf((text) => text));
  assertStringIncludes(
    page,
    "✓ Linux 7.3.4+deb13-amd64 and the model: 1 same, 0 differ, 0 not run",
  );
  assertStringIncludes(page, "2 calls, 3 requests, 146 steps, 58 accesses");
  assertEquals(page.includes('class="steps"'), false);
});

Deno.test("a false assertion makes a test differ, with its place and a caret", () => {
  const report = reportOf(
    (text) => text.replace(/segments=10/, "segments=10"),
    (text) =>
      text.replace(/wait ssd(.*)into: pages\)/, "let io = ssd$1into: pages)\n  wait io")
        .replace(
          /\}\s*$/,
          "  assert io.format == sgl or io.phys_segments == 10\n  assert io.format == sgl\n}\n",
        ),
  );
  // Both sides use PRPs: the second assertion fails on both, so it is not a difference.
  assertMatch(runText(report), /assertions: 2 as on the model, 0 not, 0 not judged/);
  const changed = reportOf(
    (text) => text.replace(/^.* gather: .*\n/m, ""),
    (text) =>
      text.replace(/wait ssd(.*)into: pages\)/, "let io = ssd$1into: pages)\n  wait io")
        .replace(/\}\s*$/, "  assert io.events.count(iotlb.sync) == 1\n}\n"),
  );
  assertMatch(
    runText(changed),
    /assertion\[kernel\]: assertion failed on the kernel\n.*\n.*\n.*assert io\.events\.count\(iotlb\.sync\) == 1\n.*\^/,
  );
});
