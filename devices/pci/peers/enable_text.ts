/**
 * The text that an administrator may write to the attribute by which a driver enables peer memory,
 * of any provider or of one.
 *
 * @see rules/p2p.md 9.5, "Enable attribute"
 */
import { ERRNO } from "@dmalab/runtime";
import type { PciFunction } from "../pci_function.ts";
import type { PciTopology } from "../topology.ts";

/** Peer memory is used or not, and if only one device is permitted, which. */
interface PeerChoice {
  readonly enabled: boolean;
  readonly provider: PciFunction | null;
}

const ON: ReadonlySet<string> = new Set(["1", "y", "Y", "t", "T", "yes", "true", "on"]);
const OFF: ReadonlySet<string> = new Set(["0", "n", "N", "f", "F", "no", "false", "off"]);

/**
 * Reads such a text: a PCI address, or a word that says yes or no.
 * @returns The choice, or -ENODEV for an unknown device or one that publishes nothing, -EINVAL for
 * any other text.
 */
export function readPeerChoice(topology: PciTopology, text: string): PeerChoice | number {
  const named = text.trim();
  const func = topology.functions.find(({ address }) => String(address) === named);
  if (func !== undefined) {
    const publishes = topology.providers.of(func)?.state === "published";
    return publishes ? { enabled: true, provider: func } : -ERRNO.ENODEV;
  }
  // "0000:01:00.1" of a device that is not there would otherwise read as a word that begins with 0.
  if (/^[01]./.test(named)) return -ERRNO.ENODEV;
  if (ON.has(named)) return { enabled: true, provider: null };
  if (OFF.has(named)) return { enabled: false, provider: null };
  return -ERRNO.EINVAL;
}
