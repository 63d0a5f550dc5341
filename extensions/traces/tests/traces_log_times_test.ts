/**
 * Logs in other forms than dmesg's own. The findings are the same, whatever the form of the times
 * is.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lineSource } from "../cli/read_lines.ts";
import { LOG_FORMS, LogForms } from "../kernel_log/log_forms.ts";
import { checkedTrace } from "./checked_trace.ts";
import { readGolden, runsOf } from "./golden_traces.ts";
import { COARSE, inForm, OTHER_ZERO, SAME } from "./log_forms.ts";

function findings(trace: readonly string[], log: readonly string[]) {
  return checkedTrace(trace, log).findings
    .filter(({ certainty, logLine }) => certainty !== "unknown" || logLine !== null)
    .map(({ address, candidates = [], certainty, device, kind, line, logLine, otherLine }) => {
      return { kind, line, otherLine, logLine, device, address, certainty, candidates };
    });
}

/** A finding as text, without its certainty. */
const causeOf = (finding: ReturnType<typeof findings>[number]) =>
  JSON.stringify({ ...finding, certainty: null, candidates: null });

const isSure = ({ certainty }: { certainty: string }) =>
  certainty === "proved" || certainty === "likely";

Deno.test("a log in another form gives the same findings, or says that they are only possible (long)", async (t) => {
  for (const folder of ["real", "planted"] as const) {
    for (const run of runsOf(folder)) {
      const log = await readGolden(`${folder}/${run}.dmesg.txt.gz`) ??
        await readGolden(`${folder}/${run}.dmesg.txt`);
      const text = await readGolden(`${folder}/${run}.trace.txt.gz`);
      if (log === null || text === null) continue;
      const trace = text.split("\n");
      const right = findings(trace, log.split("\n"));
      const sure = right.filter(isSure);
      // Whether the checker's reports tie lines of the log to lines of the trace. If so, they give
      // the offset between the log's clock and the trace's clock, whichever clocks these are.
      const isTied = right.some(({ line, logLine }) => line !== null && logLine !== null) &&
        /mistakes/.test(run);
      for (const [name, form] of Object.entries({ ...SAME, ...OTHER_ZERO, ...COARSE })) {
        await t.step(`${run}: ${name}`, () => {
          const { lines, origins } = inForm(log, form);
          const found = findings(trace, lines).map((each) => ({
            ...each,
            logLine: each.logLine === null ? null : origins.get(each.logLine)!,
          }));
          if (name in SAME || isTied && name in OTHER_ZERO) return assertEquals(found, right);
          // No finding is false, no fault gets a wrong cause, and no fault is lost.
          const text = sure.map((each) => causeOf(each));
          for (const each of found.filter(isSure)) {
            assert(
              text.includes(causeOf(each)),
              JSON.stringify(each),
            );
          }
          for (const { kind, logLine } of sure) {
            if (logLine === null) continue;
            const kinds = found.flatMap((each) =>
              each.logLine !== logLine
                ? []
                : each.kind === "undecided_fault"
                ? each.candidates.map((candidate) => candidate.kind)
                : [each.kind]
            );
            assert(kinds.includes(kind), `line ${logLine}: ${kind} became ${kinds}`);
          }
        });
      }
    }
  }
});

Deno.test("a log in UTF-16 is read, with either order of its bytes, by its mark", async () => {
  const line = "[    2.000000] DMAR: DRHD: handling fault status reg 2";
  const text = `\ufeff${line}\r\n${line}\r\n`;
  for (const isLittle of [true, false]) {
    const bytes = new Uint8Array(2 * text.length);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < text.length; at++) view.setUint16(2 * at, text.charCodeAt(at), isLittle);
    using folder = new TempFolder();
    const path = folder.write("lines.txt", bytes);
    const lines: string[] = [];
    await lineSource(path).each(({ text }) => lines.push(text));
    assertEquals(lines, [line, line]);
  }
});

Deno.test("the page names every form of a log", () => {
  const page = Deno.readTextFileSync(new URL("../../../docs/traces.md", import.meta.url));
  for (const name of LOG_FORMS) assertStringIncludes(page, name);
});

Deno.test("the day of a time is right at the end of each month", () => {
  const read = (line: string) => {
    let seconds: number | null = null;
    new LogForms(({ time }) => seconds = time?.seconds ?? null).push(line, 1);
    return seconds;
  };
  for (let day = 0; day < 1500; day++) {
    const date = new Date(Date.UTC(2023, 0, 1 + day, 13, 14, 15));
    assertEquals(read(`${date.toISOString().slice(0, 19)}Z x`), date.getTime() / 1000);
  }
  const syslog = "Mar  4 01:02:03 host kernel: x";
  assertEquals(read(syslog), Date.UTC(2000, 2, 4, 1, 2, 3) / 1000);
});

