/** One refused access by a device, as `iommu.faults` lists it. */
import type { IommuFault, MachineEvent } from "@dmalab/runtime";
import { decodeFaultLog, printFaultLog } from "@dmalab/runtime/fault_log";
import { wrapText } from "../../text/columns.ts";
import { formatAddress, formatDuration } from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { isHandle } from "../arguments.ts";
import { faultStory, INJECTED, verdictText } from "../explain/fault_story.ts";
import { explainAddress } from "../ledger.ts";
import { type JudgedFault, judgeFault } from "../fault_verdict.ts";
import type { HandleType } from "../../values/spec.ts";
import { fieldsOf } from "../describe/fields.ts";

/** The line in a kernel's log on a machine with this IOMMU. */
function logOf(fault: IommuFault, context: ExecutionContext): string | null {
  const device = context.lab.devices.get(fault.device);
  if (device === undefined || device.dma.domain === null) return null;
  return printFaultLog(context.lab.machine.config.iommu.model, {
    dma: fault.dma,
    access: fault.access,
    reason: fault.reason,
    pciDomain: device.function.address.domain,
    // The requester ID on the bus. A bridge to conventional PCI uses the same ID for all devices
    // behind it (dma.md 9.10).
    requesterId: device.dma.requesterId!,
    namesSegment: !context.lab.machine.kernel.fault_lines_without_segment,
    domainId: device.dma.domain.id,
  });
}

function eventOf(fault: IommuFault, context: ExecutionContext): MachineEvent<"iommu.fault"> | null {
  const faults = context.recorder.events.filter((event) => event.name === "iommu.fault");
  return faults.find(({ at_ns: atNs, device, fields: { access, dma, reason } }) =>
    device === fault.device && atNs === fault.atNs && dma === fault.dma &&
    access === fault.access && reason === fault.reason
  ) ?? null;
}

function formatFault({ access, atNs, device, dma, reason }: IommuFault): string {
  return `${access} of ${formatAddress(dma)} by ${device}: ${reason}, at ${formatDuration(atNs)}`;
}

/** The verdict; null if this IOMMU has no known log format for such an access. */
function judgedOf(
  fault: IommuFault,
  context: ExecutionContext,
  event: MachineEvent<"iommu.fault"> | null,
): JudgedFault | null {
  const log = logOf(fault, context);
  const read = log === null ? null : decodeFaultLog(log);
  return read === null || !read.ok ? null : judgeFault(read.fault, context, event);
}

/** The story of a fault of which the IOMMU logs nothing. */
function addressStory(
  fault: IommuFault,
  context: ExecutionContext,
  event: MachineEvent<"iommu.fault"> | null,
): string[] {
  return [
    formatFault(fault),
    ...event?.why?.inputs.injected === true ? [INJECTED] : [],
    ...explainAddress("dma", fault.dma, context, { device: fault.device }),
  ];
}

/** The explanation of a fault's event: the verdict first, then all lines. */
export function explainFaultEvent(
  event: MachineEvent<"iommu.fault">,
  context: ExecutionContext,
): { readonly verdict: string | null; readonly lines: readonly string[] } {
  const fault = { ...event.fields, device: event.device!, atNs: event.at_ns };
  const judged = judgedOf(fault, context, event);
  return judged === null
    ? { verdict: null, lines: addressStory(fault, context, event) }
    : { verdict: verdictText(judged, context), lines: faultStory(judged.line, judged, context) };
}

export const FAULT: HandleType<IommuFault> = {
  name: "fault",
  doc: "A device access that faulted.",
  fields: fieldsOf<IommuFault>((f) => ({
    device: f.string("The device, by name.", (fault) => fault.device),
    dma: f.dma(
      "The address; none for the error value.",
      (fault) => fault.dma < 0 ? null : fault.dma,
    ),
    access: f.word("Whether it read or wrote.", (fault) => fault.access),
    reason: f.word("The reason of the fault.", (fault) => fault.reason),
    at: f.duration("When it happened, in virtual time.", (fault) => fault.atNs),
    log: f.string(
      "The kernel's log lines for it, in the format of the machine's `iommu.model`, several on " +
        "Arm; none if that IOMMU records no such access.",
      logOf,
    ),
  })),
  format: formatFault,
  show(fault, context) {
    const log = logOf(fault, context);
    return [
      formatFault(fault),
      ...log === null
        ? []
        : log.split("\n").flatMap((line) => wrapText(line, 78).map((part) => `  ${part}`)),
    ];
  },
  explain(fault, context) {
    const event = eventOf(fault, context);
    const judged = judgedOf(fault, context, event);
    return judged === null
      ? addressStory(fault, context, event)
      : faultStory(judged.line, judged, context);
  },
  equals: (fault, other) =>
    isHandle(other, FAULT) && other.target.device === fault.device &&
    other.target.dma === fault.dma && other.target.access === fault.access &&
    other.target.reason === fault.reason && other.target.atNs === fault.atNs,
};
