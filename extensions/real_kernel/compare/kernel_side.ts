/** The facts of a boot about the planned requests, from the guest's report and QEMU's log. */
import { readControllerLog } from "@dmalab/traces";
import type { QemuMachine } from "../machine/qemu_machine.ts";
import { TRACE_FILE } from "../plan/guest_plan.ts";
import type { Islands } from "../plan/islands.ts";
import type { GuestReport } from "../trace/guest_report.ts";
import { readGuestEvents } from "../trace/trace_events.ts";
import type { GuestFacts } from "./compare_requests.ts";
import { STEP_KINDS, type StepKind, stepRow } from "./steps.ts";
import { type TracedRequest, tracedRequests } from "./traced_requests.ts";

type IommuConfig = QemuMachine["config"]["iommu"];

export interface KernelSide extends GuestFacts {
  readonly requests: readonly TracedRequest[];
  /** Result of each io: bytes, or a negative errno. */
  readonly results: ReadonlyMap<number, number>;
  /**
   * Whether the controller's log has the accesses of each command. The log does not say which
   * controller read a command; therefore it is used only on a machine with a single disk.
   */
  readonly isLogged: boolean;
  /** Number of commands in the controller's log, after the first traced one, that are not in the trace. */
  readonly untracedCommands: number;
}

/** Stands for a disk of another machine of the guest; no disk has this name. */
const OTHER_DISK = "";

/**
 * @param otherControllers Controllers of other machines of the guest. The log does not tell their commands from
 *   those of this machine, but no other machine has a request while this machine has one.
 */
export function kernelSide(
  report: GuestReport,
  controllerLog: string,
  machine: QemuMachine,
  islands: Islands,
  otherControllers: readonly string[] = [],
): KernelSide {
  const disks = new Map([
    ...otherControllers.map((controller) => [controller, OTHER_DISK] as const),
    ...[...report.disks].map(([index, { controller }]) =>
      [controller, machine.disks[index]!.name] as const
    ),
  ]);
  const isLogged = machine.disks.length === 1;
  const commands = isLogged ? readControllerLog(controllerLog) : [];
  const requests = tracedRequests(
    readGuestEvents(report.files.get(TRACE_FILE) ?? ""),
    commands,
    (controller) => disks.get(controller) ?? null,
  );
  const traced = new Set(requests.map(({ device }) => device));
  const isTraced = (command: (typeof commands)[number]) => traced.has(command);
  const first = commands.findIndex(isTraced);
  return {
    requests: requests.filter(({ disk }) => disk !== OTHER_DISK),
    untracedCommands: first < 0
      ? 0
      : commands.slice(first).filter((command) => !isTraced(command)).length,
    results: report.results,
    isLogged,
    isObserved: observed(report, machine.config.iommu),
    scenarioPhys: (phys) => islands.scenarioPhys(phys, report.islands),
    physOf: (phys) => islands.guestPhys(phys, report.islands),
  };
}

/** Returns whether the kernel's probes show steps of a kind. */
function observed(
  report: GuestReport,
  { cachingMode, mode }: IommuConfig,
): (kind: StepKind) => boolean {
  const isArmed = (kind: StepKind) => {
    const { probe, returnProbe } = stepRow(kind);
    return ![probe, returnProbe].some((name) =>
      name !== null && report.refusedProbes.includes(name)
    );
  };
  const kinds = STEP_KINDS.filter((kind) => {
    // A lazy kernel frees ranges later, when a queue is flushed. In that case the step belongs to
    // no request.
    if (kind === "iova_free" && mode === "lazy") return false;
    // The kernel always calls the function, but the function invalidates only with caching mode.
    if (kind === "iotlb_map" && !cachingMode) return false;
    // The allocation of a block says to which request it belongs.
    return isArmed(kind) && (kind !== "dma_pool_free" || isArmed("dma_pool_alloc"));
  });
  const set = new Set(kinds);
  return (kind) => set.has(kind);
}
