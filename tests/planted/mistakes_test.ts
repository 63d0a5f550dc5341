/**
 * Mistakes that every driver author makes, in every mode of the machine: none is green. What no kernel
 * would see, the checker does.
 */
import { assertEquals } from "@std/assert";
import { failureOf } from "../../lang/testing/test_support.ts";

const MODES: Readonly<Record<string, string>> = {
  strict: "iommu { mode = strict }",
  lazy: "iommu { mode = lazy }",
  passthrough: "iommu { mode = passthrough }",
  off: "iommu { mode = off }",
  bounced: "swiotlb { force = true }",
  untrusted: "iommu { mode = lazy }",
};

const MAP = (size: string, dir: string) => `let m = dma_map_single(nic, buf, ${size}, ${dir})\n`;
const UNMAP = (size: string, dir: string) => `\ndma_unmap_single(nic, m, ${size}, ${dir})`;

const MISTAKES: Readonly<Record<string, string>> = {
  "reads beyond the buffer": MAP("4KiB", "to_device") + `nic.dma_read(m.addr + 4KiB, 8B)` +
    UNMAP("4KiB", "to_device"),
  "runs past the buffer's end": MAP("4KiB", "from_device") +
    `nic.dma_write(m.addr + 4092B, bytes"01 02 03 04 05 06 07 08")` + UNMAP("4KiB", "from_device"),
  "writes beside a short buffer": MAP("512B", "from_device") +
    `nic.dma_write(m.addr + 1KiB, bytes"01")` + UNMAP("512B", "from_device"),
  "writes to to_device memory": MAP("4KiB", "to_device") + `nic.dma_write(m, bytes"01")` +
    UNMAP("4KiB", "to_device"),
  "reads from_device memory": MAP("4KiB", "from_device") + `nic.dma_read(m, 8B)` +
    UNMAP("4KiB", "from_device"),
  "reads before the map": `nic.dma_read(buf.phys as dma, 8B)`,
  "writes after the unmap": MAP("4KiB", "from_device") + `let addr = m.addr` +
    UNMAP("4KiB", "from_device") + `\nadvance 20ms\nnic.dma_write(addr, bytes"01")`,
  "writes to memory that was never mapped": `nic.dma_write(0x7000_0000 as dma, bytes"01")`,
  "frees a mapped buffer": MAP("4KiB", "to_device") + "buf.free()" + UNMAP("4KiB", "to_device"),
  "frees twice": "buf.free()\nbuf.free()",
  "reads what it has freed": "buf.free()\nprint buf[0]",
  "writes what it has freed": "buf.free()\nbuf.fill(1)",
  "never unmaps": MAP("4KiB", "to_device"),
  "unmaps twice": MAP("4KiB", "to_device") + UNMAP("4KiB", "to_device").trim() +
    UNMAP("4KiB", "to_device"),
  "unmaps the wrong size": MAP("4KiB", "to_device") + UNMAP("2KiB", "to_device").trim(),
  "unmaps in the wrong direction": MAP("4KiB", "to_device") + UNMAP("4KiB", "from_device").trim(),
  "unmaps the wrong address": MAP("4KiB", "to_device") +
    `dma_unmap_single(nic, m.addr + 64B, 64B, to_device)` + UNMAP("4KiB", "to_device"),
  "syncs what is not mapped": `dma_sync_single_for_cpu(nic, 0x7000_0000, 64B, from_device)`,
  "syncs beyond its end": MAP("512B", "from_device") +
    `dma_sync_single_for_cpu(nic, m, 4KiB, from_device)` + UNMAP("512B", "from_device"),
  "does not free coherent memory": "let mem = dma_alloc_coherent(nic, 4KiB)\nprint mem.size",
};

for (const [mode, machine] of Object.entries(MODES)) {
  const key = mode === "untrusted" ? "untrusted = true" : "";
  const text = (body: string) =>
    `machine { ${machine}\n pci { root_port rp0 { endpoint nic { ${key} } } } }\n` +
    `test "t" {\nlet buf = alloc_pages(2, contiguous: true)\n${body}\n}`;
  Deno.test(`what a driver author gets wrong is red: ${mode}`, () => {
    const green = Object.entries(MISTAKES).filter(([, body]) => failureOf(text(body)) === null);
    assertEquals(green.map(([name]) => name), []);
    // The same, done right.
    const right = MAP("4KiB", "bidirectional") +
      `nic.dma_write(m, bytes"01")\nnic.dma_read(m, 8B)` +
      UNMAP("4KiB", "bidirectional") + "\nbuf.free()";
    assertEquals(failureOf(text(right)), null);
  });
}
