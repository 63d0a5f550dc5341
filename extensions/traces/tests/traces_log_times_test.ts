/** Logs taken in other forms than dmesg's own: the same findings, whatever their lines' times look like. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { LogClock } from "../kernel_log/log_time.ts";
import { checkLines } from "../ledger/check_report.ts";
import { LogPass, TraceCheck } from "../ledger/trace_check.ts";
import { readGolden, runsOf } from "./golden_traces.ts";

/** When the machine was booted: the 28th of February at 23:59 of a leap year. */
const BOOT = Date.UTC(2024, 1, 28, 23, 59, 50) * 1000;
const HOST = "host kernel: ";
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar"];

interface Stamp {
  readonly date: Date;
  /** Since the second of the date. */
  readonly micros: string;
  /** Since boot. */
  readonly seconds: number;
  /** Since the line before. */
  readonly delta: number;
}

const clockOf = (date: Date) => date.toISOString().slice(11, 19);
const dayOf = (date: Date) =>
  `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)}`;

/** Forms in which each line keeps its microseconds, and those with whole seconds. */
const EXACT: Readonly<Record<string, (stamp: Stamp) => string>> = {
  "dmesg --reltime": ({ delta }) =>
    `[${`${delta < 0 ? "" : "+"}${delta.toFixed(6)}`.padStart(12)}] `,
  "dmesg --time-format iso": ({ date, micros }) =>
    `${date.toISOString().slice(0, 19)},${micros}+00:00 `,
  "journalctl -o short-precise": ({ date, micros }) =>
    `${dayOf(date)} ${clockOf(date)}.${micros} ${HOST}`,
  "journalctl -o short-unix": ({ date, micros }) =>
    `${Math.floor(date.getTime() / 1000)}.${micros} ${HOST}`,
  "journalctl -o short-monotonic": ({ seconds }) => `[${seconds.toFixed(6).padStart(12)}] ${HOST}`,
};
const WHOLE: Readonly<Record<string, (stamp: Stamp) => string>> = {
  "dmesg -T": ({ date }) =>
    `[${DAYS[date.getUTCDay()]} ${dayOf(date)} ${clockOf(date)} ${date.getUTCFullYear()}] `,
  "journalctl": ({ date }) => `${dayOf(date)} ${clockOf(date)} ${HOST}`,
  "journalctl -o short-iso": ({ date }) => `${date.toISOString().slice(0, 19)}+0000 ${HOST}`,
  "journalctl -o short-full": ({ date }) =>
    `${DAYS[date.getUTCDay()]} ${date.toISOString().slice(0, 10)} ${clockOf(date)} UTC ${HOST}`,
};

function rewritten(log: string, form: (stamp: Stamp) => string): string[] {
  let last = 0;
  return log.split("\n").map((line) => {
    const match = /^\[ *(\d+\.\d+)\] (.*)$/.exec(line);
    if (match === null) return line;
    const seconds = Number(match[1]);
    const micros = BOOT + Math.round(seconds * 1e6);
    const delta = seconds - last;
    last = seconds;
    const date = new Date(Math.floor(micros / 1e6) * 1000);
    return form({ date, micros: String(micros % 1e6).padStart(6, "0"), seconds, delta }) + match[2];
  });
}

function findings(trace: readonly string[], log: readonly string[]) {
  const pass = new LogPass();
  log.forEach((line, index) => pass.push(line, index + 1));
  pass.end();
  const check = new TraceCheck(pass);
  trace.forEach((line, index) => check.push(line, index + 1));
  return check.end().findings
    .filter(({ certainty, logLine }) => certainty !== "unknown" || logLine !== null)
    .map(({ address, certainty, device, kind, line, logLine, otherLine }) => {
      return { kind, line, otherLine, logLine, device, address, certainty };
    });
}

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
      for (const [name, form] of Object.entries({ ...EXACT, ...WHOLE })) {
        await t.step(`${run}: ${name}`, () => {
          const found = findings(trace, rewritten(log, form));
          if (isTied && name in EXACT) return assertEquals(found, right);
          // Nothing false, and no fault is lost.
          const text = sure.map((each) => JSON.stringify({ ...each, certainty: null }));
          for (const each of found.filter(isSure)) {
            assert(
              text.includes(JSON.stringify({ ...each, certainty: null })),
              JSON.stringify(each),
            );
          }
          for (const { logLine } of sure) {
            if (logLine !== null) {
              assert(found.some((each) => each.logLine === logLine), `${logLine}`);
            }
          }
        });
      }
    }
  }
});

Deno.test("the day of a time is right at the end of each month", () => {
  const read = (line: string) => new LogClock().read(line)!.seconds;
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
