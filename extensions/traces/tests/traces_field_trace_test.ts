/**
 * Traces in the file forms that users have, and the output of real tools. The values that are read
 * from them are compared with the correct values.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryScreen } from "@dmalab/cli";
import { runCheck } from "../cli/check.ts";
import { runScript } from "../cli/script.ts";
import { runSummary } from "../cli/summary.ts";
import { refusingUnreadable } from "../cli/read_lines.ts";
import { kernelPayload } from "../line/failed_to_parse.ts";
import { readSetup } from "../line/nvme_event.ts";
import { PayloadFields } from "../line/payload.ts";
import { TraceLine } from "../line/trace_line.ts";
import { eventOf } from "../line/event_log.ts";
import { WorkloadScript } from "../script/workload_script.ts";

const fieldPath = (name: string) => new URL(`field/${name}`, import.meta.url).pathname;

/** The output of a command for a file. */
async function printed(run: (screen: MemoryScreen) => Promise<number>) {
  const screen = new MemoryScreen();
  const code = await refusingUnreadable(screen, () => run(screen) as never);
  return { code, output: screen.output, errors: screen.errors };
}

const checkedJson = async (name: string) => {
  const { output } = await printed((screen) => runCheck([fieldPath(name)], true, screen));
  return JSON.parse(output);
};

Deno.test("24: the fault event of a wireless card is a late access, proved by one clock", async () => {
  const { findings: [found, ...others] } = await checkedJson("24-page-fault-event.txt");
  assertEquals(others, []);
  const { address, certainty, device, kind, line, other_line, text } = found;
  assertEquals(
    { address, certainty, device, kind, line, other_line },
    {
      address: "0xfe980000",
      certainty: "proved",
      device: "0000:c2:00.0",
      kind: "use_after_unmap",
      line: 7,
      other_line: 5,
    },
  );
  assertStringIncludes(text, "freed in line 5 by kworker/u64:0-12");
});

Deno.test("45: three ranges are all unmapped, two of them in an interrupt over no task of theirs", async () => {
  const { balance: { two_step }, findings, summary } = await checkedJson(
    "45-unmap-in-interrupt.txt",
  );
  assertEquals(findings, []);
  assertEquals(two_step, { links: 96, ranges_ended: 3, links_never_unmapped: [] });
  assertEquals(summary.understood_events, 99);
});

Deno.test("26: a trace of bounces alone has been read, and has nothing to check", async () => {
  const { findings, summary } = await checkedJson("26-swiotlb-only-trace.txt");
  assertEquals([findings, summary.understood_events], [[], 4]);
});

Deno.test("raw fields of trace-cmd are refused by name", async () => {
  const path = fieldPath("trace-cmd-report-R.txt");
  const { code, errors } = await printed((screen) => runCheck([path], false, screen));
  assertEquals(code, 2);
  assertStringIncludes(errors, "trace-cmd report -R");
});

/**
 * Words of a command as libtraceevent prints them. Each has the opcode, block, length and text that
 * must be read from the words.
 */
const COMMANDS: readonly (readonly [
  words: string,
  opcode: number,
  lba: number | null,
  blocks: number | null,
  text: string,
])[] = [
  ["", 2, null, null, "nvme_cmd_read cdw10="],
  ["A", 2, null, null, "nvme_cmd_read cdw10=A"],
  ["0123", 1, null, null, "nvme_cmd_write cdw10=0123"],
  ["8,", 1, null, null, "nvme_cmd_write cdw10=8"],
  ["", 0, 0, 0, "nvme_cmd_flush cdw10="],
  [
    "ARRAY[0a, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00]",
    2,
    10,
    1,
    "nvme_cmd_read slba=10, len=0, ctrl=0x0, dsmgmt=0, reftag=0",
  ],
  [
    "ARRAY[f8, ff, 07, 00, 00, 00, 00, 00, 07, 00, 00, 80, 07, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00]",
    1,
    0x7fff8,
    8,
    "nvme_cmd_write slba=524280, len=7, ctrl=0x8000, dsmgmt=7, reftag=0",
  ],
  [
    "ARRAY[00, 00, 00, 00, 01, 00, 00, 00, ff, ff, 00, 04, 00, 01, 00, 00, 78, 56, 34, 12, 00, 00, 00, 00]",
    8,
    2 ** 32,
    65536,
    "nvme_cmd_write_zeroes slba=4294967296, len=65535, ctrl=0x400, dsmgmt=256, reftag=305419896",
  ],
  ["ARRAY[0a, 00, 00]", 2, null, null, "nvme_cmd_read cdw10=0a 00 00"],
];

