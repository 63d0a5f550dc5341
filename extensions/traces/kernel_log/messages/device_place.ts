/** On which bus a device is, by the form of its name: a step for another bus is of no use. */
import type { LogEntryFacts } from "../log_facts.ts";

export type LoggedBus = "pci" | "platform" | "usb" | "unknown";

const BUSES: readonly (readonly [pattern: RegExp, bus: LoggedBus])[] = [
  [/^(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i, "pci"],
  [/^[0-9a-f]{4,16}\.[a-z]|@[0-9a-f]|^soc[@:]|\.auto$|^\w+\.\d+$/i, "platform"],
  [/^(?:usb\d*|\d+-\d+(?:\.\d+)*(?::\d+\.\d+)?)$/, "usb"],
];

/** The bus of the device that a line names. */
export function busOf({ device }: LogEntryFacts): LoggedBus {
  const name = typeof device === "string" ? device : "";
  return BUSES.find(([pattern]) => pattern.test(name))?.[1] ?? "unknown";
}
