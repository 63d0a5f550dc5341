/** Of a boot whose records are incomplete, nothing is called the same. */
import { assertEquals } from "@std/assert";
import { recordsProblem } from "../../boot/records_problem.ts";
import { compareBoot } from "../../compare/compare_boot.ts";
import { bootedGroup, type RecordChanges, recordedBoots } from "./recorded_boots.ts";

/** The machine without an IOMMU: one test of 15 calls. */
const BOOT = { release: "7.3.4", number: 1 };
const RELEASE = "7.3.4+deb13-amd64";

async function problemOf(changes: RecordChanges, release = RELEASE): Promise<string | null> {
  const { booted } = await bootedGroup(BOOT, changes);
  return recordsProblem(booted, {
    machine: booted.machine,
    modes: null,
    release,
    calls: 15,
    islands: 20,
  });
}

const inReport = (from: RegExp | string, to: string): RecordChanges => ({
  report: (text) => {
    const changed = text.replace(from, () => to);
    if (changed === text) throw new Error(`The report has no ${from}`);
    return changed;
  },
});

Deno.test("the records of no boot have a problem (long)", async () => {
  for (const boot of recordedBoots()) {
    const { booted } = await bootedGroup(boot);
    const { islands, machine, report, tests } = booted;
    const asked = {
      modes: null,
      machine,
      release: report.release!,
      calls: tests.reduce((sum, { recorded }) => sum + recorded.submissions.length, 0),
      islands: islands.list.length,
    };
    assertEquals(recordsProblem(booted, asked), null, `${boot.release}.${boot.number}`);
  }
});

Deno.test("records that are whole have no problem", async () => {
  assertEquals(await problemOf({}), null);
});

Deno.test("a report without a result, a trace or its head is incomplete", async () => {
  const missing = "The guest reported no result of 1 of 15 calls";
  assertEquals(await problemOf(inReport(/^io 3 ends .*\n/m, "")), missing);
  assertEquals(await problemOf(inReport(/^io 3 ends .*$/m, "io 3 ends soon")), missing);
  assertEquals(
    await problemOf(inReport(/^file trace 0$/m, "file t 0")),
    "The guest reported no trace",
  );
  assertEquals(
    await problemOf(inReport(/^# entries-in-buffer.*$/m, "#")),
    "The guest's trace has no head, which says whether events were lost",
  );
});

Deno.test("a report of another kernel or of a disk that there is not is refused", async () => {
  assertEquals(
    await problemOf({}, "7.3.5"),
    `The guest runs ${RELEASE}, and the kernel's file is of 7.3.5`,
  );
  assertEquals(
    await problemOf(inReport(/^disk 0 /m, "disk 7 ")),
    "The guest reported disk 7, and the machine has 1 disk",
  );
});

/** What is said of the boot's test. */
async function verdict(changes: RecordChanges) {
  const { booted, profile } = await bootedGroup(BOOT, changes);
  const { verdicts: [first] } = compareBoot(booted, profile);
  return { verdict: first!.result.verdict, problem: first!.problem };
}

Deno.test("a test whose commands are not in the controller's log is no success", async () => {
  assertEquals(await verdict({}), { verdict: "same", problem: null });
  assertEquals(await verdict({ controllerLog: () => "" }), {
    verdict: "not run",
    problem: "QEMU's log has no access of 15 completed requests",
  });
  const cut = (text: string) => text.slice(0, Math.floor(text.length * 0.9));
  assertEquals((await verdict({ controllerLog: cut })).verdict, "not run");
});

Deno.test("a test whose requests are not in the trace differs", async () => {
  const isOfRequest = /^.*: (?:nvme_setup_cmd|request): .*\n/gm;
  const { verdict: word } = await verdict(inReport(isOfRequest, ""));
  assertEquals(word, "differs");
});