Deno.test("command words that are printed as text say nothing of blocks; bytes say all (T.12)", () => {
  for (const [words, opcode, lba, blocks, text] of COMMANDS) {
    const payload = kernelPayload(
      "nvme_setup_cmd",
      `[FAILED TO PARSE] disk=nvme0n1 ctrl_id=0 qid=1 opcode=${opcode} flags=0 fctype=1 cid=4 nsid=1 metadata=0 cdw10=${words}`,
    )!;
    assertStringIncludes(payload, `cmd=(${text})`);
    const fields = new PayloadFields();
    fields.setText(payload);
    const setup = readSetup(fields)!;
    assertEquals([setup.lba, setup.blocks], [lba, blocks], words);
  }
});

Deno.test("a read whose block is printed as text has its block by the issue beside it, or none", async () => {
  for (const name of ["trace-cmd-lba10.txt", "perf-script-lba10.txt"]) {
    const { output } = await printed((screen) =>
      runSummary([fieldPath(name)], { asJson: false, asEvents: true }, screen)
    );
    const setups = output.trim().split("\n").map((each) => JSON.parse(each))
      .filter(({ event }) => event === "nvme_setup_cmd");
    assertEquals(setups.map(({ blocks, lba }) => [lba, blocks]), [[null, null]], name);
    const scenario = await printed((screen) => runScript([fieldPath(name)], null, false, screen));
    assertEquals(scenario.code, 2);
    assertStringIncludes(scenario.errors, "has no mapping; record dma:* too");
  }
  const path = fieldPath("trace-cmd-report.txt");
  const script = await printed((screen) => runScript([path], null, false, screen));
  assertEquals([script.code, /alloc_pages\(0|bytes: 0B|null/.exec(script.output)], [0, null]);
});

/**
 * Lines of blkparse, the number of requests that are read from them, and the output about failed
 * requests.
 */
const REQUESTS: Readonly<
  Record<string, readonly [lines: readonly string[], count: number, failed: string | null]>
> = {
  "one read": [["D  R 8 + 8 [dd]", "C  R 8 + 8 [0]"], 1, null],
  "a read that fails": [
    ["D  R 8 + 8 [dd]", "C  R 8 + 8 [65531]"],
    1,
    "read of 8 sectors from 8 on, errno -5",
  ],
  "a read that fails after two retries": [
    [
      "D  R 8 + 8 [dd]",
      "R  R 8 + 8 [0]",
      "D  R 8 + 8 [k]",
      "R  R 8 + 8 [0]",
      "D  R 8 + 8 [k]",
      "C  R 8 + 8 [65475]",
    ],
    1,
    "read of 8 sectors from 8 on, errno -61, after 2 retries",
  ],
  "a write that succeeds after a retry": [
    ["D  W 8 + 8 [dd]", "R  W 8 + 8 [0]", "D  W 8 + 8 [k]", "C  W 8 + 8 [0]"],
    1,
    null,
  ],
  "the same sector twice, without a retry": [
    ["D  R 8 + 8 [dd]", "C  R 8 + 8 [0]", "D  R 8 + 8 [dd]", "C  R 8 + 8 [0]"],
    2,
    null,
  ],
  "a signed error, as older releases print it": [
    ["D  W 0 + 1 [dd]", "C  W 0 + 1 [-5]"],
    1,
    "errno -5",
  ],
};

Deno.test("errors of blkparse are read without their sign, and retries are one request", () => {
  for (const [name, [lines, count, failed]] of Object.entries(REQUESTS)) {
    const script = new WorkloadScript();
    lines.forEach((each, index) => {
      const line = TraceLine.of(`259,0    0  ${index + 1}     0.${index}00000000   136  ${each}`);
      const event = eventOf(line, "blk", index + 1, false);
      script.take(event!);
    });
    const text = script.text("blk")!;
    assertEquals(text.match(/submit\(/g)?.length, count, name);
    assertEquals(text.includes("Failed on the machine"), failed !== null, name);
    if (failed !== null) assertStringIncludes(text, failed, name);
  }
});

Deno.test("blkparse of a medium error: the read failed once, with -61 after five tries more", async () => {
  const path = fieldPath("blkparse-medium-error.txt");
  const { output } = await printed((screen) => runScript([path], null, false, screen));
  assertStringIncludes(output, "5 requests");
  assertStringIncludes(output, "read of 8 sectors from 480000 on, errno -61, after 5 retries");
});

Deno.test("a workload says how many requests failed beyond those it names, and what of them it leaves out", () => {
  const script = new WorkloadScript();
  for (let index = 0; index < 25; index++) {
    for (const action of [`D  R ${8 * index} + 8 [dd]`, `C  R ${8 * index} + 8 [65475]`]) {
      const line = `259,0    0  ${index}  ${index}.000000000  136  ${action}`;
      const event = eventOf(TraceLine.of(line), "blk", index + 1, false);
      assert(event !== null, line);
      script.take(event);
    }
  }
  const text = script.text("f")!;
  assertEquals(text.match(/^# Failed on the machine: read of 8 sectors/gm)?.length, 20);
  assertStringIncludes(text, "# Failed on the machine: 5 more requests.");
  assertStringIncludes(text, "# Left out: why they failed, and their retries");
});
