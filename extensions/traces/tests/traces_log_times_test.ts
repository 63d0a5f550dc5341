/** Logs taken in other forms than dmesg's own: the same findings, whatever their lines' times look like. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lineSource } from "../cli/read_lines.ts";
import { LOG_FORMS, LogForms } from "../kernel_log/log_forms.ts";
import { checkLines } from "../ledger/check_report.ts";
import { LogPass, TraceCheck } from "../ledger/trace_check.ts";
import { readGolden, runsOf } from "./golden_traces.ts";
import { COARSE, inForm, OTHER_ZERO, SAME } from "./log_forms.ts";

function findings(trace: readonly string[], log: readonly string[]) {
  const pass = new LogPass();
  log.forEach((line, index) => pass.push(line, index + 1));
  pass.end();
  const check = new TraceCheck(pass);
  trace.forEach((line, index) => check.push(line, index + 1));
  return check.end().findings
    .filter(({ certainty, logLine }) => certainty !== "unknown" || logLine !== null)
    .map(({ address, candidates = [], certainty, device, kind, line, logLine, otherLine }) => {
      return { kind, line, otherLine, logLine, device, address, certainty, candidates };
    });
}

/** What it says, however sure. */
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
      // Lines of the checker stand in both, and tie whichever clock.
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
          // Nothing false, no other cause, and no fault is lost.
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
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeFile(path, bytes);
      const lines: string[] = [];
      await lineSource(path).each((each) => lines.push(each));
      assertEquals(lines, [line, line]);
    } finally {
      await Deno.remove(path);
    }
  }
});

Deno.test("a fault soon after a map is not called a late access: both causes are listed, with what decides", () => {
  const trace = (ageSeconds: number) => [
    " x-1 [000] ..... 1.000000: dma_map_phys: 0000:00:04.0 dir=FROM_DEVICE dma_addr=fffff000 size=4096 phys_addr=12345000 attrs=",
    " x-1 [000] ..... 1.000100: dma_unmap_phys: 0000:00:04.0 dir=FROM_DEVICE dma_addr=fffff000 size=4096 attrs=",
    ` x-1 [000] ..... ${(2 - ageSeconds).toFixed(6)}: ` +
    "dma_map_phys: 0000:00:04.0 dir=TO_DEVICE dma_addr=fffff000 size=4096 phys_addr=12345000 attrs=",
    " x-1 [000] ..... 2.300000: tracing_mark_write: x",
  ];
  const log = [
    "[    2.000000] DMAR: [DMA Write NO_PASID] Request device [00:04.0] fault addr 0xfffff000 " +
    "[fault reason 0x05] PTE Write access is not set",
  ];
  const kinds = (ageSeconds: number) => {
    const [found] = findings(trace(ageSeconds), log).filter(({ logLine }) => logLine !== null);
    return [found!.kind, ...found!.candidates.map(({ kind }) => kind)];
  };
  assertEquals(kinds(0.01), ["wrong_direction"]);
  assertEquals(kinds(0.0001), ["undecided_fault", "wrong_direction", "use_after_unmap"]);
  assertEquals(kinds(0.00001), ["undecided_fault", "use_after_unmap", "wrong_direction"]);
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

Deno.test("a fault without a verdict is listed with the reason, and is never called clean", () => {
  const fault = (device: string, address: string) =>
    `[    2.000000] DMAR: [DMA Write NO_PASID] Request device [${device}] fault addr ${address} ` +
    "[fault reason 0x05] PTE Write access is not set";
  const event = (seconds: number) =>
    ` x-1 [000] ..... ${seconds}.000000: dma_map_phys: 0000:00:04.0 dir=FROM_DEVICE ` +
    `dma_addr=fff${seconds}000 size=4096 phys_addr=1234${seconds}000 attrs=`;
  const text = (trace: readonly string[], ...log: readonly string[]) => {
    const pass = new LogPass();
    log.forEach((line, index) => pass.push(line, index + 1));
    pass.end();
    const check = new TraceCheck(pass);
    trace.forEach((line, index) => check.push(line, index + 1));
    return checkLines(check, pass, check.end(), { trace: "t", log: "l" }).join("\n");
  };
  const alone = text([], fault("00:04.0", "0xfffff000"));
  assertStringIncludes(alone, "1 fault of the log without a sure cause");
  assertStringIncludes(alone, "no verdict: only a log was given, no trace");
  const other = text([event(1), event(3)], fault("00:09.0", "0xfffff000"));
  assertStringIncludes(other, "no verdict: the trace has no mapping of the device");
  // Where the device got the address of memory: by the mapping that was live at that time.
  const physical = text([event(1), event(3)], fault("00:04.0", "0x12341000"));
  assertStringIncludes(physical, "likely: physical_address at l:1");
  assertStringIncludes(physical, "see t:1");
  const later = text([event(1), event(3)], fault("00:04.0", "0x12343000"));
  assert(!later.includes("physical_address"), later);
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
  const pass = new LogPass();
  pass.end();
  const check = new TraceCheck(pass);
  back.forEach((line, index) => check.push(line, index + 1));
  const text = checkLines(check, pass, check.end(), { trace: "t", log: "l" }).join("\n");
  assertStringIncludes(text, `times go back at line ${half + 1}:`);
});
