/** `dmalab trace export`: a trace in other forms, for other programs. */
import { TraceCheck } from "../../instruments/traces/ledger/trace_check.ts";
import type { MappingStep } from "../../instruments/traces/script/recorder.ts";
import { TraceLine } from "../../instruments/traces/line/trace_line.ts";
import { type ExitCode, HELD } from "../exit_code.ts";
import { refuse, type Screen } from "../screen.ts";
import { openTrace } from "./check.ts";
import { type LineSource, UnreadableFile } from "./read_lines.ts";

const US_PER_S = 1e6;
/** Columns of the task's name in the kernel's own text. */
const TASK_COLUMNS = 16;

/** @param form `ftrace` for the kernel's own text, `chrome` for viewers of async slices. */
export async function runExport(
  paths: readonly string[],
  form: string | null,
  screen: Screen,
): Promise<ExitCode> {
  try {
    const { log, trace } = await openTrace(paths);
    if (form === "ftrace") await writeText(trace, screen);
    else if (form === "chrome") await writeSlices(trace, new TraceCheck(log), screen);
    else return refuse("trace export needs --as ftrace or --as chrome", screen);
    return HELD;
  } catch (error) {
    if (error instanceof UnreadableFile) return refuse(error.message, screen);
    throw error;
  }
}

/** The kernel's own text, whatever the dialect was; what was lost stays marked as lost. */
async function writeText(source: LineSource, screen: Screen): Promise<void> {
  const line = new TraceLine();
  screen.out("# tracer: nop\n#\n");
  await source.each((text) => {
    const kind = line.read(text);
    if (kind === "lost") {
      const count = line.lost === null ? "" : ` ${line.lost}`;
      screen.out(`CPU:${line.cpu} [LOST${count} EVENTS]\n`);
    }
    if (kind !== "event") return;
    const task = `${line.task}-${line.pid}`.padStart(TASK_COLUMNS);
    const cpu = `${line.cpu}`.padStart(3, "0");
    const flags = line.context === " " ? "....." : `..${line.context}..`;
    const seconds = line.seconds.toFixed(6).padStart(12);
    screen.out(`${task}  [${cpu}] ${flags} ${seconds}: ${line.event}: ${line.payload}\n`);
  });
}

/** One async slice for each mapping, from its birth to its end: the Trace Event Format of Chrome. */
async function writeSlices(source: LineSource, check: TraceCheck, screen: Screen): Promise<void> {
  let isFirst = true;
  const devices = new Map<string, number>();
  const write = (ph: "b" | "e", { life }: MappingStep, seconds: number) => {
    const device = life.device!.name;
    if (!devices.has(device)) devices.set(device, devices.size + 1);
    const slice = {
      name: `0x${life.addr.toString(16)}`,
      cat: life.kind,
      ph,
      id: life.born.line,
      pid: devices.get(device)!,
      tid: life.born.cpu,
      ts: seconds * US_PER_S,
      args: { device, bytes: life.sizeBytes, dir: life.dir, line: life.born.line },
    };
    screen.out(`${isFirst ? "[\n" : ",\n"}${JSON.stringify(slice)}`);
    isFirst = false;
  };
  let seconds = 0;
  check.ledger.recorder = (step) => {
    if (step.op === "birth") write("b", step, step.life.born.seconds);
    if (step.op === "death") write("e", step, seconds);
  };
  const line = new TraceLine();
  await source.each((text, number) => {
    if (line.read(text) === "event") seconds = line.seconds;
    check.push(text, number);
  });
  screen.out(isFirst ? "[]\n" : "\n]\n");
}
