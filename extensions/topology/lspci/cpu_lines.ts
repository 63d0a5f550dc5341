/**
 * Reads the CPU from lines of `lscpu` or `/proc/cpuinfo` in the pasted text. The CPU matters
 * because some CPUs allow peer-to-peer traffic through any host bridge.
 *
 * @see rules/p2p.md 9.4, "Host-bridge check"
 */

import type { CpuIdentity } from "@dmalab/devices";

const VENDOR = /(?:^|\s)(AuthenticAMD|GenuineIntel|HygonGenuine|CentaurHauls)\s*$/;
/** Vendors by the names that their CPUs report; no rule mentions any other vendor. */
const VENDORS: Readonly<Record<string, CpuIdentity["vendor"]>> = {
  AuthenticAMD: "amd",
  GenuineIntel: "intel",
  HygonGenuine: "hygon",
};
/**
 * Matches `cpu family : 25` and `CPU family: 25`. In other languages the words before the colon
 * differ.
 */
const FAMILY = /^\s*(?:cpu family|CPU-Familie|Famille de processeur)[^:]{0,20}:\s*(\d{1,4})\s*$/i;

export class CpuReader {
  #vendor: string | null = null;
  #family: number | null = null;

  /** @returns Whether the line is about the CPU. The first CPU of the text is used. */
  read(line: string): boolean {
    const vendor = line.includes(":") ? VENDOR.exec(line) : null;
    if (vendor !== null) this.#vendor ??= vendor[1]!;
    const family = FAMILY.exec(line);
    if (family !== null) this.#family ??= Number(family[1]);
    return vendor !== null || family !== null;
  }

  /** The CPU; family 0 if only the vendor is listed, null without a vendor. */
  get found(): CpuIdentity | null {
    if (this.#vendor === null) return null;
    return { vendor: VENDORS[this.#vendor] ?? "other", family: this.#family ?? 0 };
  }
}
