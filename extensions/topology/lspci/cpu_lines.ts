/**
 * The CPU, from lines of `lscpu` or `/proc/cpuinfo` in the same text: on some CPUs peer-to-peer
 * traffic is allowed whatever the host bridge.
 *
 * @see rules/p2p.md 9.4, "Host-bridge check"
 */

import type { CpuIdentity } from "@dmalab/devices";

const VENDOR = /(?:^|\s)(AuthenticAMD|GenuineIntel|HygonGenuine|CentaurHauls)\s*$/;
/** CPUs as they name themselves; any other has no specific rule. */
const VENDORS: Readonly<Record<string, CpuIdentity["vendor"]>> = {
  AuthenticAMD: "amd",
  GenuineIntel: "intel",
  HygonGenuine: "hygon",
};
/** `cpu family : 25` and `CPU family: 25`; other languages have other words in front. */
const FAMILY = /^\s*(?:cpu family|CPU-Familie|Famille de processeur)[^:]{0,20}:\s*(\d{1,4})\s*$/i;

export class CpuReader {
  #vendor: string | null = null;
  #family: number | null = null;

  /** @returns Whether the line is about the CPU. The first CPU of the text counts. */
  read(line: string): boolean {
    const vendor = line.includes(":") ? VENDOR.exec(line) : null;
    if (vendor !== null) this.#vendor ??= vendor[1]!;
    const family = FAMILY.exec(line);
    if (family !== null) this.#family ??= Number(family[1]);
    return vendor !== null || family !== null;
  }

  /** Of family 0 where only the vendor is listed. */
  get found(): CpuIdentity | null {
    if (this.#vendor === null) return null;
    return { vendor: VENDORS[this.#vendor] ?? "other", family: this.#family ?? 0 };
  }
}
