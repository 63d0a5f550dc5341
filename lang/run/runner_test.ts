import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DEFAULT_LIMITS } from "../values/limits.ts";
import { failureOf, onlyOutcome, program, run } from "../testing/test_support.ts";
import { loadText } from "../language.ts";
import { runScript } from "../testing/run_script.ts";
import { runTest } from "./run_program.ts";

const MACHINE = "machine { iommu { mode = strict }\n pci { root_port rp { nvme ssd { } } } }\n";
const LINK = "dma_iova_link(ssd, state, phys: 0x20_0800, offset: 4KiB, size: 4KiB, dir: to_device)";
const inTest = (body: string) => `${MACHINE}test "t" {\n${body}\n}`;
const FREE = "\ndma_iova_free(ssd, state)";
const STATE =
  "let state = iova_state()\nassert dma_iova_try_alloc(ssd, state, phys: 0, size: 64KiB)\n";
const MAPPED = "let m = dma_map_phys(ssd, 0x100_0000, 4KiB, to_device)\n";

Deno.test("runProgram() with `only: tests` leaves the statements at the top alone", () => {
  const { lines, report } = run('print 1\ntest "t" { print 2 }', { only: "tests" });
  assertEquals(lines, ["2"]);
  assertEquals(report.outcomes.length, 1);
});

Deno.test("match chooses tests by their name or their machine, skip leaves them out, both count", () => {
  const text = `
    test "one" { }
    skip test "two" { assert false }
    test "three" matrix { cpus = [1, 2] } { }`;
  assertEquals(run(text).report.counts.skipped, 1);
  const { report } = run(text, { match: ["cpus = 2"] });
  assertEquals(report.outcomes.map(({ combination, name }) => [name, combination]), [
    ["three", "cpus = 2"],
  ]);
  assertEquals(report.counts.filtered, 3);
});

Deno.test("fails, faults and warns take what they name, and say what happened instead", () => {
  assertEquals(failureOf(inTest(`${STATE}${LINK} fails EIO${FREE}`)), null);
  assertEquals(
    failureOf(inTest(`${STATE}${LINK} fails EINVAL`)),
    "E0903 Expected EINVAL, but EIO was raised: dma_iova_link() failed",
  );
  assertEquals(
    failureOf(inTest("dma_map_phys(ssd, 0x100_0000, 4KiB, to_device) fails EINVAL")),
    "E0903 Expected EINVAL, but the call returned mapping of 4KiB at 0xffff_d000 (iommu, to_device)",
  );
  assertEquals(failureOf(inTest("ssd.dma_read(0x1000, 512B) faults not_present")), null);
  assertEquals(
    failureOf(inTest(`${MAPPED}ssd.dma_write(m.addr, bytes"00") faults not_present`)),
    "E0904 Expected the fault not_present, but not_writable occurred",
  );
  assertEquals(failureOf(inTest(`${STATE}${LINK} warns link_unaligned${FREE}`)), null);
  assertEquals(
    failureOf(inTest(`${MAPPED}dma_unmap_phys(ssd, m, 4KiB, to_device) warns unmap_size`)),
    "E0905 Expected the report unmap_size, but there was no report",
  );
});

Deno.test("a block expects an error at its end, a fault, or a report", () => {
  assertEquals(failureOf(inTest(`${STATE}expect error EIO {\n${LINK} }${FREE}`)), null);
  assertEquals(
    failureOf(inTest("expect error EIO { let _x = 1 }")),
    "E0903 Expected EIO, but the block completed",
  );
  assertEquals(failureOf(inTest("expect fault not_present { ssd.dma_read(0, 1B) }")), null);
  assertEquals(
    failureOf(inTest("repeat 1 { expect error EIO { break } }")),
    "E0903 Expected EIO, but the block completed",
    "leaving the block is coming to its end",
  );
  assertEquals(
    failureOf(inTest("expect error EIO { assert 1 == 2 }")),
    "E0901 Assertion failed",
    "an assertion is never expected",
  );
});

Deno.test("an unexpected error fails the test with the device's last events", () => {
  const { failure } = onlyOutcome(inTest(`${STATE}${LINK}`));
  assertEquals(failure?.code, "E0902");
  assertEquals(failure?.message, "Unexpected EIO: dma_iova_link() failed");
  assert(failure?.lines.some((line) => line.includes("last events of ssd:")));
  assert(failure?.lines.at(-1)?.trimEnd().endsWith("= EIO"));
});

Deno.test("a failure inside functions names the calls that led there", () => {
  const { failure } = onlyOutcome("fn f(x) { assert x == 1 }\nfn g() { f(2) }\ng()");
  assertEquals(failure?.place, "t.dma:1:18");
  assert(failure?.lines.some((line) => line.includes("`f` was called here")));
  assert(failure?.lines.some((line) => line.includes("`g` was called here")));
});

Deno.test("step until sees a condition that comes and goes within an activity", () => {
  const after = (text: string) =>
    failureOf(inTest(`let io = ssd.submit(read, lba: 0, into: alloc_pages(1))\n${text}`));
  // The interrupt and the unmap happen in one activity, which handles the completion: at the end of
  // the activity both have happened.
  const between = "counters.irq == 1 and counters.nvme.unmap == 0";
  assertEquals(after(`step until ${between}\nassert counters.nvme.unmap == 1`), null);
  assertEquals(after("let n = 0\nstep until n == 1 or io.done\nassert io.done"), null);
  // A call may cause events, so a condition with a call is evaluated between activities only.
  assertEquals(
    after(`step until io.requests.all(r => ${between})`),
    "E0907 No work is pending, and the condition is false",
  );
});

