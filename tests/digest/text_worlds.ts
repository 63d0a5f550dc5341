/** Texts from outside, damaged: what is read of listings of `lspci` and of fault lines. */
import { findRoute, ORDINARY_CPU } from "@dmalab/devices/pci";
import {
  doubtsAbout,
  importMachine,
  type LinkedListing,
  linkListing,
  peersOf,
  readListing,
} from "@dmalab/topology/lspci";
import {
  AMD_EVENT_NAMES,
  decodeFaultLog,
  findFaultLogs,
  printFaultLog,
} from "@dmalab/runtime/fault_log";
import { FAULT_REASON, wordsOf } from "@dmalab/runtime/vocabulary";
import { IOMMU_MODEL_NAMES } from "@dmalab/runtime/iommu";
import { Choices } from "../fuzz/choices.ts";
import { damageListing } from "../fuzz/mutations.ts";
import { filesBelow, ROOT } from "../source_text.ts";
import type { Sink } from "./digest.ts";

/** Lines of the corpus that one run damages. */
const LINES = 12;
/** Functions between which routes are looked for. */
const MAX_PEERS = 8;

const FAULT_REASONS = wordsOf(FAULT_REASON);

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
function emitRoutes(linked: LinkedListing, sink: Sink): void {
  const machine = importMachine(linked);
  sink(JSON.stringify(machine.cpu));
  for (const each of machine.functions) sink(`${each.address} ${each.name} ${each.role}`);
  const peers = peersOf(machine).slice(0, MAX_PEERS);
  for (const provider of peers) {
    for (const client of peers) {
      const route = findRoute(provider, client, machine.cpu ?? ORDINARY_CPU);
      const { check, distance, hops, mapType } = route;
      sink(`${hops.join(" ")}: ${mapType}, ${distance}, ${JSON.stringify(check, named)}`);
      for (const doubt of doubtsAbout(route, machine)) sink(doubt);
    }
  }
}

/** A listing of extensions/topology/tests/lspci: the first so many as they are, and then all of them damaged. */
export function damagedListing(seed: number, sink: Sink): void {
  const files = filesBelow(`${ROOT}extensions/topology/tests/lspci`).filter((path) =>
    path.endsWith(".txt")
  );
  const text = Deno.readTextFileSync(files[seed % files.length]!);
  try {
    const read = readListing(seed <= files.length ? text : damageListing(text, new Choices(seed)));
    const linked = linkListing(read);
    const { findings, functions, roots } = linked;
    // A function knows those above and below it: each is reported once.
    const links = new Set(["children", "parent", "above", "below"]);
    const flat = (key: string, value: unknown) => links.has(key) ? undefined : plain(key, value);
    for (const each of functions) sink(JSON.stringify(each, flat));
    for (const each of functions) sink(`${each.children.length} below`);
    for (const each of roots) sink(`root ${each.domain} ${each.bus}`);
    for (const each of findings) sink(JSON.stringify(each, plain));
    emitRoutes(linked, sink);
  } catch (error) {
    sink(String(error));
  }
}

/** Fault lines of tests/golden/traces, as they are and damaged. */
export function damagedFaults(seed: number, sink: Sink): void {
  const choices = new Choices(seed);
  const corpus = Deno.readTextFileSync(`${ROOT}tests/golden/traces/corpus.jsonl`).trim().split("\n")
    .map((line) => (JSON.parse(line) as { readonly lines: readonly string[] }).lines.join("\n"));
  for (let left = LINES; left > 0; left--) {
    const text = corpus[choices.below(corpus.length)]!;
    for (const each of [text, damageListing(text, choices)]) {
      sink(JSON.stringify(decodeFaultLog(each), plain));
      for (const found of findFaultLogs(each)) sink(JSON.stringify(found, plain));
    }
  }
}

/** Every code and every set of flags that the makers' lines can have, and the lines that we print. */
export function allFaults(sink: Sink): void {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const tell = (text: string) => sink(JSON.stringify(decodeFaultLog(text), plain));
  for (let code = 0; code < 256; code++) {
    const access = code % 2 === 0 ? "Read" : "Write";
    tell(
      `DMAR: [DMA ${access} NO_PASID] Request device [02:00.0] fault addr 0x1000 [fault reason 0x${
        hex(code, 2)
      }] text`,
    );
    tell(
      `DMAR: [INTR-REMAP] Request device [02:00.0] fault index 0x3 [fault reason 0x${
        hex(code, 2)
      }] text`,
    );
  }
  for (let flags = 0; flags < 512; flags++) {
    tell(
      `AMD-Vi: Event logged [IO_PAGE_FAULT device=02:00.0 domain=0x0001 address=0x1000 flags=0x${
        hex(flags, 4)
      }]`,
    );
  }
  for (const name of AMD_EVENT_NAMES) {
    for (const flags of [0, 0x20, 0x1e0]) {
      tell(
        `AMD-Vi: Event logged [${name} device=02:00.0 domain=0xffff address=0xfffffffffffff000 ` +
          `flags=0x${hex(flags, 4)} pasid=0xfffff tag=0x1ff]`,
      );
    }
  }
  for (let code = 0; code < 0x40; code++) {
    for (const high of [0x000, 0x008, 0x20a, 0x602, 0xff_ffff]) {
      const words = [`00000008${hex(code, 8)}`, `${hex(high, 8)}00000000`, hex(0x1234_5678, 16)];
      const lines = [...words, hex(0x9000, 16)].map((word) => `arm-smmu-v3 s.auto: \t0x${word}`);
      tell([`arm-smmu-v3 s.auto: event 0x${hex(code, 2)} received:`, ...lines].join("\n"));
    }
  }
  for (let bit = 0; bit < 32; bit++) {
    for (const syndrome of [0, 0x10, 0x40, 0x50]) {
      const status = (2 ** bit).toString(16);
      tell(
        `arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x${status}, iova=0x1000, ` +
          `fsynr=0x${hex(syndrome, 6)}, cbfrsynra=0x1ffff, cb=1`,
      );
    }
  }
  for (const model of IOMMU_MODEL_NAMES) {
    for (const access of ["read", "write"] as const) {
      for (const reason of FAULT_REASONS) {
        for (const dma of [-1, 0, 0x1234, 2 ** 32, 2 ** 53 - 1]) {
          const where = { pciDomain: 0x1_0000 - dma % 3, requesterId: 0x2fa, domainId: 3 };
          for (const namesSegment of [false, true]) {
            sink(`${printFaultLog(model, { dma, access, reason, namesSegment, ...where })}`);
          }
        }
      }
    }
  }
}
