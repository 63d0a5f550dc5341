/**
 * Parses the text that an administrator may write to a driver's attribute. The text enables peer
 * memory of any provider, or of one provider.
 *
 * @see rules/p2p.md 9.5, "Enable attribute"
 */
import { ERRNO } from "@dmalab/runtime";
import type { PciFunction } from "../pci_function.ts";
import type { PciTopology } from "../topology.ts";

/** Whether peer memory may be used, and from which device, if only one is permitted. */
interface PeerChoice {
  readonly enabled: boolean;
  readonly provider: PciFunction | null;
}

const ON: ReadonlySet<string> = new Set(["1", "y", "Y", "t", "T", "yes", "true", "on"]);
const OFF: ReadonlySet<string> = new Set(["0", "n", "N", "f", "F", "no", "false", "off"]);

/**
 * Parses the text of the attribute: a PCI address, or a word for yes or no.
 * @returns The choice; -ENODEV for an unknown device or a device without published memory; -EINVAL
 *   for any other text.
 */
export function readPeerChoice(topology: PciTopology, text: string): PeerChoice | number {
  const named = text.trim();
  const func = topology.functions.find(({ address }) => String(address) === named);
  if (func !== undefined) {
    const publishes = topology.providers.of(func)?.state === "published";
    return publishes ? { enabled: true, provider: func } : -ERRNO.ENODEV;
  }
  // The address of a missing device, such as "0000:01:00.1", begins with 0, but must not be read as
  // the boolean 0.
  if (/^[01]./.test(named)) return -ERRNO.ENODEV;
  if (ON.has(named)) return { enabled: true, provider: null };
  if (OFF.has(named)) return { enabled: false, provider: null };
  return -ERRNO.EINVAL;
}
