/**
 * Counts the bounces in a trace by device. The lines show attempts, because they are printed before
 * the kernel searches for slots.
 *
 * @see rules/traces.md T.31
 */
import { formatCount, formatSizeCut } from "@dmalab/lang/text";
import { readBounce } from "../line/bounce_event.ts";
import type { PayloadFields } from "../line/payload.ts";

interface BounceUse {
  count: number;
  bytes: number;
  /** How often the device could not reach the data at all. */
  outOfReach: number;
  /** How often the data ended above the device's mask. */
  aboveMask: number;
  /** How often the bounce was forced, although the device may reach the data. */
  forced: number;
  /** How often neither the mask nor force is the reason. */
  otherwise: number;
  readonly maskBits: number | null;
  readonly firstLine: number;
  lastLine: number;
}

export class BounceUses {
  readonly devices = new Map<string, BounceUse>();

  take(fields: PayloadFields, line: number): void {
    const bounce = readBounce(fields);
    if (bounce === null) return;
    const { address, device, isAboveMask, isForced, maskBits, sizeBytes } = bounce;
    const use = this.devices.getOrInsertComputed(device, () => ({
      count: 0,
      bytes: 0,
      outOfReach: 0,
      aboveMask: 0,
      forced: 0,
      otherwise: 0,
      maskBits,
      firstLine: line,
      lastLine: line,
    }));
    use.count++;
    use.bytes += sizeBytes;
    use.lastLine = line;
    if (address === null) use.outOfReach++;
    if (isAboveMask) use.aboveMask++;
    if (isForced) use.forced++;
    if (address !== null && !isAboveMask && !isForced) use.otherwise++;
  }

  json() {
    return Object.fromEntries(
      [...this.devices].map(([name, use]) => [name, {
        count: use.count,
        bytes: use.bytes,
        out_of_reach: use.outOfReach,
        above_mask: use.aboveMask,
        forced: use.forced,
        mask_bits: use.maskBits,
        lines: [use.firstLine, use.lastLine],
      }]),
    );
  }

  lines(): string[] {
    return [...this.devices].map(([name, use]) => {
      const { aboveMask, bytes, count, forced, maskBits, otherwise, outOfReach } = use;
      const times = (some: number) => some === count ? "each time" : formatCount(some, "time");
      const mask = maskBits === null ? "" : `, mask of ${formatCount(maskBits, "bit")}`;
      return [
        `${name}: bounced ${formatCount(count, "time")}, ${sizeText(bytes)}${mask}`,
        ...outOfReach === 0
          ? []
          : [`${times(outOfReach)} the data was not in reach of the device (dev_addr all ones)`],
        ...aboveMask === 0 ? [] : [`${times(aboveMask)} the data ended above the mask`],
        ...forced === 0 ? [] : [`forced ${times(forced)} (FORCE)`],
        ...otherwise === 0
          ? []
          : [`${times(otherwise)} in reach and not forced: an untrusted device, or a small buffer`],
      ].join("; ");
    });
  }

  /** What to look at on the machine, for the reasons of the bounces. */
  steps(): string[] {
    return [...this.devices].flatMap(([name, { aboveMask, forced, outOfReach }]) => [
      ...outOfReach + aboveMask === 0 ? [] : [
        `${name}: look at the mask that its driver sets (dma_set_mask_and_coherent), and at dma-ranges or _DMA of its bus`,
      ],
      ...forced === 0 ? [] : [
        `${name}: look for what forces the bounces: swiotlb=force in /proc/cmdline, encrypted memory or a restricted pool in the log of the boot (\`Memory Encryption\`, \`restricted DMA pool\`), or an untrusted port`,
      ],
    ]);
  }
}

function sizeText(bytes: number): string {
  return bytes < 1024 ? formatCount(bytes, "byte") : formatSizeCut(bytes);
}
