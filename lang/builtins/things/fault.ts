/** One access of a device that went nowhere, as `iommu.faults` lists them. */
import type { MachineEvent } from "@dmalab/runtime";
import { decodeFaultLog, printFaultLog } from "@dmalab/runtime/fault_log";
import type { IommuFault } from "@dmalab/runtime/iommu";
import { wrapText } from "../../text/columns.ts";
import { formatAddress, formatDuration } from "../../text/numbers.ts";
import type { Run } from "../../values/run.ts";
import { isThing } from "../arguments.ts";
import { faultStory, verdictText } from "../explain/fault_story.ts";
import { explainAddress } from "../ledger.ts";
import { type JudgedFault, judgeFault } from "../fault_verdict.ts";
import type { TypeSpec } from "../../values/spec.ts";
import { fieldsOf } from "../describe/fields.ts";

/** What the log of a kernel would have, on a machine with this IOMMU. */
function logOf(fault: IommuFault, run: Run): string | null {
  const device = run.lab.devices.get(fault.device);
  if (device === undefined || device.dma.domain === null) return null;
  return printFaultLog(run.lab.machine.config.iommu.model, {
    dma: fault.dma,
    access: fault.access,
    reason: fault.reason,
    pciDomain: device.function.address.domain,
    // On the wire: a bridge to conventional PCI has one for all that is behind it (dma.md 9.10).
    requesterId: device.dma.requesterId!,
    namesSegment: run.lab.machine.kernel.strategies.dma.logsPciSegment,
    domainId: device.dma.domain.id,
  });
}

/** The event that tells of it; null where events were not kept. */
function eventOf(fault: IommuFault, run: Run): MachineEvent<"iommu.fault"> | null {
  const faults = run.recorder.events.filter((event) => event.name === "iommu.fault");
  return faults.find(({ at_ns: atNs, device, fields: { access, dma, reason } }) =>
    device === fault.device && atNs === fault.atNs && dma === fault.dma &&
    access === fault.access && reason === fault.reason
  ) ?? null;
}

function formatFault({ access, atNs, device, dma, reason }: IommuFault): string {
  return `${access} of ${formatAddress(dma)} by ${device}: ${reason}, at ${formatDuration(atNs)}`;
}

/** Null where no IOMMU is known to record such an access. */
function judgedOf(
  fault: IommuFault,
  run: Run,
  event: MachineEvent<"iommu.fault"> | null,
): JudgedFault | null {
  const log = logOf(fault, run);
  const read = log === null ? null : decodeFaultLog(log);
  return read === null || !read.ok ? null : judgeFault(read.fault, run, event);
}

function addressStory(fault: IommuFault, run: Run): string[] {
  return [
    formatFault(fault),
    ...explainAddress("dma", fault.dma, run, { device: fault.device }),
  ];
}

/** What `explain` says of the fault that an event records: the verdict first, then all lines. */
export function explainFaultEvent(
  event: MachineEvent<"iommu.fault">,
  run: Run,
): { readonly verdict: string | null; readonly lines: readonly string[] } {
  const fault = { ...event.fields, device: event.device!, atNs: event.at_ns };
  const judged = judgedOf(fault, run, event);
  return judged === null
    ? { verdict: null, lines: addressStory(fault, run) }
    : { verdict: verdictText(judged, run), lines: faultStory(judged.line, judged, run) };
}

export const FAULT: TypeSpec<IommuFault> = {
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
  methods: [],
  format: formatFault,
  show(fault, run) {
    const log = logOf(fault, run);
    return [
      formatFault(fault),
      ...log === null
        ? []
        : log.split("\n").flatMap((line) => wrapText(line, 78).map((part) => `  ${part}`)),
    ];
  },
  explain(fault, run) {
    const judged = judgedOf(fault, run, eventOf(fault, run));
    return judged === null ? addressStory(fault, run) : faultStory(judged.line, judged, run);
  },
  equals: (fault, other) =>
    isThing(other, FAULT) && other.target.device === fault.device &&
    other.target.dma === fault.dma && other.target.access === fault.access &&
    other.target.reason === fault.reason && other.target.atNs === fault.atNs,
};
