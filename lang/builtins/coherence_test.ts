import { assertEquals } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

const APART = `machine {
  pci { root_port rp0 { endpoint nic { coherent = false } } }
}
`;

for (
  const [fact, script] of [
    [
      "peek looks as the CPU does, or past its caches",
      `${APART}let page = alloc_pages(1)
      poke(page.phys, bytes"11 22")
      assert peek(page.phys, 2) == bytes"11 22"
      assert peek(page.phys, 2, cached: true) == bytes"11 22"
      assert peek(page.phys, 2, cached: false) == bytes"00 00"`,
    ],
    [
      "without a device that needs it, caches are not modelled",
      `let page = alloc_pages(1)
      poke(page.phys, bytes"11")
      assert peek(page.phys, 1, cached: false) == bytes"11"
      let lines = cache_lines(page.phys + 32B, size: 64B)
      assert lines.length == 2 and lines.clean == 2 and lines.devices == 0
      assert lines[0].phys == page.phys and lines[1].owner == cpu`,
    ],
    [
      "cache lines count by state and owner, and index like a list",
      `${APART}let page = buffer(size: 4KiB, fill: 1)
      let m = dma_map_phys(nic, page, 4KiB, bidirectional)
      nic.dma_write(m, bytes"aa")
      expect warning cpu_access_while_mapped { poke(page.phys + 1B, bytes"bb") }
      expect warning cpu_access_while_mapped { poke(page.phys + 64B, bytes"cc") }
      let lines = cache_lines(page)
      assert [lines.clean, lines.dirty, lines.stale, lines.conflict] == [62, 1, 0, 1]
      assert lines[0].state == conflict and lines.lines.length == 64
      expect warning dirty_cacheline_lost { dma_unmap_phys(nic, m, 4KiB, bidirectional) }
      assert lines[0].state == conflict, "a look is a look"
      assert cache_lines(page)[0].state == clean`,
    ],
    [
      "looking at a buffer draws no report, reading it does",
      `${APART}let page = buffer(size: 4KiB, fill: 1)
      let m = dma_map_phys(nic, page, 4KiB, from_device)
      nic.dma_write(m, bytes"aa")
      show page
      show cache_lines(page)
      assert counters.dma.report == 0
      expect warning stale_cacheline_read { assert page[0] == 1 }
      dma_unmap_phys(nic, m, 4KiB, from_device)`,
    ],
    [
      "a mapping knows its branch, in its own words and in the list of the device",
      `${APART}let page = alloc_pages(1)
      let m = dma_map_phys(nic, page, 4KiB, to_device)
      assert m.branch == memory_reached and nic.mappings.first.branch == memory_reached
      dma_unmap_phys(nic, m, 4KiB, to_device)
      let kept = dma_map_phys(nic, page, 4KiB, to_device, require_coherent, unchecked: true)
      assert kept.addr == none and kept.branch == needs_coherent`,
    ],
    [
      "set_memory_decrypted does nothing where memory is not encrypted",
      `${APART}let page = alloc_pages(1)
      set_memory_decrypted(page, 1)
      dma_map_phys(nic, page, 4KiB, to_device, cc_shared) fails ENOMEM`,
    ],
  ] as const
) {
  Deno.test(fact, () => assertEquals(runScript(script).problems, []));
}

Deno.test("what a call cannot look at is the script's mistake", () => {
  const problem = (call: string) =>
    runScript(`let buf = alloc_pages(2, contiguous: false)\n${call}`).problems;
  assertEquals(problem("cache_lines(buf)").length, 1);
  assertEquals(problem("cache_lines(buf.phys)").length, 1);
  assertEquals(problem("cache_lines(buf, size: 4KiB)"), []);
  assertEquals(problem("cache_lines(buf, size: 1GiB)").length, 1);
  assertEquals(problem("set_memory_decrypted(0x1_0000_0000, 1)").length, 1);
});
