/** What it costs to keep a run: time beside the same run that nobody keeps, and bytes by event. */
import { buildLab, type Lab } from "../../devices/lab.ts";
import { defaultLabConfig, pciNode } from "../../devices/lab_config.ts";
import { allocateBuffer } from "../../runtime/memory/allocate_buffer.ts";
import { MachineRecording } from "../../runtime/recording/machine_recording.ts";
import { LAB_TABLES } from "../../devices/lab_tables.ts";
import { type Benchmark, medianOf, plainBenchmark, rounded } from "./benchmark.ts";
import { measureInChild, ONE_THREAD } from "./child.ts";
import { cpuSeconds } from "./cpu_time.ts";

/** Events of one run. */
const EVENTS = 1_000_000;
const ROUNDS = 5;
const WARM_UPS = 1;
const READ_BYTES = 65_536;
const QUEUE_DEPTH = 16;
const BLOCKS_PER_READ = READ_BYTES / 512;

/** Reads of 64 KiB from one disk behind an IOMMU in strict mode, until so much has happened. */
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

function makeLab(): Lab {
  const config = defaultLabConfig();
  const lab = buildLab({
    ...config,
    checker: "off",
    iommu: { ...config.iommu, mode: "strict" },
    pci: [pciNode("root_port", "rp0", [pciNode("nvme", "ssd", [], { depth: 64 })])],
  });
  lab.device("ssd", "nvme").disk.driver.keepCommands = false;
  return lab;
}

/** Events a second on one core: the median of some runs. */
export function measureRate(recorded: boolean): number {
  return medianOf(ROUNDS, WARM_UPS, () => {
    const lab = makeLab();
    if (recorded) new MachineRecording(lab.machine, LAB_TABLES);
    const start = cpuSeconds();
    runReads(lab);
    return lab.machine.events.seq / (cpuSeconds() - start);
  });
}

/** Bytes that a recording of a long run takes by event, room to grow included. */
export function measureBytes(): number {
  const lab = makeLab();
  const recording = new MachineRecording(lab.machine, LAB_TABLES);
  runReads(lab);
  return recording.hostBytes / recording.log.count;
}

const MAIN = "cli/bench/recording_main.ts";

export const RECORDING: readonly Benchmark[] = [
  {
    name: "record.ratio",
    doc: "time of a recorded run of a million events, by that of the same run silent",
    run: () => {
      const silent = measureInChild(MAIN, ["rate"], ONE_THREAD);
      const recorded = measureInChild(MAIN, ["recorded"], ONE_THREAD);
      return {
        name: "record.ratio",
        value: rounded(recorded),
        unit: "events/s",
        ratio: rounded(silent / recorded),
        to: "a silent run's time",
      };
    },
  },
  plainBenchmark(
    "record.bytes_per_event",
    "B",
    "host memory of a recording of a million events, by event",
    () => measureInChild(MAIN, ["bytes"]),
  ),
];
