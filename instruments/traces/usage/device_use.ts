/**
 * What each device of a trace maps: how much, how often, how long, by which tasks.
 *
 * Nothing is kept for a mapping that is unmapped.
 */
import type { TracedMapping } from "../ledger/traced_mapping.ts";
import { modeOf } from "../ledger/traced_mapping.ts";
import { isMappingStep, type Step } from "../script/recorder.ts";

const US_PER_S = 1e6;
/** Tasks beyond this number are counted together. */
const MOST_TASKS = 1000;
const OTHER_TASKS = "other tasks";

/** A histogram by powers of two: `counts[3]` has the values from 4 to 7. */
export class PowersOfTwo {
  readonly counts: number[] = [];
  count = 0;
  most = 0;

  add(value: number): void {
    const power = value < 1 ? 0 : Math.floor(Math.log2(value)) + 1;
    while (this.counts.length <= power) this.counts.push(0);
    this.counts[power]!++;
    this.count++;
    this.most = Math.max(this.most, value);
  }

  /** A bound that this percentage of the values do not exceed: a power of two, or the largest value. */
  percentile(percent: number): number {
    let left = Math.ceil(this.count * percent / 100);
    const power = this.counts.findIndex((count) => (left -= count) <= 0);
    return power < 0 ? 0 : Math.min(2 ** power, this.most);
  }
}

/** What one device maps. */
export class DeviceUse {
  maps = 0;
  unmaps = 0;
  mappedBytes = 0;
  liveBytes = 0;
  peakBytes = 0;
  /** When the peak was. */
  peakSeconds = 0;
  live = 0;
  peakLive = 0;
  bouncedMaps = 0;
  liveBouncedBytes = 0;
  peakBouncedBytes = 0;
  lowest = Infinity;
  highest = 0;
  readonly lifetimesUs = new PowersOfTwo();
  readonly sizesBytes = new PowersOfTwo();
  readonly directions = new Map<string, number>();
  readonly callers = new Map<string, number>();

  map(mapping: TracedMapping, seconds: number): void {
    const { addr, dir, kind, sizeBytes, task } = mapping;
    this.maps++;
    this.peakLive = Math.max(this.peakLive, ++this.live);
    this.liveBytes += sizeBytes;
    this.mappedBytes += sizeBytes;
    if (this.liveBytes > this.peakBytes) {
      [this.peakBytes, this.peakSeconds] = [this.liveBytes, seconds];
    }
    if (isBounced(mapping)) {
      this.bouncedMaps++;
      this.liveBouncedBytes += sizeBytes;
      this.peakBouncedBytes = Math.max(this.peakBouncedBytes, this.liveBouncedBytes);
    }
    this.lowest = Math.min(this.lowest, addr);
    this.highest = Math.max(this.highest, addr + sizeBytes);
    this.sizesBytes.add(sizeBytes);
    bump(this.directions, dir ?? "unknown");
    const caller = `${kind} by ${task.replace(/^(kworker|ksoftirqd|irq)\/.*$/, "$1")}`;
    bump(
      this.callers,
      this.callers.has(caller) || this.callers.size < MOST_TASKS ? caller : OTHER_TASKS,
    );
  }

  unmap(mapping: TracedMapping, seconds: number): void {
    this.unmaps++;
    this.live--;
    this.liveBytes -= mapping.sizeBytes;
    if (isBounced(mapping)) this.liveBouncedBytes -= mapping.sizeBytes;
    this.lifetimesUs.add(Math.max(0, seconds - mapping.mappedAt.seconds) * US_PER_S);
  }
}

/** The driver's buffer is elsewhere, and no page table leads there. */
function isBounced({ addr, kind, phys, tableLine }: TracedMapping): boolean {
  return kind !== "two_step" && tableLine === 0 && phys !== null && phys !== addr;
}

function bump(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Takes the steps of a ledger. */
export class DeviceUses {
  readonly devices = new Map<string, DeviceUse>();
  readonly #modes = new Map<string, () => string>();

  /** @param seconds When the line of the step was written. */
  take(step: Step, seconds: number): void {
    if (!isMappingStep(step)) return;
    const { mapping, op } = step;
    if (op === "map") this.#of(mapping).map(mapping, seconds);
    else if (op === "unmap") this.#of(mapping).unmap(mapping, seconds);
    else if (op === "range") {
      // The ledger reports a range only when it is unmapped.
      const use = this.#of(mapping);
      use.map(mapping, mapping.mappedAt.seconds);
      use.unmap(mapping, mapping.unmappedAt!.seconds);
    }
  }

  modeOf(name: string): string {
    return this.#modes.get(name)?.() ?? "translated";
  }

  #of({ device }: TracedMapping): DeviceUse {
    const name = device?.name ?? "two-step ranges of no known device";
    let use = this.devices.get(name);
    if (use === undefined) {
      this.devices.set(name, use = new DeviceUse());
      if (device !== null) this.#modes.set(name, () => modeOf(device));
    }
    return use;
  }
}
