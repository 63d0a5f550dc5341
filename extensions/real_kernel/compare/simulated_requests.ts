/** Reads the requests of a simulated run, step by step, from its events. */
import type { NvmeRequest } from "@dmalab/devices";
import { type MachineEvent, SECTOR_SIZE_BYTES } from "@dmalab/runtime";
import type { RecordedSubmission } from "../plan/scenario_run.ts";
import type { AccessedRange, RequestRecord } from "./request_record.ts";
import {
  DIRECTIONS,
  isSeenWithin,
  kindOfEvent,
  type Step,
  STEP_KINDS,
  type StepKind,
  stepRow,
  type StepValue,
} from "./steps.ts";

type EventValues = Readonly<Record<string, unknown>>;

/** Kinds of steps that are calls, by the names of their return events. */
const KIND_OF_RETURN = new Map<string, StepKind>(
  STEP_KINDS.flatMap((kind) =>
    stepRow(kind).events.flatMap((event): [string, StepKind][] =>
      event.startsWith("call.") ? [[event.replace("call.", "ret."), kind]] : []
    )
  ),
);

/** A step of the model with the event that began it. */
export interface SimulatedStep extends Step {
  readonly event: MachineEvent;
}

export interface SimulatedRequest extends RequestRecord {
  readonly map: readonly SimulatedStep[];
  readonly unmap: readonly SimulatedStep[];
  /** Calls of the model that the real kernel's probes cannot show. */
  readonly unseenCalls: ReadonlySet<StepKind>;
  /** All events of the request. */
  readonly events: readonly MachineEvent[];
}

/** Names of commands as the kernel's tracepoint prints them; its `dsm` is called discard. */
const COMMAND_NAMES: Readonly<Record<number, string>> = {
  0x00: "flush",
  0x01: "write",
  0x02: "read",
  0x04: "write_uncor",
  0x05: "compare",
  0x08: "write_zeroes",
  0x09: "discard",
};
/** Commands with a first logical block in dwords 10 and 11. */
const WITH_BLOCKS: ReadonlySet<string> = new Set(["read", "write", "compare", "write_zeroes"]);

/** @param isObserved Whether the real kernel's probes can show a step. */
export function simulatedRequest(
  request: NvmeRequest,
  { disk, submission: { command } }: RecordedSubmission,
  events: readonly MachineEvent[],
  isObserved: (kind: StepKind) => boolean,
): SimulatedRequest {
  const blocked = events.findIndex(({ name }) => name === "iommu.fault");
  const isBlocked = blocked >= 0;
  const submitted = events.findIndex(({ name }) => name === "nvme.submit");
  // A refused request has no command. The steps that undo its mapping are treated as the steps of
  // its completion.
  const begun = submitted < 0 ? firstUndoing(events) : submitted;
  const unseenCalls = new Set<StepKind>();
  const map = stepsOf(events.slice(0, begun), isObserved, unseenCalls);
  const unmap = stepsOf(events.slice(begun), isObserved, unseenCalls);
  const completed = events.find(({ name }) => name === "nvme.complete");
  const op = command === null ? request.op : COMMAND_NAMES[command.opcode] ?? "unknown";
  const lba = command === null
    ? request.sector * SECTOR_SIZE_BYTES / request.limits.logicalBlockSizeBytes
    : (command.dwords?.[10] ?? 0) + (command.dwords?.[11] ?? 0) * 2 ** 32;
  return {
    disk,
    op,
    lba: WITH_BLOCKS.has(op) ? lba : null,
    blocks: WITH_BLOCKS.has(op) && command === null
      ? request.bytes / request.limits.logicalBlockSizeBytes
      : null,
    physSegments: request.nrPhysSegments,
    gapBit: request.gapBit,
    map,
    unmap,
    device: submitted < 0
      ? null
      : deviceSide(isBlocked ? events.slice(0, blocked) : events, request.payloadBytes),
    isBlocked,
    unseenCalls,
    status: completed === undefined ? null : (completed.fields as EventValues).status as number,
    events,
  };
}

