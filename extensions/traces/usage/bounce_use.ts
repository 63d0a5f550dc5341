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
  /** How often the bounce was forced, although the device may reach the data. */
  forced: number;
  readonly maskBits: number | null;
  readonly firstLine: number;
  lastLine: number;
}

export class BounceUses {
  readonly devices = new Map<string, BounceUse>();

  take(fields: PayloadFields, line: number): void {
    const bounce = readBounce(fields);
    if (bounce === null) return;
    const { address, device, isForced, maskBits, sizeBytes } = bounce;
    const use = this.devices.getOrInsertComputed(device, () => ({
      count: 0,
      bytes: 0,
      outOfReach: 0,
      forced: 0,
      maskBits,
      firstLine: line,
      lastLine: line,
    }));
    use.count++;
    use.bytes += sizeBytes;
    use.lastLine = line;
    if (address === null) use.outOfReach++;
    if (isForced) use.forced++;
  }

  json() {
    return Object.fromEntries(
      [...this.devices].map(([name, use]) => [name, {
        count: use.count,
        bytes: use.bytes,
        out_of_reach: use.outOfReach,
        forced: use.forced,
        mask_bits: use.maskBits,
        lines: [use.firstLine, use.lastLine],
      }]),
    );
  }

  lines(): string[] {
    return [...this.devices].map(([name, { bytes, count, forced, maskBits, outOfReach }]) => {
      const mask = maskBits === null ? "" : `, mask of ${formatCount(maskBits, "bit")}`;
      const reach = outOfReach === 0
        ? ""
        : `; ${
          outOfReach === count ? "each time" : formatCount(outOfReach, "time")
        } the data was not in reach of the device (dev_addr all ones)`;
      const force = forced === 0
        ? ""
        : `; forced ${forced === count ? "each time" : formatCount(forced, "time")} (FORCE)`;
      return `${name}: bounced ${formatCount(count, "time")}, ${
        sizeText(bytes)
      }${mask}${reach}${force}`;
    });
  }
}

function sizeText(bytes: number): string {
  return bytes < 1024 ? formatCount(bytes, "byte") : formatSizeCut(bytes);
}
