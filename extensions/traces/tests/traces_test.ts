/**
 * Captures of real kernels, and small captures with a planted fault, are compared with their
 * expected results (tests/golden/traces/README.md): every count, every mistake at its line, and no
 * other finding that is called proved or likely.
 */
import { assert, assertEquals } from "@std/assert";
import { emulatorJson } from "../clocks/emulator_report.ts";
import type { checkJson } from "../ledger/check_report.ts";
import { pageOf } from "../owner/pages.ts";
import { checkedTrace, passOf } from "./checked_trace.ts";
import {
  type Expected,
  type ExpectedAnomaly,
  readExpected,
  readGolden,
  runsOf,
} from "./golden_traces.ts";
import { readDamaged, traceCorpus } from "@dmalab/tests/fuzz";

type Report = ReturnType<typeof checkJson>;
type Found = Report["findings"][number] & Readonly<Record<string, unknown>>;

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => line.replace(/\r$/, ""));
}

function check(trace: string, log: string | null): Report {
  return checkedTrace(linesOf(trace), linesOf(log ?? "")).json();
}

async function checkRun(run: string): Promise<Report> {
  const trace = await readGolden(`${run}.trace.txt.gz`) ?? await readGolden(`${run}.txt.gz`);
  const log = await readGolden(`${run}.dmesg.txt.gz`) ?? await readGolden(`${run}.dmesg.txt`);
  return check(trace!, log);
}

const PAGE_BYTES = 4096n;
const isSurely = ({ certainty }: Found) => certainty === "proved" || certainty === "likely";

/** Whether a finding is the expected one: kind, lines, page. */
function isOne(found: Found, right: ExpectedAnomaly, accepted: readonly string[]): boolean {
  if (!accepted.includes(found.kind)) return false;
  if (right.line !== undefined && found.line !== right.line) return false;
  if (right.dmesg_line != null && found.log_line !== right.dmesg_line) return false;
  if (right.lines !== undefined && `${found.lines}` !== `${right.lines}`) return false;
  if (right.cause !== undefined) {
    return [right.cause, ...right.accept_cause ?? []].includes(String(found.cause));
  }
  // A fault beyond the end of a mapping is reported with the address of the fault, not with that of
  // the mapping. Therefore only the pages are compared.
  return right.address === undefined || found.address === null ||
    BigInt(found.address) / PAGE_BYTES === BigInt(right.address) / PAGE_BYTES;
}

function holdAnomalies(run: string, report: Report, expected: Expected): void {
  const findings = report.findings as readonly Found[];
  const used = new Set<Found>();
  for (const right of expected.anomalies) {
    const accepted = [right.kind, ...right.accept ?? expected.accept?.[right.kind] ?? []];
    const found = findings.find((each) => !used.has(each) && isOne(each, right, accepted));
    assert(found !== undefined, `${run}: ${JSON.stringify(right)} is not found`);
    used.add(found);
    if (right.other_line !== undefined) assertEquals(found.other_line, right.other_line, run);
    if (right.certainty === "proved") assertEquals(found.certainty, "proved", run);
    const isWeak = right.certainty === "suspected" || accepted.length > 1;
    assert(isWeak || isSurely(found), `${run}: ${right.kind} is only ${found.certainty}`);
  }
  for (const right of expected.possible ?? []) {
    const found = findings.find((each) => isOne(each, right, [right.kind]));
    assertEquals([found?.certainty, found?.other_line], ["possible", right.other_line], run);
  }
  // Besides the expected findings, only findings about expected lines of the kernel's log may be
  // proved or likely.
  const logLines = new Set((expected.kernel_log ?? []).map(({ line }) => line));
  const besides = findings.filter((each) =>
    !used.has(each) && isSurely(each) && !logLines.has(each.log_line)
  );
  assertEquals(besides, [], run);
}

function holdCounts(run: string, { balance, summary }: Report, expected: Expected): void {
  assertEquals(summary.events, expected.events, run);
  assertEquals(summary.overwritten, expected.overwritten, run);
  assertEquals(summary.damaged_lines, [], run);
  assertEquals(
    summary.gaps,
    expected.gaps.map(({ count, cpu, line }) => ({ line, cpu, count: count ?? null })),
    run,
  );
  if (expected.closed_lives === undefined) return;
  assertEquals(balance.closed_lives, expected.closed_lives, run);
  assertEquals(balance.alive_at_end, expected.alive_at_end, run);
  assertEquals(balance.born_before_trace, expected.born_before_trace, run);
  const { links, links_never_unmapped: left = [], ranges_ended } = expected.two_step!;
  assertEquals(balance.two_step, { links, ranges_ended, links_never_unmapped: left }, run);
}

function holdBalance(run: string, { balance }: Report): void {
  for (const [device, { alive, births, deaths, uncertain }] of Object.entries(balance.devices)) {
    assertEquals(births, deaths + alive + uncertain, `${run}: ${device}`);
  }
}

