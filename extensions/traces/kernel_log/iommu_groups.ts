/** The members of IOMMU groups, as a log or a list of groups names them. */
import type { LogEntryFacts } from "./log_facts.ts";

const FUNCTION = "(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]";
/** `IOMMU Group 7:`, and the members below it. */
const HEADING = /^\s*IOMMU [Gg]roup:? (\d+):?\s*$/;
const BELOW = new RegExp(`^\\s*(${FUNCTION}) +(.*)$`);
/** `IOMMU Group 7 00:1b.0 Audio device …`, and a place in sysfs. */
const IN_LINE = new RegExp(
  `^\\s*(?:IOMMU [Gg]roup:? |\\/sys\\/kernel\\/iommu_groups\\/)(\\d+)(?::? +|\\/devices\\/)(${FUNCTION})(?: +(.*))?$`,
);
/** The kernel's lines at boot. */
const ADDED = new RegExp(
  `(?:pci (${FUNCTION}): Adding to iommu group (\\d+)|Adding device (${FUNCTION}) to group (\\d+))`,
);
/** A quick test: false for a line that certainly names no member. */
const MAY_NAME = /group/i;

const MOST_MEMBERS = 4096;
/** Members that a message lists. */
const MOST_SHOWN = 16;

export class LoggedGroups {
  readonly #members = new Map<number, Map<string, string>>();
  /** The group of the heading above; null below another line. */
  #current: number | null = null;
  #count = 0;

  push(text: string): void {
    if (!MAY_NAME.test(text)) {
      if (this.#current !== null) this.#below(this.#current, text);
      return;
    }
    const heading = HEADING.exec(text)?.[1];
    this.#current = heading === undefined ? null : Number(heading);
    if (heading !== undefined) return;
    const [, group, device, rest] = IN_LINE.exec(text) ?? [];
    if (group !== undefined) {
      this.#add(Number(group), device!, rest ?? "");
      return;
    }
    const [, newer, newerGroup, older, olderGroup] = ADDED.exec(text) ?? [];
    if (newer !== undefined) this.#add(Number(newerGroup), newer, "");
    else if (older !== undefined) this.#add(Number(olderGroup), older, "");
  }

  #below(group: number, text: string): void {
    const [, device, rest] = BELOW.exec(text) ?? [];
    if (device === undefined) this.#current = null;
    else this.#add(group, device, rest!);
  }

  #add(group: number, device: string, rest: string): void {
    if (this.#count >= MOST_MEMBERS) return;
    this.#count++;
    // The class of the device, as lspci prints it before its name.
    const kind = /^(?:"?)([A-Z][\w ()/-]*?)(?: \[[0-9a-f]{4}\])?"?:? ?(?=[:[]|: )/.exec(rest)?.[1];
    const name = device.replace(/^0000:/, "");
    const members = this.#members.getOrInsertComputed(group, () => new Map());
    if (kind !== undefined || !members.has(name)) members.set(name, kind ?? "");
  }

  /** The facts of a message about a group, with the members that the log names. */
  added(facts: LogEntryFacts): LogEntryFacts {
    const members = typeof facts.group === "number" ? this.#members.get(facts.group) : undefined;
    if (members === undefined) return facts;
    const names = [...members].map(([device, kind]) => kind === "" ? device : `${device} ${kind}`);
    return { ...facts, members: names.slice(0, MOST_SHOWN) };
  }
}
