/** Writes the guest's plan of `kernel trace`: bind a driver, work, unbind, unload. */
import type { BootPlan } from "../boot/boot_guest.ts";
import type { ModuleFile } from "../image/kernel_files.ts";
import { LOG_FILE, modulePath, PROBES_FILE, TRACE_FILE } from "../plan/guest_plan.ts";
import { twoStepDirectives } from "../plan/probed_functions.ts";
import type { DeviceWork } from "./trace_words.ts";
import { DEVICE_ADDRESS } from "./traced_devices.ts";

const TRACING = "/sys/kernel/tracing";
/** Groups of tracepoints; without `dma` nothing can be judged. */
const EVENT_GROUPS = ["dma", "iommu", "swiotlb"] as const;
/**
 * Tracepoints whose lines get the stack of the call. A kernel has either those with `page` or those
 * with `phys`.
 */
const STACK_EVENTS = [
  "dma_map_page",
  "dma_map_phys",
  "dma_unmap_page",
  "dma_unmap_phys",
  "dma_map_sg",
  "dma_unmap_sg",
  "dma_alloc",
  "dma_free",
];
/** Size of the trace's buffer of each CPU. Lost events are an error. */
const TRACE_KIB = 16384;
/** Text that the plan writes to the trace where a phase begins. */
export const PHASE_MARK = "dmalab-phase";
/** Name of the list of the driver's functions, among the report's files. */
export const SYMBOLS_FILE = "symbols";
const REQUESTS = 48;
/** Number of requests in flight at a time. */
const DEPTH = 4;
const REQUEST_STEP_BYTES = 1 << 20;
const ECHO_BYTES = [56, 512, 1024, 1400];
const REBINDS = 2;
/** Time for work that a driver has put off until after it was unbound. */
const SETTLE_MS = 500;

/** Islands of pages: one of 64 pages, and 16 of a page that lie apart. */
const LARGE_PAGES = 64;
const SINGLE_PAGES = 16;
const singles = (count: number) =>
  Array.from({ length: count }, (_, index) => `${index + 1}:0:4096`).join(",");
/** Memory of requests, in turn, with its size. */
const REQUEST_MEMORY: readonly (readonly [pieces: string, sizeBytes: number])[] = [
  ["0:0:4096", 4096],
  [singles(4), 4 * 4096],
  ["0:0:65536", 65536],
  [singles(16), 16 * 4096],
  ["0:512:8192", 8192],
  ["0:0:262144", 262144],
];

/** A part of the trace, between two marks. */
export interface TracePhase {
  /** `load`, `bind`, `open`, a work, `unbind`, `end`. */
  readonly name: string;
  readonly work: DeviceWork | null;
  /** Numbers of the phase's ios. */
  readonly ios: readonly number[];
  /** The least result of an io that did its work; of a suspend, 0. */
  readonly least: number;
}

export interface TracePlan extends BootPlan {
  readonly phases: readonly TracePhase[];
}

class PlanWriter {
  readonly lines: string[] = [];
  readonly phases: TracePhase[] = [];
  #io = 0;

