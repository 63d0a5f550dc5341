/**
 * Converts a request of a real kernel to events of the model, so that a scenario's assertions can be
 * judged with these events.
 *
 * The events have the fields of the compared steps. Their addresses are converted to addresses of the
 * scenario: the page of a buffer by its place in the buffer, a device address to the model's address at
 * the same step.
 */
import { ERRNO, errnoName, type MachineEvent } from "@dmalab/runtime";
import type { KernelSide } from "./kernel_side.ts";
import type { SimulatedRequest } from "./simulated_requests.ts";
import { DIRECTIONS, type Step, STEP_KINDS, type StepKind, stepRow } from "./steps.ts";
import type { TracedRequest } from "./traced_requests.ts";

const PAGE_BYTES = 4096;
const SUBMITTED = "nvme.submit";
const COMPLETED = "nvme.complete";
const ERRNO_NUMBERS: ReadonlySet<number> = new Set(Object.values(ERRNO));

type Fields = Record<string, unknown>;

/** Converts a real kernel's device addresses to those of the scenario. */
export class ScenarioAddresses {
  readonly #pages = new Map<number, number>();

  constructor(
    private readonly scenarioPhys: KernelSide["scenarioPhys"],
    model: SimulatedRequest,
    kernel: TracedRequest,
  ) {
    this.#pair(model.map, kernel.map);
    this.#pair(model.unmap, kernel.unmap);
  }

  phys(phys: number): number {
    return this.scenarioPhys(phys) ?? phys;
  }

  dma(dma: number): number {
    const page = this.#pages.get(Math.floor(dma / PAGE_BYTES));
    // Without an IOMMU, a device address is the physical address.
    return page === undefined ? this.phys(dma) : page * PAGE_BYTES + dma % PAGE_BYTES;
  }

  /** Records the addresses of corresponding steps, up to the first pair of steps of different kinds. */
  #pair(model: readonly Step[], kernel: readonly Step[]): void {
    for (let at = 0; at < Math.min(model.length, kernel.length); at++) {
      const [mine, theirs] = [model[at]!, kernel[at]!];
      if (mine.kind !== theirs.kind) return;
      for (const [name, space] of Object.entries(stepRow(mine.kind).fields)) {
        const [one, other] = [mine.values[name], theirs.values[name]];
        if (space !== "dma" || typeof one !== "number" || typeof other !== "number") continue;
        this.#note(one, other, sizeOf(mine), sizeOf(theirs));
      }
    }
  }

  #note(model: number, kernel: number, ...sizes: readonly number[]): void {
    const pages = Math.ceil((model % PAGE_BYTES + Math.max(1, ...sizes)) / PAGE_BYTES);
    const [first, other] = [Math.floor(model / PAGE_BYTES), Math.floor(kernel / PAGE_BYTES)];
    for (let page = 0; page < pages; page++) {
      if (!this.#pages.has(other + page)) this.#pages.set(other + page, first + page);
    }
  }
}

function sizeOf({ values: { size } }: Step): number {
  return typeof size === "number" ? size : 0;
}

/** Names of the events that {@linkcode kernelEvents} can return. */
export function observedEvents(isObserved: (kind: StepKind) => boolean): ReadonlySet<string> {
  const names = STEP_KINDS.filter(isObserved).flatMap((kind) => {
    const { events, isCall } = stepRow(kind);
    return isCall === true ? [...events, ...events.map(returnOf)] : events;
  });
  return new Set([...names, SUBMITTED, COMPLETED]);
}

/**
 * The events of a kernel's request, in order. Returns two lists: all events, and the events until
 * the request's command is submitted.
 */
export function kernelEvents(
  model: SimulatedRequest,
  kernel: TracedRequest,
  addresses: ScenarioAddresses,
  isObserved: KernelSide["isObserved"],
): { readonly all: readonly MachineEvent[]; readonly map: readonly MachineEvent[] } {
  const events: MachineEvent[] = [];
  let mapped = 0;
  const [like] = model.events;
  const add = (name: string, fields: Fields) =>
    events.push(
      { ...like, name, fields, why: null, seq: like!.seq + events.length } as MachineEvent,
    );
  if (like === undefined) return { all: [], map: [] };
  for (const steps of [kernel.map, kernel.unmap]) {
    const ofModel = steps === kernel.map ? model.map : model.unmap;
    let returned: (() => void) | null = null;
    for (const step of steps.filter(({ kind }) => isObserved(kind))) {
      const { events: names, isCall } = stepRow(step.kind);
      if (isCall === true) returned?.();
      const name = ofModel.find(({ kind }) => kind === step.kind)?.event.name ?? names[0]!;
      add(name, argumentsOf(step, name, addresses));
      if (isCall === true) {
        returned = () => add(returnOf(name), resultOf(step, addresses));
      }
    }
    returned?.();
    if (steps === kernel.map) {
      add(SUBMITTED, {});
      mapped = events.length;
    } else if (kernel.status !== null) add(COMPLETED, { status: kernel.status });
  }
  return { all: events, map: events.slice(0, mapped) };
}

function returnOf(call: string): string {
  return call.replace(/^call\./, "ret.");
}

function argumentsOf({ kind, values }: Step, event: string, addresses: ScenarioAddresses): Fields {
  const { fields: spaces, renamed = {}, result, selects } = stepRow(kind);
  const fields: Fields = selects === undefined ? {} : { [selects[0]]: selects[1] };
  for (const [name, space] of Object.entries(spaces)) {
    const value = values[name];
    if (name === result?.[0] || value === undefined) continue;
    fields[renamed[name] ?? name] = name === "dir"
      ? DIRECTIONS[value as number]
      : space === "exact" || typeof value !== "number"
      ? value
      : addresses[space](value);
  }
  if (event === "call.dma_map_page" && typeof fields.phys === "number") {
    const { phys, ...rest } = fields;
    const offset = phys % PAGE_BYTES;
    return { ...rest, page: phys - offset, offset };
  }
  return fields;
}

function resultOf({ kind, values }: Step, addresses: ScenarioAddresses): Fields {
  const { fields: spaces, result } = stepRow(kind);
  const value = result === undefined ? undefined : values[result[0]];
  if (result === undefined || value === undefined) return {};
  if (result[1] === "error") {
    const errno = Math.abs(Number(value));
    return {
      error: errno === 0 ? null : ERRNO_NUMBERS.has(errno) ? errnoName(errno) : String(errno),
    };
  }
  const isAddress = spaces[result[0]] === "dma" && typeof value === "number";
  return { [result[1]]: isAddress ? addresses.dma(value) : value };
}

/** The range into which a request was linked; null for a request without a range. */
export function linkedRange(
  { map }: TracedRequest,
  addresses: ScenarioAddresses,
): { readonly start: number; readonly sizeBytes: number } | null {
  const at = map.findIndex(({ kind, values }) =>
    kind === "dma_iova_try_alloc" && values.ok === true
  );
  const range = map.slice(at + 1).find(({ kind }) => kind === "iova_alloc");
  if (at < 0 || range === undefined) return null;
  const { phys, size } = map[at]!.values as { readonly phys: number; readonly size: number };
  return {
    start: addresses.dma(range.values.dma as number) + phys % PAGE_BYTES,
    sizeBytes: size,
  };
}