Deno.test("a wait without pending work names the time of the next timer, after which it ends", () => {
  const body = (first: string) =>
    `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
let io = ssd.submit(read, lba: 0, into: alloc_pages(1))
inject device.answer { step 100 }
${first}wait io`;
  const [problem] = runScript(body("")).problems;
  const hint = /hint: the next timer fires in ([\w.]+): `advance \1`/.exec(problem!);
  assert(hint !== null, problem);
  assertEquals(runScript(body(`advance ${hint[1]}\n`)).problems, []);
  const none = runScript("machine { }\nstep until iommu.live_mappings == 5").problems.join("\n");
  assertStringIncludes(none, "hint: no timer is set either");
});

Deno.test("advance moves time, and on cpu runs a block on another one", () => {
  assertEquals(failureOf(inTest("advance 10ms\nassert now() == 10ms")), null);
  const cpus = inTest(
    "on cpu 1 { ssd.dma_read(0, 1B) }\nssd.dma_read(0, 1B)\nassert events[0].cpu == 1\nassert events[1].cpu == 0",
  )
    .replace("machine {", "machine { cpus = 2, faults = report\n");
  assertEquals(failureOf(cpus), null);
  assertEquals(failureOf(inTest("on cpu 7 { }")), "E0919 There is no CPU 7");
  const left = cpus.replace("ssd.dma_read(0, 1B) }", "repeat 1 { ssd.dma_read(0, 1B)\nbreak } }");
  assertEquals(failureOf(left), null, "the CPU is back after the block, however it is left");
});

Deno.test("trace is a value with the events of its block", () => {
  const text = inTest(
    "let buf = alloc_pages(1)\nlet t = trace { ssd.read(lba: 0, into: buf) }\n" +
      'assert t.count("nvme.submit") == 1\nexpect events [ nvme.submit, nvme.complete ] in t',
  );
  assertEquals(failureOf(text), null);
});

Deno.test("a property fails with the case that breaks it", () => {
  const { cases, failure } = onlyOutcome(
    'property "p" forall n in 0..10, m in [1, 2] { assert n * m < 12 }',
  );
  assertEquals(failure?.code, "E0901");
  assertEquals(cases, 14);
  const said = failure!.lines.join("\n");
  assertStringIncludes(said, "case 14 of 20 fails; ");
  assertStringIncludes(said, "minimal failing case: n = 6, m = 2");
});

Deno.test("a property's random cases and its machines follow the seed", () => {
  const text = 'property "p" forall n in 0..1_000_000 { print n }';
  const once = run(text, { seed: 7 }).lines;
  assertEquals(once.length, 100);
  assertEquals(run(text, { seed: 7 }).lines, once);
  assert(run(text, { seed: 8 }).lines.join() !== once.join());
});

Deno.test("runTest() gives the same outcome twice, event by event", () => {
  const compiled = program(
    inTest("let buf = alloc_pages(8, contiguous: false)\nssd.read(lba: 8, into: buf)"),
  );
  const events: string[][] = [[], []];
  const outcomes = events.map((seen) =>
    runTest(compiled, compiled.tests[0]!, { onEvent: (event) => seen.push(JSON.stringify(event)) })
  );
  assertEquals(outcomes[0], outcomes[1]);
  assert(events[0]!.length > 20);
  assertEquals(events[0], events[1]);
});

Deno.test("expectations that no test came to are listed, those of failed tests not", () => {
  const text = `
    fn check(x) { if x > 1 { assert x == 2 } }
    test "a" matrix { cpus = [1, 2] } { if topology_cpus() == 2 { assert true }
      if false { assert true } }
    fn topology_cpus() { return 2 }
    test "b" { check(1) }`;
  const { report } = run(text);
  assertEquals(report.unreached, ["t.dma:2:30", "t.dma:4:18"]);
  const failing = run('test "a" { assert false\n assert true }').report;
  assertEquals(failing.unreached, []);
});

Deno.test("a run that a limit stopped says so", () => {
  const limits = { ...DEFAULT_LIMITS, steps: 1000 };
  const { report } = run('test "a" { while true { } }\ntest "b" { }', { limits });
  assertEquals(report.limitReached, true);
  assertEquals(report.outcomes.map(({ outcome }) => outcome), ["failed", "passed"]);
  const output = run('test "a" { while true { print 1 } }\ntest "b" { }', {
    limits: { ...DEFAULT_LIMITS, outputLines: 5 },
  });
  assertEquals(output.report.outcomes.length, 1, "nothing more can be said after that");
});

Deno.test("a trace of more events than are kept is refused, not cut", () => {
  const text = inTest(
    "let buf = alloc_pages(1)\nlet t = trace { ssd.read(lba: 0, into: buf) }\nprint t",
  );
  const limits = { ...DEFAULT_LIMITS, events: 10 };
  const { failure } = run(text, { limits }).report.outcomes[0]!;
  assertEquals(failure?.code, "E0805");
  assertEquals(run(text, { limits: { ...limits, events: 100 } }).report.outcomes[0]!.failure, null);
});

Deno.test("an assignment to a byte of a buffer is told how the CPU writes memory", () => {
  const hints = (text: string) =>
    loadText(`machine { }\nlet b = alloc_pages(1)\n${text}`).diagnostics.map(({ hint }) => hint);
  assertStringIncludes(hints("b[0] = 5")[0]!, 'poke(b.phys + 3, bytes"02")');
  assertStringIncludes(hints("b.bytes[3] = 2")[0]!, 'poke(b.phys + 3, bytes"02")');
  assertEquals(hints("b.size = 3KiB"), ["only its functions and methods change it"]);
  const late = runScript("machine { }\nfn set(x) { x[0] = 5 }\nset(alloc_pages(1))").problems;
  assertStringIncludes(late.join("\n"), "`b.fill(0x02)`");
});
