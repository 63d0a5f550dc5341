/** Which function a person means: an address, its end, or the name the picture gives it. */
import { nearestNames } from "@dmalab/lang/diagnostics";
import type { ImportedMachine } from "./lspci/imported_machine.ts";
import type { PciFunction } from "@dmalab/devices/pci";

/** @returns The function, or what is wrong as a sentence without its end. */
export function findFunction(
  machine: ImportedMachine,
  wanted: string,
): PciFunction | string {
  const text = wanted.toLowerCase();
  const { functions } = machine;
  const exact = functions.find(({ address, name }) => `${address}` === text || name === text);
  if (exact !== undefined) return exact;
  // `05:00.0` is in domain 0 when several domains have one.
  const short = functions.filter(({ address }) => `${address}`.endsWith(`:${text}`));
  const [first, ...others] = short;
  if (first !== undefined) {
    if (others.length === 0 || first.address.domain === 0) return first;
    return `"${wanted}" is in several domains: ${short.map(({ address }) => address).join(", ")}`;
  }
  const candidates = functions.flatMap(({ address, name }) => [name, `${address}`]);
  const [nearest] = nearestNames(text, candidates, 1);
  return `There is no function "${wanted}"` +
    (nearest === undefined
      ? ": give an address such as 0000:05:00.0, or a name of the picture"
      : `; did you mean "${nearest}"?`);
}
