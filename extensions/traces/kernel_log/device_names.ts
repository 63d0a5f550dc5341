/**
 * Names of devices in a log, and lines that give two names of one device: an NVMe controller and its
 * PCI function, a network interface and its function.
 */

/** Name of a PCI function; the domain 0000 is often left out. */
const FUNCTION = "(?:[0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]";
const IS_FUNCTION = new RegExp(`^${FUNCTION}$`, "i");
const HAS_DOMAIN = /^[0-9a-f]{4,}:.*:/i;

/** Texts with two names of one device, each with a part that such a text has. */
const PAIRS: readonly (readonly [part: string, RegExp])[] = [
  ["nvme", new RegExp(`\\b(nvme\\d+)\\b(?::? pci function| is| at| \\()\\s*(${FUNCTION})`, "i")],
  // A driver's line of a network interface: driver, function, interface.
  [":", new RegExp(`^(?:.*\\s)?[\\w-]+ (${FUNCTION}) ([a-z]\\w*\\d\\w*):\\s`, "i")],
  ["virtio", /\b(virtio\d+): \[(vd[a-z]+)\]/],
  ["virtio", /\b(virtio\d+) ([a-z]\w*\d\w*):\s/],
  ["renamed", /\b(\w+): renamed from (\w+)\b/],
  // A link of sysfs.
  [
    "/",
    new RegExp(
      `^.*\\b(${FUNCTION})/(?:[^\\s]*/)?(nvme\\d+|sd[a-z]+|vd[a-z]+|eth\\d+|en\\w+)(?![\\w/])`,
      "i",
    ),
  ],
];

/** A quick test: false for a line that certainly gives no two names. */
const MAY_NAME = /:[0-9a-f]{2}\.[0-7]|virtio\d|renamed/i;

/** A device's name in one form: with its domain, without namespace and partition. */
export function plainName(name: string): string {
  const lower = name.toLowerCase();
  if (IS_FUNCTION.test(lower)) return HAS_DOMAIN.test(lower) ? lower : `0000:${lower}`;
  return lower.replace(/^(nvme\d+)(?:c\d+)?n\d+(?:p\d+)?$/, "$1").replace(
    /^([sv]d[a-z]+)\d+$/,
    "$1",
  );
}

/** `other` is said only of names that two devices cannot share. */
export type Sameness = "same" | "other" | "unknown";

/** Names of which a device has at most one: its function, its disk or controller. */
const CLASSES: readonly RegExp[] = [IS_FUNCTION, /^(?:nvme\d+|[sv]d[a-z]+)$/];

/** The names of a log's devices. */
export class DeviceNames {
  readonly #pairs = new Map<string, Set<string>>();

  /** Reads a line; most lines give no names. */
  push(text: string): void {
    if (!MAY_NAME.test(text)) return;
    const lower = text.toLowerCase();
    for (const [part, pattern] of PAIRS) {
      const found = lower.includes(part) ? pattern.exec(text) : null;
      if (found === null) continue;
      const [one, two] = [plainName(found[1]!), plainName(found[2]!)];
      this.#pairs.getOrInsertComputed(one, () => new Set()).add(two);
      this.#pairs.getOrInsertComputed(two, () => new Set()).add(one);
    }
  }

  /** All names of the devices with one of these names. */
  of(names: Iterable<string>): ReadonlySet<string> {
    const all = new Set<string>();
    const left = [...names].map(plainName);
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      if (all.has(name)) continue;
      all.add(name);
      left.push(...this.#pairs.get(name) ?? []);
    }
    return all;
  }

  /** Whether two messages are about one device, by all names of it. */
  compare(one: ReadonlySet<string>, two: ReadonlySet<string>): Sameness {
    if (!one.isDisjointFrom(two)) return "same";
    const isOther = CLASSES.some((pattern) =>
      [one, two].every((names) => [...names].some((name) => pattern.test(name)))
    );
    return isOther ? "other" : "unknown";
  }
}
