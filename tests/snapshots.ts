/**
 * The output of some scenarios, with every event. Each output is kept in a file of
 * tests/snapshots/.
 */
import { outcomeLine, TracePrinter } from "@dmalab/cli/scenario";
import { loadWhole } from "@dmalab/cli/testing";
import type { LabConfig, PciNodeConfig } from "@dmalab/devices";
import { printable } from "@dmalab/lang/diagnostics";
import { STREAM_LAYOUT } from "@dmalab/lang/render";
import { painter } from "@dmalab/lang/text";
import { runProgramWith } from "@dmalab/lang/run";
import { FAST_CHECK } from "@dmalab/lang/program";
import type { MachineEvent } from "@dmalab/runtime";
import { join } from "node:path";
import { ROOT } from "./source_text.ts";

/** Scenarios that together use every release, kind of device, IOMMU and path of a mapping. */
export const KEPT_SCENARIOS: readonly string[] = [
  "examples/api/02-two-step-unaligned.dma",
  "examples/api/03-two-step-misuse.dma",
  "examples/api/05-sg-merge.dma",
  "examples/api/09-first-stage.dma",
  "examples/api/10-virtio-iommu.dma",
  "examples/block/04-coalesce.dma",
  "examples/block/06-joining.dma",
  "examples/iommu/02-bridge.dma",
  "examples/iova/05-flush-queue.dma",
  "examples/iova/06-mode-table.dma",
  "examples/iova/07-page-tables.dma",
  "examples/museum/07-p2p-map-sg.dma",
  "examples/museum/13-metadata.dma",
  "examples/museum/16-list-wraps.dma",
  "examples/nvme/01-prp-edges.dma",
  "examples/nvme/03-sgl.dma",
  "examples/nvme/04-unmap-modes.dma",
  "examples/nvme/06-doorbells-interrupts.dma",
  "examples/nvme/07-disk-gone.dma",
  "examples/nvme/08-raw-commands.dma",
  "examples/p2p/04-mixed-request.dma",
  "examples/p2p/06-revocation.dma",
  "examples/processes/01-hmm-odp.dma",
  "examples/processes/05-vfio-mlx5-pages.dma",
  "examples/start/03-directions.dma",
  "examples/swiotlb/01-slots.dma",
  "examples/swiotlb/04-cvm-bounce.dma",
  "examples/swiotlb/05-growing.dma",
  "examples/traces/01-fault-explain.dma",
  "extensions/c_drivers/drivers/nic/other_kernels.dma",
  "tests/suites/errors_of_calls.dma",
  "tests/suites/releases.dma",
  "tests/suites/reports.dma",
];

/**
 * Number of a test's events that are stored; the line of the test's outcome has the count of all
 * events.
 */
const MOST_EVENTS = 100;

/** The indent and word before a rule, on the line below its event. */
const REASON_INDENT = " ".repeat(26) + "by ";

/** The first word of the line that describes a machine. */
export const MACHINE_WORD = "machine";

/** Without event numbers: leaving out one event then changes only one line. */
const LAYOUT = { ...STREAM_LAYOUT, seqWidth: 0 };

/** The output of a scenario, in lines. @param path From the root of the project. */
export async function printedBy(path: string): Promise<string[]> {
  const lines: string[] = [];
  const paint = painter(false);
  const write = (line: string) => {
    lines.push(printable(line).trimEnd());
  };
  const trace = new TracePrinter(write, paint, Infinity, LAYOUT);
  let events = 0;
  const reasons = new Set<string>();
  const print = (event: MachineEvent) => {
    trace.print(event);
    const reason = reasonLine(event);
    if (reason === null || reasons.has(reason)) return;
    reasons.add(reason);
    write(reason);
  };
  const { program } = await loadWhole(join(ROOT, path));
  runProgramWith(FAST_CHECK, program, {
    onRun: (start) => {
      trace.run(start);
      if (events < MOST_EVENTS) write(machineLine(start.machine));
    },
    onEvent: (event) => {
      events++;
      if (events <= MOST_EVENTS) print(event);
      else if (events === MOST_EVENTS + 1) write("…");
    },
    onLine: write,
    onOutcome: (outcome) => {
      events = 0;
      reasons.clear();
      const line = outcomeLine(outcome, paint);
      if (line !== null) lines.push(line, "");
    },
  });
  return lines;
}

/**
 * The rule that decided an event, and the values that were examined. Within a test, equal lines are
 * printed only once.
 */
function reasonLine({ why }: MachineEvent): string | null {
  if (why === null) return null;
  const inputs = Object.entries(why.inputs).map(([name, value]) => `${name}=${value}`);
  return [REASON_INDENT + why.rule, ...inputs].join(" ");
}

/** A machine's release, its IOMMU, and each kind of PCI node once. */
function machineLine({ iommu, kernel, pci }: LabConfig): string {
  const kindsOf = (nodes: readonly PciNodeConfig[]): string[] =>
    nodes.flatMap(({ kind, children }) => [kind, ...kindsOf(children)]);
  const model = iommu.mode === "off" ? [] : [iommu.model];
  return [MACHINE_WORD, kernel, iommu.mode, ...model, ...new Set(kindsOf(pci))].join(" ");
}

/** The file with the kept output of a scenario. */
export function snapshotFile(path: string): string {
  const name = path.replace(/^(examples|tests|extensions)\//, "").replaceAll("/", "-").replace(
    /dma$/,
    "txt",
  );
  return join(ROOT, "tests/snapshots", name);
}
