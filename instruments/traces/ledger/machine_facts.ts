/**
 * What is recorded of a machine beside its trace and its log: limits of queues, groups of the IOMMU,
 * counts of the ring buffers, a line each as the collector writes them.
 *
 * @see behaviour/traces.md T.7
 */
import { queueLimitOf } from "../line/line_source.ts";

const GROUP = /^group \d+ type (\S+) devs (.+)$/;
const OVERRUN = /^per_cpu\/cpu\d+ .*?\boverrun: (\d+)/;

export class MachineFacts {
  /** By disk: its limits by their names in sysfs. */
  readonly limits = new Map<string, Record<string, number>>();
  /** How each device's addresses are translated, in the kernel's words: `DMA`, `DMA-FQ`, `identity`. */
  readonly groupTypes = new Map<string, string>();
  /** Events that the ring buffers have overwritten. */
  overrun = 0;

  push(text: string): void {
    const limit = queueLimitOf(text);
    if (limit !== null) {
      const known = this.limits.get(limit.disk) ?? {};
      this.limits.set(limit.disk, { ...known, [limit.name]: limit.value });
      return;
    }
    const group = GROUP.exec(text);
    if (group !== null) {
      for (const device of group[2]!.trim().split(/\s+/)) this.groupTypes.set(device, group[1]!);
      return;
    }
    this.overrun += Number(OVERRUN.exec(text)?.[1] ?? 0);
  }
}
