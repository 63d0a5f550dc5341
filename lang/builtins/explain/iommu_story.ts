/** How an IOMMU translates each device, and its faults. */
import type { Machine } from "@dmalab/runtime";
import { formatCount } from "../../text/numbers.ts";
import type { Run } from "../../values/run.ts";
import { explainAddress } from "../ledger.ts";
import { decisionList } from "./decision_list.ts";
import { explainTranslation } from "./device_story.ts";
import { factLines } from "./explanation.ts";

/** Faults that are printed before the rest is only counted. */
const SHOWN_FAULTS = 4;

/** Where the story of a fault's address begins. */
const FAULT_INDENT = "  ";

/** The devices, then the newest faults, each with the story of its address. */
export function iommuStory(machine: Machine, run: Run): string[] {
  const { config } = machine;
  const devices = [...run.lab.devices.values()];
  return [
    `iommu ${config.iommu.model}, mode ${config.iommu.mode}`,
    ...devices.flatMap((device) => {
      const translation = explainTranslation(device, run);
      return factLines(
        { ...translation, title: `${device.name}: ${translation.title}` },
        "dma.1.3",
        run.columns,
      );
    }),
    ...faultLines(run),
  ];
}

function faultLines(run: Run): string[] {
  const faults = run.recorder.events.filter(({ name }) => name === "iommu.fault");
  const rest = faults.length - SHOWN_FAULTS;
  return [
    ...faults.slice(-SHOWN_FAULTS).flatMap((fault) => [
      ...decisionList([fault], run.columns),
      ...explainAddress(
        "dma",
        (fault.fields as { readonly dma: number }).dma,
        run,
        { columns: run.columns - FAULT_INDENT.length, device: fault.device },
      ).map((line) => FAULT_INDENT + line),
    ]),
    ...rest > 0 ? [`  ⋮ ${formatCount(rest, "fault")} before`] : [],
  ];
}
