/** Cost of recording a run: time compared with the same run unrecorded, and bytes per event. */
import { type Lab, LAB_TABLES } from "@dmalab/devices";
import { allocateBuffer } from "@dmalab/runtime";
import { MachineRecording } from "@dmalab/runtime/recording";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { type Recording, recordRun, runsOf } from "@dmalab/recording";
import { memoryFiles } from "@dmalab/lang/syntax";
import { type Benchmark, benchResult, plainBenchmark } from "./benchmark.ts";
import { median, medianOf } from "@dmalab/cli/bench";
import { measureInChild, ONE_THREAD } from "./child.ts";
import { secondsOf } from "./cpu_time.ts";
import { makeLab } from "./nvme_read.ts";

/** Number of events of one run. */
const EVENTS = 1_000_000;
const ROUNDS = 5;
/**
 * Warm-up rounds. A process compiles on its only thread. Therefore an unrecorded run reaches its full speed only in the
 * third round, and a recorded run in the fourth.
 */
const WARM_UPS = 3;
/**
 * Number of pairs of processes. In each pair, one process runs without recording, then one with
 * recording. Because the two kinds alternate, a busy host slows both.
 */
const PAIRS = 3;
const READ_BYTES = 65_536;
const QUEUE_DEPTH = 16;
const BLOCKS_PER_READ = READ_BYTES / 512;

/** Reads of 64 KiB from one disk behind an IOMMU in strict mode, until there are `EVENTS` events. */
function runReads(lab: Lab): void {
  const { machine } = lab;
  const { disk } = lab.device("ssd", "nvme");
  const buffers = Array.from(
    { length: QUEUE_DEPTH },
    () => allocateBuffer(machine, { sizeBytes: READ_BYTES }),
  );
  for (let lba = 0; machine.events.seq < EVENTS; lba += BLOCKS_PER_READ) {
    for (const buffer of buffers) disk.submit("read", { lba: lba % 1_000_000, buffer });
    while (machine.runNextActivity());
  }
}

/** Events a second on one core: the median of some runs. */
export function measureRate(recorded: boolean): number {
  return medianOf(ROUNDS, WARM_UPS, () => {
    const lab = makeLab({ mode: "strict" });
    if (recorded) new MachineRecording(lab.machine, LAB_TABLES);
    const seconds = secondsOf(() => runReads(lab));
    return lab.machine.events.seq / seconds;
  });
}

/** Bytes of a long run's recording per event, spare capacity included. */
export function measureBytes(): number {
  const lab = makeLab({ mode: "strict" });
  const recording = new MachineRecording(lab.machine, LAB_TABLES);
  runReads(lab);
  return recording.hostBytes / recording.log.count;
}

/** A script with reads like those of `runReads`: enough for a million events. */
const READS = `machine { checker = off
  iommu { mode = strict } pci { root_port rp0 { nvme ssd { queues = 1, depth = 64 } } } }
let buf = buffer(size: 64KiB)
let done = 0
repeat 9709 {
  wait ssd.submit(read, lba: 0, into: buf)
  done += 1
}
`;
const LOOKS = 1000;
const LOOKED_BYTES = 64;

/** A recorded run of some million events. @throws {Error} When the script is wrong. */
export function recordReads(): Recording {
  const { program } = loadForDebugging(new SourceFile("reads.dma", READS), memoryFiles({}));
  const [main] = runsOf(program!);
  const recording = recordRun(program!, main!);
  if (recording.failure !== null) throw new Error(recording.failure.message);
  return recording;
}

/** Milliseconds for evaluating a variable and some bytes at random events: the median and the worst. */
export function measureLooks(): { readonly medianMs: number; readonly worstMs: number } {
  const recording = recordReads();
  while (recording.timeline.prepare(recording.last, recording.last));
  const expression = recording.evaluator.question("done");
  const bytes = new Uint8Array(LOOKED_BYTES);
  let state = 1;
  const times = Array.from({ length: LOOKS }, () => {
    state = Math.imul(state, 0x19660d) + 0x3c6ef35f >>> 0;
    const position = recording.afterEvent(1 + state % recording.log.count);
    const start = performance.now();
    recording.timeline.at(position, (paused) => {
      expression.evaluate(paused);
      paused.vm.machine.readMemory(2 ** 30, bytes);
    });
    return performance.now() - start;
  }).sort((one, other) => one - other);
  return { medianMs: times[LOOKS / 2]!, worstMs: times.at(-1)! };
}

export const RECORDING: readonly Benchmark[] = [
  {
    name: "record.ratio",
    doc: "time of a recorded run of a million events, by that of the same run silent",
    run: () => {
      const rate = (recorded: boolean) => measureInChild(measureRate, [recorded], ONE_THREAD);
      const pairs = Array.from({ length: PAIRS }, () => [rate(false), rate(true)] as const);
      const value = median(pairs.map(([, recorded]) => recorded));
      const ratio = median(pairs.map(([silent, recorded]) => silent / recorded));
      return benchResult("record.ratio", value, "events/s", ratio, "a silent run's time");
    },
  },
  plainBenchmark(
    "record.bytes_per_event",
    "B",
    "host memory of a recording of a million events, by event",
    () => measureInChild(measureBytes, []),
  ),
  plainBenchmark(
    "record.look1m",
    "ms",
    "a variable and 64 bytes at a random event of a million: the median",
    () => measureInChild(measureLooks, []).medianMs,
  ),
  plainBenchmark(
    "record.look1m.worst",
    "ms",
    "the same: the longest of a thousand",
    () => measureInChild(measureLooks, []).worstMs,
  ),
];