Deno.test("where a trace's times go back no fault is proved across it, and the line is said", async () => {
  const run = "real/72-strict-mistakes";
  const lines = (await readGolden(`${run}.trace.txt.gz`))!.split("\n");
  const log = (await readGolden(`${run}.dmesg.txt.gz`))!.split("\n");
  const half = lines.length >> 1;
  const back = lines.map((line, index) =>
    index < half ? line : line.replace(/\d+\.\d{6}(?=: )/, (time) => (Number(time) - 3).toFixed(6))
  );
  const faults = (trace: readonly string[]) =>
    findings(trace, log).filter(({ kind }) =>
      ["use_after_unmap", "wrong_direction", "never_mapped"].includes(kind)
    );
  assertEquals(faults(lines).filter(isSure).length, 3);
  assertEquals(faults(back).filter(isSure), []);
  assertStringIncludes(checkedTrace(back).text(), `times go back at line ${half + 1}:`);
});

Deno.test("a second boot in a log is a boundary: nothing of the trace is proved of its faults", async (t) => {
  const run = "real/72-strict-mistakes";
  const trace = (await readGolden(`${run}.trace.txt.gz`))!.split("\n");
  const log = (await readGolden(`${run}.dmesg.txt.gz`))!.trimEnd().split("\n");
  const faults = log.filter((line) => /DMAR: \[DMA/.test(line));
  const right = findings(trace, log);
  const sure = right.filter((each) => isSure(each) && each.line !== null).length;
  assert(faults.length >= 3 && sure > 3);
  const later = (seconds: number) =>
    log.filter((line) => !line.includes("Linux version")).map((line) =>
      line.replace(/\d+\.\d{6}(?=\])/, (time) => (Number(time) + seconds).toFixed(6))
    );
  const wallClock = (lines: readonly string[], hour: string) =>
    lines.map((line) =>
      line.replace(
        /^\[ *\d+(\.\d{6})\]/,
        (_, micros) => `2024-05-01T${hour}:00:00${micros} host kernel:`,
      )
    );
  const version = "[    0.000000] Linux version 9.9.9";
  const tied = (found: ReturnType<typeof findings>, from: number, to: number) =>
    found.filter(({ line, logLine }) =>
      logLine !== null && logLine > from && logLine <= to && line !== null
    );
  const second: Record<string, readonly string[]> = {
    "times that go back": faults,
    "a version": [version, ...faults],
    "the journal's separator": [`-- Boot ${"0".repeat(32)} --`, ...faults],
    "the journal's old separator": ["-- Reboot --", ...faults],
    "by the clock on the wall": wallClock([version, ...faults], "09"),
  };
  for (const [name, lines] of Object.entries(second)) {
    await t.step(`${name}: the lines of calls say that the trace is of boot 1`, () => {
      const found = findings(trace, [...log, ...lines]);
      assertEquals(found.filter(({ logLine }) => (logLine ?? 0) <= log.length), right);
      const other = found.filter(({ logLine }) => (logLine ?? 0) > log.length);
      assertEquals(other.length, faults.length);
      assertEquals(other.filter(isSure).filter(({ kind }) => kind !== "error_value"), []);
      assertEquals(tied(found, log.length, Infinity), []);
    });
  }
  await t.step("the trace may be of the later boot", () => {
    const found = findings(trace, [
      ...later(1000).filter((line) => /DMAR: \[DMA/.test(line)),
      ...log,
    ]);
    assertEquals(tied(found, 0, faults.length), []);
    assertEquals(found.filter((each) => isSure(each) && each.line !== null).length, sure);
  });
  await t.step("the same log twice: of which boot the trace is, nothing says", () => {
    const checked = checkedTrace(trace, [...log, ...log]);
    const ofLog = checked.findings.filter(({ line, logLine }) => line !== null && logLine !== null);
    assert(ofLog.length > 0 && !ofLog.some(isSure), JSON.stringify(ofLog.filter(isSure)));
    const text = checked.text();
    assertStringIncludes(text, "the log has 2 boots");
    assertStringIncludes(text, "no line says of which boot the trace is");
  });
  await t.step("boots that the journal names", () => {
    const record = (line: string, boot: number) => {
      const [, time, message] = /^\[ *(\d+\.\d+)\] (.*)$/.exec(line) ?? [, "0", line];
      return JSON.stringify({
        MESSAGE: message,
        _BOOT_ID: `${boot}`.repeat(32),
        _SOURCE_MONOTONIC_TIMESTAMP: `${Math.round(Number(time) * 1e6)}`,
      });
    };
    const named = log.map((line) => record(line, 1));
    // Lines of a later boot, with times since boot and without the kernel's version. Only the id of
    // the boot distinguishes them from the lines of the first boot.
    const others = later(1000).filter((line) => /DMAR: \[DMA/.test(line)).map((line) =>
      record(line, 2)
    );
    const found = findings(trace, [...named, ...others]);
    assertEquals(found.filter((each) => isSure(each) && each.line !== null).length, sure);
    assertEquals(tied(found, named.length, Infinity), []);
  });
});