function firstUndoing(events: readonly MachineEvent[]): number {
  const first = events.findIndex(({ fields, name }) => {
    const kind = kindOfEvent(name, fields);
    return kind !== null && stepRow(kind).undoes === true;
  });
  return first < 0 ? events.length : first;
}

/** @param unseenCalls Calls that are not observed are added to it. */
function stepsOf(
  events: readonly MachineEvent[],
  isObserved: (kind: StepKind) => boolean,
  unseenCalls: Set<StepKind>,
): SimulatedStep[] {
  const steps: { kind: StepKind; values: Record<string, StepValue>; event: MachineEvent }[] = [];
  /**
   * Calls that have not returned yet, the outermost call first; `step` is null for a call that is not
   * compared, and `isUnseen` is true if only the probe is missing.
   */
  const open: {
    readonly kind: StepKind;
    readonly step: (typeof steps)[number] | null;
    readonly isUnseen: boolean;
  }[] = [];
  for (const event of events) {
    const returned = KIND_OF_RETURN.get(event.name);
    const last = open.at(-1);
    if (returned !== undefined && last?.kind === returned) {
      open.pop();
      const { result, resultWithout } = stepRow(returned);
      const value = result === undefined
        ? undefined
        : resultValue(result[1], event.fields as EventValues);
      if (last.step !== null && result !== undefined) last.step.values[result[0]] = value!;
      const isNothing = resultWithout !== undefined && value === resultWithout;
      if (last.isUnseen && !isNothing) unseenCalls.add(returned);
      continue;
    }
    const kind = kindOfEvent(event.name, event.fields);
    if (kind === null) continue;
    const row = stepRow(kind);
    const isHidden = open.some(({ kind }) => stepRow(kind).hidesInner === true) ||
      row.isCall === true && open.length > 0;
    const isSeen = isObserved(kind) && isSeenWithin(kind, open.map(({ kind }) => kind));
    const step = isHidden || !isSeen
      ? null
      : { kind, values: valuesOf(kind, event.fields as EventValues), event };
    if (step !== null) steps.push(step);
    const isUnseen = !isHidden && !isObserved(kind);
    if (row.isCall === true) open.push({ kind, step, isUnseen });
  }
  for (const { isUnseen, kind } of open) if (isUnseen) unseenCalls.add(kind);
  return steps;
}

function valuesOf(kind: StepKind, fields: EventValues): Record<string, StepValue> {
  const { fields: wanted, renamed = {}, result } = stepRow(kind);
  const values: Record<string, StepValue> = {};
  for (const name of Object.keys(wanted)) {
    if (name === result?.[0]) continue;
    const value = fields[renamed[name] ?? name];
    values[name] = name === "dir" ? DIRECTIONS.indexOf(String(value)) : value as StepValue;
  }
  // dma_map_page() has the page's address and an offset as separate arguments.
  if (kind === "dma_map" && fields.page !== undefined) {
    values.phys = (fields.page as number) + (fields.offset as number);
  }
  return values;
}

/**
 * The value of a result. The model gives an errno by its name, but a probe returns a number.
 * Therefore only success or failure is compared.
 */
function resultValue(field: string, fields: EventValues): StepValue {
  const value = fields[field];
  if (field === "error") return value === null ? 0 : String(value);
  return value === null ? "none" : value as StepValue;
}

/** The controller's accesses to the data. Accesses to metadata follow them, and are not compared. */
function deviceSide(
  events: readonly MachineEvent[],
  dataBytes: number,
): RequestRecord["device"] {
  const extents: AccessedRange[] = [];
  let leftBytes = dataBytes;
  let format: "prp" | "sgl" | "none" = "none";
  for (const event of events) {
    const fields = event.fields as EventValues;
    if (event.name === "nvme.prp") format = "prp";
    else if (event.name === "nvme.sgl") format = "sgl";
    else if (event.name === "nvme.data" && leftBytes > 0) {
      const sizeBytes = fields.size_bytes as number;
      extents.push([fields.dma as number, sizeBytes]);
      leftBytes -= sizeBytes;
    }
  }
  return { format, extents };
}
