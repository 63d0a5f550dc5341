/**
 * Lines of the kernel's DMA API checker.
 *
 * @see rules/traces.md T.53, rules/dma.md 8.2
 */
import { REPORT_CLASSES } from "@dmalab/runtime/dma";
import { type Fact, hexOf, type LogEntryFacts } from "./entry.ts";

/** Texts of other releases, or that no capture here has, beside those of the classes themselves. */
const MORE_TEXTS = [
  ["device driver syncs DMA memory outside allocated range", "sync_size"],
  ["device driver syncs DMA sg list with different entry count", "sync_entries"],
  ["device driver syncs device write-only DMA memory to device", "sync_for_device_write_only"],
  ["device driver frees DMA memory with different CPU address", "free_cpu_address"],
  ["device driver maps memory from vmalloc area", "map_vmalloc"],
  ["exceeded 7 overlapping mappings of cacheline", "cacheline_overlap_many"],
  ["cpu touching an active dma mapped cacheline", "cpu_touches_mapped"],
] as const;

/** What a line of the checker can be about. */
export type CheckerClass = keyof typeof REPORT_CLASSES | (typeof MORE_TEXTS)[number][1];

/** The class of a line by how it begins; the first that has a text is the one. */
const TEXTS: readonly (readonly [string, string])[] = [
  ...Object.entries(REPORT_CLASSES).flatMap(([name, { log }]) =>
    log === null ? [] : [[log, name] as const]
  ),
  ...MORE_TEXTS,
];

/** `DMA-API: DRIVER DEV: TEXT`, before 5.x `DRIVER DEV: DMA-API: TEXT`. */
const NEW_ORDER = /\bDMA-API: (\S+) (\S+): (.*)$/;
const OLD_ORDER = /(\S+) (\S+): DMA-API: (.*)$/;
const BRACKET = /\[([^\]]*)\]/g;
const CACHE_LINE_BYTES = 64;

/** `key=value` in brackets: which fact it is, and how its value is read. */
const KEYS: Readonly<Record<string, readonly [string, "hex" | "count" | "text"]>> = {
  "device address": ["address", "hex"],
  "start": ["address", "hex"],
  "end": ["end", "hex"],
  "boundary": ["boundary", "hex"],
  "size": ["size_bytes", "count"],
  "allocation size": ["size_bytes", "count"],
  "map size": ["map_size", "count"],
  "unmap size": ["unmap_size", "count"],
  "sync offset+size": ["sync_end", "count"],
  "map count": ["map_count", "count"],
  "unmap count": ["unmap_count", "count"],
  "sync count": ["sync_count", "count"],
  "count": ["count", "count"],
  "len": ["len", "count"],
  "max": ["max", "count"],
  "cln": ["cacheline", "hex"],
};
const WORDS = /^(mapped as|unmapped as|mapped with|unmapped with|synced with) (.*)$/;

/** What a line of the checker says; null for what it says of itself at boot. */
export function debugFacts(line: string): LogEntryFacts | null {
  const match = NEW_ORDER.exec(line) ?? OLD_ORDER.exec(line);
  if (match === null) return null;
  const [, driver, device, text] = match;
  const found = TEXTS.find(([words]) => text!.startsWith(words));
  if (found === undefined) return null;
  const facts: Record<string, Fact> = {
    class: found[1],
    driver: driver!,
    device: device!,
    address: null,
    ...bracketFacts(text!),
  };
  if (found[1].startsWith("map_") && typeof facts.len === "number") {
    facts.size_bytes = facts.len;
    delete facts.len;
  }
  if (typeof facts.cacheline === "string") {
    facts.phys = `0x${(parseInt(facts.cacheline, 16) * CACHE_LINE_BYTES).toString(16)}`;
  }
  return facts;
}

/** The entry that the report of a leak names. */
export function leakedEntry(details: string, facts: LogEntryFacts): LogEntryFacts {
  return { ...facts, ...bracketFacts(details) };
}

function bracketFacts(text: string): Record<string, Fact> {
  const facts: Record<string, Fact> = {};
  for (const [, inside] of text.matchAll(BRACKET)) {
    const words = WORDS.exec(inside!);
    if (words !== null) {
      facts[words[1]!.replace(" ", "_")] = words[2]!;
      continue;
    }
    const equals = inside!.indexOf("=");
    const key = KEYS[inside!.slice(0, equals)];
    const value = inside!.slice(equals + 1);
    if (equals < 0 || key === undefined) continue;
    const [name, kind] = key;
    if (kind === "hex") facts[name] = /^0x[0-9a-f]+$/i.test(value) ? hexOf(value) : null;
    else facts[name] = parseInt(value, 10);
  }
  return facts;
}
