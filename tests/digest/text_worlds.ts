/** Texts from outside, damaged: what is read of listings of `lspci` and of fault lines. */
import { ORDINARY_CPU } from "../../devices/pci/host_bridge.ts";
import { doubtsAbout, importMachine, peersOf } from "../../devices/pci/lspci/imported_machine.ts";
import { type LinkedListing, linkListing } from "../../devices/pci/lspci/linked_listing.ts";
import { findRoute } from "../../devices/pci/peers/route.ts";
import { readListing } from "../../devices/pci/lspci/read_listing.ts";
import { decodeFaultLog } from "../../runtime/iommu/fault_log/decode_fault_log.ts";
import { findFaultLogs } from "../../runtime/iommu/fault_log/find_fault_logs.ts";
import { damage, Dice } from "../_damage.ts";
import { filesBelow, ROOT } from "../source_text.ts";
import type { Sink } from "./digest.ts";

/** Lines of the corpus that one run damages. */
const LINES = 12;
/** Functions between which routes are looked for. */
const MOST_PEERS = 8;

/** Sets, maps and numbers that JSON has not. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Set) return [...value];
  if (value instanceof Map) return [...value];
  return value;
}

/** A thing with a name by that alone: it knows what is around it. */
function named(key: string, value: unknown): unknown {
  if (key !== "" && typeof value === "object" && value !== null && "name" in value) {
    return value.name;
  }
  return plain(key, value);
}

/** How the machine's peers reach each other, and what of that is not certain. */
function tellRoutes(linked: LinkedListing, sink: Sink): void {
  const machine = importMachine(linked);
  sink(JSON.stringify(machine.cpu));
  for (const each of machine.functions) sink(`${each.address} ${each.name} ${each.role}`);
  const peers = peersOf(machine).slice(0, MOST_PEERS);
  for (const provider of peers) {
    for (const client of peers) {
      const route = findRoute(provider, client, machine.cpu ?? ORDINARY_CPU);
      const { check, distance, hops, mapType } = route;
      sink(`${hops.join(" ")}: ${mapType}, ${distance}, ${JSON.stringify(check, named)}`);
      for (const doubt of doubtsAbout(route, machine)) sink(doubt);
    }
  }
}

/** A listing of tests/lspci: the first so many as they are, and then all of them damaged. */
export function damagedListing(seed: number, sink: Sink): void {
  const files = filesBelow(`${ROOT}tests/lspci`).filter((path) => path.endsWith(".txt"));
  const text = Deno.readTextFileSync(files[seed % files.length]!);
  try {
    const read = readListing(seed <= files.length ? text : damage(text, new Dice(seed)));
    const linked = linkListing(read);
    const { findings, functions, roots } = linked;
    // A function knows those above and below it: each is told once.
    const links = new Set(["children", "parent", "above", "below"]);
    const flat = (key: string, value: unknown) => links.has(key) ? undefined : plain(key, value);
    for (const each of functions) sink(JSON.stringify(each, flat));
    for (const each of functions) sink(`${each.children.length} below`);
    for (const each of roots) sink(`root ${each.domain} ${each.bus}`);
    for (const each of findings) sink(JSON.stringify(each, plain));
    tellRoutes(linked, sink);
  } catch (error) {
    sink(String(error));
  }
}

/** Fault lines of tests/golden/traces, as they are and damaged. */
export function damagedFaults(seed: number, sink: Sink): void {
  const dice = new Dice(seed);
  const corpus = Deno.readTextFileSync(`${ROOT}tests/golden/traces/corpus.jsonl`).trim().split("\n")
    .map((line) => (JSON.parse(line) as { readonly lines: readonly string[] }).lines.join("\n"));
  for (let left = LINES; left > 0; left--) {
    const text = corpus[dice.roll(corpus.length)]!;
    for (const each of [text, damage(text, dice)]) {
      sink(JSON.stringify(decodeFaultLog(each), plain));
      for (const found of findFaultLogs(each)) sink(JSON.stringify(found, plain));
    }
  }
}
