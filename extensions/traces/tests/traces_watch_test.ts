/**
 * `trace watch`, for every capture: prints each proved finding while the trace is read. At a fault
 * it writes the lines of the last seconds, all of them whole.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FileError, MemoryScreen } from "@dmalab/cli";
import { KeptBytes, runWatch } from "../cli/watch.ts";
import { isSure, type TraceFinding } from "../ledger/traced_mapping.ts";
import { TraceWatch } from "../watch/trace_watch.ts";
import { checkedTrace, eachLine } from "./checked_trace.ts";
import { readGolden, runsOf } from "./golden_traces.ts";

function watched(lines: readonly string[]) {
  const findings: TraceFinding[] = [];
  const faults: TraceFinding[] = [];
  const watch = new TraceWatch({
    finding: (finding) => findings.push(finding),
    fault: (finding) => faults.push(finding),
  });
  eachLine(lines, (line, number) => {
    watch.push(line);
    if (number % 500 === 1) watch.settle();
  });
  watch.end();
  return { findings, faults };
}

const placeOf = ({ kind, line }: TraceFinding) => `${kind} ${line}`;

Deno.test("watching says of each capture what checking it says", async (t) => {
  for (const [folder, name] of [["real", "trace.txt.gz"], ["planted", "trace.txt.gz"]] as const) {
    for (const run of runsOf(folder)) {
      const text = await readGolden(`${folder}/${run}.${name}`);
      if (text === null) continue;
      await t.step(run, () => {
        const lines = text.split("\n");
        const right = checkedTrace(lines).findings.filter(isSure);
        const { findings } = watched(lines);
        // Leaves out leaks that name no second line: of several similar leaks only one is reported,
        // and a range without an unmap is found only at the end of the trace.
        const rest = (list: readonly TraceFinding[]) =>
          [
            ...new Set(
              list.filter(({ kind, otherLine }) => kind !== "leak" || otherLine !== null)
                .map(placeOf),
            ),
          ].sort();
        assertEquals(rest(findings), rest(right));
        const leaks = (list: readonly TraceFinding[]) => list.some(({ kind }) => kind === "leak");
        assertEquals(leaks(findings), leaks(right));
      });
    }
  }
});

Deno.test("a fault in the trace's own console event is explained by the mappings before it", async () => {
  const trace = (await readGolden("planted/p17-fault-after-unmap.trace.txt.gz"))!.trimEnd();
  const log = (await readGolden("planted/p17-fault-after-unmap.dmesg.txt"))!.trimEnd();
  const lines = trace.split("\n");
  const right = checkedTrace(lines, log.split("\n")).findings
    .find(({ kind }) => kind === "use_after_unmap")!;
  const at = right.line!;
  const seconds = /(\d+\.\d+): /.exec(lines[at - 1]!)![1]!;
  const console_ = log.split("\n").map((line) =>
    `          <idle>-0       [000] d.h1.   ${
      (Number(seconds) + 1e-4).toFixed(6)
    }: console: ${line}`
  );
  const { faults } = watched([...lines.slice(0, at), ...console_, ...lines.slice(at)]);
  assertEquals(faults.map(placeOf), [placeOf(right)]);
  assertEquals(faults[0]!.certainty, "proved");
});

Deno.test("what is kept of a stream is its newest bytes, in whole lines and not older than asked", () => {
  for (const sizeBytes of [64, 1000, 1 << 16]) {
    const kept = new KeptBytes(sizeBytes, 10);
    let all = "";
    for (let second = 1; second <= 40; second++) {
      const piece = `${`line of ${second} `.padEnd(70 + second % 7, ".")}\n`.repeat(1 + second % 3);
      all += piece;
      kept.push(new TextEncoder().encode(piece));
      kept.mark(second);
      const text = new TextDecoder().decode(kept.newest(second).bytes);
      assert(all.endsWith(text), text);
      assert(text === "" || text === all || all[all.length - text.length - 1] === "\n", text);
      assert(text.length <= sizeBytes);
      if (sizeBytes > 1000) {
        assertMatch(text, new RegExp(`^line of ${Math.max(1, second - 9)} `));
        assertEquals(kept.newest(second).seconds, Math.min(second - 1, 10));
      }
    }
  }
});

Deno.test("at a fault the watch writes its last seconds, which can be checked", async () => {
  const trace = (await readGolden("planted/p17-fault-after-unmap.trace.txt.gz"))!;
  const log = (await readGolden("planted/p17-fault-after-unmap.dmesg.txt"))!;
  using folder = new TempFolder({ "t.txt": trace + log });
  const screen = new MemoryScreen();
  const form = { asJson: false, keepSeconds: 3600, name: folder.at("fault") };
  assertEquals(await runWatch([folder.at("t.txt")], form, screen), 1);
  assertMatch(screen.output, /use_after_unmap .*; the last .* s are in .*fault-1\.trace\.txt\n$/);
  assertEquals(Deno.readTextFileSync(folder.at("fault-1.trace.txt")), trace + log);
  assertMatch(screen.errors, /^\d+ lines?, .* 1 fault; memory /);
});

Deno.test({
  name:
    "a file of a fault that cannot be written ends the watch with a message, whenever it settles",
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = new TempFolder();
    const [pipe, file] = [folder.at("pipe"), folder.at("fault-1.trace.txt")];
    new Deno.Command("mkfifo", { args: [pipe] }).outputSync();
    Deno.symlinkSync("elsewhere", file);
    const log = (await readGolden("planted/p17-fault-after-unmap.dmesg.txt"))!;
    // The writer keeps the pipe open for longer than the watch waits for a complete entry.
    const script = 'printf %s "$0" > "$1"; exec sleep 1';
    const writer = new Deno.Command("sh", { args: ["-c", `{ ${script}; } 3> "$1"`, log, pipe] })
      .spawn();
    const screen = new MemoryScreen();
    const form = { asJson: false, keepSeconds: 10, name: folder.at("fault") };
    const error = await assertRejects(() => runWatch([pipe], form, screen), FileError);
    assertEquals(error.message, `Cannot write "${file}": it is a symbolic link`);
    assertMatch(screen.output, /: iommu_fault /);
    await writer.status;
  },
});
