import { assertEquals } from "@std/assert";
import { EVENT_TABLE } from "../../runtime/event_vocabulary.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { SourceFile } from "../source.ts";
import { LoadError } from "../run/load_files.ts";
import { loadProgram } from "../run/program.ts";
import { runProgram } from "../run/runner.ts";
import { BUILTINS } from "./mod.ts";
import { WORDS } from "./words.ts";

/** Fields with an open set of values: call sites, and the names of devices and ports. */
const OPEN_FIELDS: ReadonlySet<string> = new Set(["kernel.warn.at", "p2p.route.hops"]);

const SCRIPT = `machine {
  cpus = 2
  swiotlb { size = 1MiB }
  pci { root_port rp { switch sw {
    nvme ssd { sgl = true }
    nvme old { metadata = 8B }
    nvme far { untrusted = true }
    nvme odd { coherent = false }
    nvme near { p2pmem = 1MiB }
  } } }
}
test "many ways" matrix { iommu.mode = [off, strict, lazy], kernel = ["6.12", "7.2"] } {
  for disk in [ssd, old, far, odd] {
    for pages in [1, 3, 40] {
      wait disk.submit(read, lba: 0, into: alloc_pages(pages, contiguous: false))
      wait disk.submit(write, lba: 0, from: buffer(size: pages * 4KiB, offset: 512B))
    }
    wait disk.submit(read, lba: 0, into: buffer(size: 4KiB, pieces: 8, piece: 512B))
  }
  wait ssd.submit(read, lba: 0, into: pci_alloc_p2pmem(near, 8KiB))
  advance 20ms
}
`;

/** The words in one field of an event, however it holds them. */
function wordsIn(event: MachineEvent, field: string): readonly string[] {
  const value: unknown = Reflect.get(event.fields, field);
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.map(String) : [];
}

Deno.test("what an event says in a word can be written as a bare word (language.md, Text)", () => {
  const unknown = new Set<string>();
  const { program } = loadProgram(
    new SourceFile("words.dma", SCRIPT),
    { load: () => new LoadError("not_found", "no file can be used here") },
    BUILTINS,
  );
  runProgram(program!, {
    onEvent(event) {
      const table: Readonly<Record<string, { readonly fields: Readonly<Record<string, string>> }>> =
        EVENT_TABLE;
      for (const [field, kind] of Object.entries(table[event.name]?.fields ?? {})) {
        const where = `${event.name}.${field}`;
        if (!kind.startsWith("word") || OPEN_FIELDS.has(where)) continue;
        for (const word of wordsIn(event, field)) {
          if (!WORDS.has(word)) unknown.add(`${where} ${word}`);
        }
      }
    },
  });
  assertEquals([...unknown].sort(), []);
});
