/** How an IOMMU translates each device, and its faults. */
import type { Machine } from "@dmalab/runtime";
import { formatCount } from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { explainAddress } from "../ledger.ts";
import { decisionList } from "./decision_list.ts";
import { explainTranslation } from "./device_story.ts";
import { factLines } from "./explanation.ts";

/** Faults that are printed before the rest is only counted. */
const DISPLAYED_FAULTS = 4;

/** Where the story of a fault's address begins. */
const FAULT_INDENT = "  ";

/** The devices, then the newest faults, each with the story of its address. */
export function iommuStory(machine: Machine, context: ExecutionContext): string[] {
  const { config } = machine;
  const devices = [...context.lab.devices.values()];
  return [
    `iommu ${config.iommu.model}, mode ${config.iommu.mode}`,
    ...devices.flatMap((device) => {
      const translation = explainTranslation(device, context);
      return factLines(
        { ...translation, title: `${device.name}: ${translation.title}` },
        "dma.1.3",
        context.columns,
      );
    }),
    ...faultLines(context),
  ];
}

function faultLines(context: ExecutionContext): string[] {
  const faults = context.recorder.events.filter(({ name }) => name === "iommu.fault");
  const rest = faults.length - DISPLAYED_FAULTS;
  return [
    ...faults.slice(-DISPLAYED_FAULTS).flatMap((fault) => [
      ...decisionList([fault], context.columns),
      ...explainAddress(
        "dma",
        (fault.fields as { readonly dma: number }).dma,
        context,
        { columns: context.columns - FAULT_INDENT.length, device: fault.device },
      ).map((line) => FAULT_INDENT + line),
    ]),
    ...rest > 0 ? [`  … ${formatCount(rest, "fault")} before`] : [],
  ];
}