Deno.test("in captures of real kernels every mapping is accounted for, and every mistake is found", async (t) => {
  const runs = runsOf("real");
  assert(runs.length >= 22, `${runs.length} runs`);
  for (const run of runs) {
    await t.step(run, async () => {
      const expected = readExpected(`real/${run}`);
      const report = await checkRun(`real/${run}`);
      holdCounts(run, report, expected);
      holdBalance(run, report);
      holdAnomalies(run, report, expected);
      const offset = expected.trace_minus_dmesg_seconds;
      if (offset !== undefined) {
        const found = report.summary.clock_offset;
        assertEquals(found?.source, "calls", run);
        assert(Math.abs(found!.trace_minus_dmesg_seconds - offset) < 0.001, `${run}: ${offset}`);
      }
    });
  }
});

Deno.test("a planted fault is found at its line, and nothing besides; dirt changes nothing", async (t) => {
  const runs = runsOf("planted");
  assert(runs.length >= 52, `${runs.length} runs`);
  for (const run of runs) {
    await t.step(run, async () => {
      const expected = readExpected(`planted/${run}`);
      const report = await checkRun(`planted/${run}`);
      holdBalance(run, report);
      holdAnomalies(run, report, expected);
      assertEquals(report.summary.damaged_lines, expected.damaged_lines ?? [], run);
      assertEquals(report.summary.gaps.length, (expected.gaps ?? []).length, run);
      for (const { line } of expected.alive_extra ?? []) {
        const alive = report.findings.filter(({ kind }) => kind === "alive_at_end");
        assert(alive.some((finding) => finding.line === line), `${run}: ${line} is not alive`);
      }
      for (const name of Object.keys(expected.unknown_events ?? {})) {
        assertEquals(report.summary.events[name], expected.unknown_events![name], run);
      }
      if (/dirt|crlf|klog/.test(run)) {
        assertEquals(report.balance, (await checkRun(`real/${expected.base}`)).balance, run);
      }
    });
  }
});

Deno.test("user-space dialects give the same events, with the records that their tools cannot print", async (t) => {
  for (const run of runsOf("dialects").filter((name) => !name.startsWith("blkparse"))) {
    await t.step(run, async () => {
      const expected = readExpected(`dialects/${run}`);
      const { findings, summary } = await checkRun(`dialects/${run}`);
      assertEquals(summary.events, expected.events, run);
      assertEquals(summary.failed_to_parse, expected.failed_to_parse, run);
      // The only sure finding is the mistake that the driver made on purpose. The driver recorded
      // this mistake.
      const [mistake, mapped] = expected.drivers_record!;
      const kind = mistake === "bug dir" ? "unmap_direction" : "unmap_size";
      const address = /dma=([0-9a-f]+)/.exec(mapped!)![1]!;
      assertEquals(
        (findings as readonly Found[]).filter(isSurely).map((found) => [found.kind, found.address]),
        [[kind, `0x${address}`]],
        run,
      );
    });
  }
});

Deno.test("damaged lines of every kind are read without an exception, and change no line's number", async () => {
  const corpus = await traceCorpus();
  const { damagedLines } = readDamaged(corpus, 20_000, 0x1357_9bdf);
  assert(damagedLines > 100, `${damagedLines}`);
  for (let seed = 1; seed <= 10; seed++) readDamaged(corpus, 500, seed);
});

Deno.test("accesses that the emulator refused and the kernel did not log are those of the driver's record (long)", async () => {
  for (const run of runsOf("real")) {
    const texts = await Promise.all(
      ["dmesg.txt", "qemu.log"].map((kind) => readGolden(`real/${run}.${kind}.gz`)),
    );
    const { accesses_without_a_line: without = [] } = readExpected(`real/${run}`);
    const { entries, qemu } = passOf(texts.flatMap((text) => linesOf(text ?? "")));
    const unlogged = emulatorJson(qemu, entries)?.accesses.filter(({ logged }) => !logged);
    assertEquals(
      unlogged?.map(({ access, address }) => [access, pageOf(Number(address))]) ?? [],
      without.map(({ access, address }) => [access, Number(address)]),
      run,
    );
  }
});

Deno.test("the log of an emulator is tied to the trace by the commands that both have (T.43)", async () => {
  const lines = linesOf((await readGolden("real/72-mono-clock.qemu.log.gz"))!);
  const trace = linesOf((await readGolden("real/72-mono-clock.trace.txt.gz"))!);
  const { qemu } = checkedTrace(trace, lines).json().summary;
  assertEquals([qemu?.pairs, Math.floor(qemu!.qemu_minus_trace_seconds!)], [3, 1795197555]);
  // Delays can only increase the difference between the two clocks; in this run by at most 17
  // milliseconds.
  assert(qemu!.spread_seconds! > 0.001 && qemu!.spread_seconds! < 0.018, `${qemu!.spread_seconds}`);
  assertEquals(
    qemu!.refused_accesses,
    lines.filter((line) => /:vtd_dmar_fault /.test(line)).length,
  );
});
