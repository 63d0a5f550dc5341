import { LANGUAGE_WORDS } from "@dmalab/lang/syntax";
import { assert, assertEquals } from "@std/assert";
import { complete, MACHINE, talk } from "./_talk.ts";

Deno.test("Tab completes commands, names and members", async () => {
  const { repl } = await talk(MACHINE, "let payload = 1");
  assertEquals(complete(repl, ":st"), [[":state", ":step"], ":st"]);
  assertEquals(complete(repl, "let b = payl"), [["payload"], "payl"]);
  assertEquals(complete(repl, "iommu.live"), [["live_mappings", "live_ranges"], "live"]);
  assertEquals(complete(repl, "x + "), [[], ""]);
  assert(complete(repl, "dma_iova_")[0].includes("dma_iova_link"));
  const missing = Object.keys(LANGUAGE_WORDS).filter((word) =>
    !complete(repl, word.slice(0, -1))[0].includes(word)
  );
  assertEquals(missing, [], "every word of the language");
  assertEquals(complete(repl, "invar"), [["invariant"], "invar"]);
});

Deno.test("Tab completes parts of counters and of what variables hold", async () => {
  const { repl } = await talk(MACHINE, "let io = ssd.read(lba: 0, into: alloc_pages(1))");
  assertEquals(complete(repl, "counters.iova.fr"), [["free"], "fr"]);
  assert(complete(repl, "print counters.iot")[0].includes("iotlb"));
  assertEquals(complete(repl, "assert counters.iova.nothing."), [[], ""]);
  assertEquals(complete(repl, "io.unmapped_b"), [["unmapped_by"], "unmapped_b"]);
  assert(complete(repl, "ssd.limits.max_t")[0].includes("max_transfer"));
});

Deno.test("Tab completes the names of a call's arguments, and what they take", async () => {
  const { repl } = await talk(MACHINE, "let page = alloc_pages(1)");
  const ofRead = ["bytes:", "into:", "lba:", "metadata:", "queue:"];
  assertEquals(complete(repl, "ssd.read("), [ofRead, ""]);
  assertEquals(complete(repl, "ssd.read(lba: 0, "), [ofRead.filter((name) => name !== "lba:"), ""]);
  assert(complete(repl, "ssd.read(lba: 0, in")[0].includes("into:"));
  assertEquals(complete(repl, "ssd.read(lba: 0, into: pag")[0][0], "page");
  assertEquals(complete(repl, "let p = alloc_pages(2, contiguous: "), [["false", "true"], ""]);
  // Parameters that were already passed by position are not offered by name.
  assert(!complete(repl, "dma_map_phys(ssd, ")[0].includes("dev:"));
  assert(complete(repl, 'events.count("iova.al')[0].includes("iova.alloc"));
  assertEquals(complete(repl, "print (1, "), [[], ""]);
});

Deno.test("Tab behind :who offers variables, addresses and subjects", async () => {
  const map = "let m = dma_map_phys(ssd, alloc_pages(1).phys, 4KiB, to_device)";
  const { repl } = await talk(MACHINE, map);
  const [all] = complete(repl, ":who ");
  for (const word of ["m", "0xffff_b000", "prp", "pte", "slot"]) assert(all.includes(word), word);
  assertEquals(complete(repl, ":who pte 0xffff_b"), [["0xffff_b000"], "0xffff_b"]);
});

Deno.test("Tab completes keys of the machine, and the words that a setting takes", async () => {
  const { repl } = await talk(MACHINE);
  assertEquals(complete(repl, "machine { iommu { mode = la"), [["lazy"], "la"]);
  assertEquals(complete(repl, "machine { iommu { cach"), [["caching_mode"], "cach"]);
  assertEquals(complete(repl, "machine { sw"), [["swiotlb"], "sw"]);
  assertEquals(complete(repl, "machine { pci { root_port rp0 { nvme ssd { mdt"), [["mdts"], "mdt"]);
  const of6 = ["6.1.192", "6.12.117", "6.17.13", "6.18.15"];
  assertEquals(complete(repl, 'machine { kernel = "6'), [of6, "6"]);
  assertEquals(complete(repl, 'machine { kernel = "6.12'), [["6.12.117"], "6.12"]);
  const whole = 'test "t" with { iommu.mo';
  assertEquals(complete(repl, whole), [["iommu.model", "iommu.mode"].sort(), "iommu.mo"]);
  assertEquals(complete(repl, "compare { iommu.mode = [off, str"), [["strict"], "str"]);
  assertEquals(
    complete(repl, 'bench "b" matrix { quirks = [not half'),
    [["half_linked_on_error"], "half"],
  );
  // After the settings, words of the language are offered again.
  assertEquals(complete(repl, 'test "t" with { cpus = 2 } { asse'), [["assert"], "asse"]);
});

Deno.test("Tab knows the lines of the statement that were typed before", async () => {
  const { repl } = await talk("machine {", "  iommu {");
  assertEquals(complete(repl, "    mode = pass"), [["passthrough"], "pass"]);
});