  /** Begins a phase, and takes the numbers of its ios. */
  phase(name: string, count = 0, least = 1, work: DeviceWork | null = null): readonly number[] {
    const ios = Array.from({ length: count }, () => this.#io++);
    this.phases.push({ name, work, ios, least });
    this.lines.push(`write ${TRACING}/trace_marker ${PHASE_MARK} ${name}`);
    return ios;
  }

  work(work: DeviceWork): void {
    switch (work) {
      case "read":
      case "write": {
        const ios = this.phase(work, REQUESTS, 1, work);
        for (const [index, io] of ios.entries()) {
          const [pieces, sizeBytes] = REQUEST_MEMORY[index % REQUEST_MEMORY.length]!;
          this.lines.push(
            `io ${io} 0 ${work} ${index * REQUEST_STEP_BYTES} ${sizeBytes} ${pieces}`,
          );
          if (index >= DEPTH) this.lines.push(`wait ${io - DEPTH}`);
        }
        this.lines.push(...ios.slice(-DEPTH).map((io) => `wait ${io}`));
        break;
      }
      case "net":
        for (const [index, io] of this.phase(work, REQUESTS, 1, work).entries()) {
          this.lines.push(
            `echo ${io} ${DEVICE_ADDRESS} ${ECHO_BYTES[index % ECHO_BYTES.length]}`,
          );
        }
        break;
      case "suspend":
        this.lines.push(...this.phase(work, 1, 0, work).map((io) => `suspend ${io}`));
        break;
      case "unbind":
        this.phase("rebind", 0, 0, work);
        for (let time = 0; time < REBINDS; time++) {
          this.lines.push(`unbind ${DEVICE_ADDRESS}`, `bind ${DEVICE_ADDRESS}`);
        }
        break;
    }
  }
}

/**
 * @param modules In the order in which they are loaded. The last one is `driver` if the driver is a
 *   module.
 * @param driver Name of the module that is unloaded at the end; null for a built-in driver.
 * @param parameters Parameters of that module.
 */
export function tracePlan(
  modules: readonly ModuleFile[],
  driver: string | null,
  parameters: readonly string[],
  works: readonly DeviceWork[],
): TracePlan {
  const writer = new PlanWriter();
  const { lines } = writer;
  const load = (name: string) =>
    ["module", modulePath(name), ...name === driver ? parameters : []].join(" ");
  const usesDisk = works.some((work) => work === "read" || work === "write");
  lines.push("write /sys/bus/pci/drivers_autoprobe 0", `release ${DEVICE_ADDRESS}`);
  lines.push(...modules.filter(({ name }) => name !== driver).map(({ name }) => load(name)));
  if (usesDisk) {
    lines.push(`island 0 ${LARGE_PAGES}`);
    for (let island = 1; island <= SINGLE_PAGES; island++) lines.push(`island ${island} 1`);
  }
  lines.push(`write ${TRACING}/buffer_size_kb ${TRACE_KIB}`, ...twoStepDirectives());
  lines.push(...STACK_EVENTS.map((event) => `write ${trigger(event)} stacktrace`));
  lines.push(...[...EVENT_GROUPS, "lab"].map((group) => `write ${enableFile(group)} 1`));
  writer.phase("load");
  if (driver !== null) lines.push(load(driver));
  writer.phase("bind");
  lines.push(`bind ${DEVICE_ADDRESS}`);
  if (usesDisk) {
    writer.phase("open");
    lines.push(`below 0 ${DEVICE_ADDRESS}`);
  }
  // The disk is closed before its driver is unbound.
  const isBinding = (work: DeviceWork) => work === "unbind";
  for (const work of works.filter((work) => !isBinding(work))) writer.work(work);
  if (usesDisk) lines.push("close 0");
  for (const work of works.filter(isBinding)) writer.work(work);
  writer.phase("unbind");
  lines.push(`unbind ${DEVICE_ADDRESS}`, `pause ${SETTLE_MS}`);
  // The kernel writes the text of the trace after the module is gone, and then without its names.
  if (driver !== null) lines.push(`symbols ${SYMBOLS_FILE} ${driver}`, `remove ${driver}`);
  writer.phase("end");
  lines.push(
    `write ${TRACING}/tracing_on 0`,
    `cat ${TRACE_FILE} ${TRACING}/trace`,
    `cat ${PROBES_FILE} ${TRACING}/kprobe_profile`,
    `dmesg ${LOG_FILE}`,
  );
  return {
    text: lines.map((line) => `${line}\n`).join(""),
    hugePages: usesDisk ? 2 : 0,
    phases: writer.phases,
  };
}

/** The file that enables a group of events. */
export function enableFile(group: string): string {
  return `${TRACING}/events/${group}/enable`;
}

function trigger(event: string): string {
  return `${TRACING}/events/dma/${event}/trigger`;
}

/** The directives of the plan that a kernel may refuse, because it has other events. */
export function isOptional(problem: string): boolean {
  const isTrigger = STACK_EVENTS.some((event) => problem.includes(` ${trigger(event)} `));
  const isProbe = problem.includes(` ${enableFile("lab")} `);
  return problem.startsWith("refused write ") && (isTrigger || isProbe);
}
