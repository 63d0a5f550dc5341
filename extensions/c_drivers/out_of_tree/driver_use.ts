/** Ways in which a scenario uses a driver of a tree after it has probed: the first transfer of what it registers. */
import type { TestOutcome } from "@dmalab/lang/run";

/** A use of a driver, with the calls of a scenario. */
export interface DriverUse {
  /** Matches the driver's call that registers what is used. */
  readonly registers: RegExp;
  /** Name of the test. */
  readonly title: string;
  /** The call that begins the use, and returns 0. */
  readonly opens: string;
  /** Statements after it, which end the use. */
  readonly then: readonly string[];
}

const USES: readonly DriverUse[] = [
  {
    registers: /\b(?:devm_)?register_netdev(?:ice)?\s{0,20}\(/,
    title: "its interface opens, sends a packet and closes",
    opens: "d.net_open(card)",
    then: ["d.net_send(card, 64)", "d.net_stop(card)"],
  },
  {
    registers: /\bdma(?:enginem)?_async_device_register\s{0,20}\(/,
    title: "a channel of its DMA engine opens and closes",
    opens: "d.channel_open()",
    then: ["d.channel_close()"],
  },
];

/** How a driver is used, from its sources; null if no use is known. */
export function useOf(texts: Iterable<string>): DriverUse | null {
  for (const text of texts) {
    const found = USES.find(({ registers }) => registers.test(text));
    if (found !== undefined) return found;
  }
  return null;
}

/** Calls after the one that opens. One of them is among a failure's lines if the driver was open before. */
const AFTER_OPENING = /^\s*\d+ \|\s+d\.(?:net_send|net_stop|channel_close|remove|unload)\(/;

/** Whether the driver opened in the test of its use. */
export function isOpened({ failure }: TestOutcome): boolean {
  return failure === null || ["E0926", "E0908"].includes(failure.code) &&
      !failure.lines.some((line) => /^\s*\d+ \|\s+assert d\./.test(line)) ||
    failure.lines.some((line) => AFTER_OPENING.test(line));
}
