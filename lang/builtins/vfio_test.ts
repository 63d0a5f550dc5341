/** Migration buffers in scripts: pictures, explanations, and the lifetime of their handles. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

const STRICT = "machine { iommu { mode = strict } pci { root_port rp0 { vfio vf { } } } }\n";
const DIRECT = "machine { pci { root_port rp0 { vfio vf { } } } }\n";
const OLD = STRICT.replace("machine {", 'machine { kernel = "6.12.117"\n');

/** The output of a script that has to run without an error. */
function output(text: string): string {
  const { output: lines, problems } = runScript(text, {}, { lenient: true });
  assertEquals(problems, []);
  assert(lines.every((line) => line.length <= 80), lines.join("\n"));
  return lines.join("\n");
}

Deno.test("explain of a migration buffer: pages, way, and whose it was before (hmm-rdma-vfio.md 3.1, 3.2, 3.3)", () => {
  const text = output(`${STRICT}let b = vf.alloc_buffer(4, from_device)
    vf.put_buffer(vf.alloc_buffer(2, from_device))
    vf.put_buffer(b)
    explain vf.get_buffer(3, from_device)`);
  assertStringIncludes(text, "4 pages allocated in bulk");
  assertStringIncludes(text, "behind an IOMMU an IOVA range of 16KiB was allocated");
  assertStringIncludes(text, "a spare buffer of 4 pages is reused");
  assertStringIncludes(
    text,
    "the first of its direction with 3 pages; 1 smaller one on the way",
  );
  const single = output(`${STRICT}inject dma_iova_try_alloc {
      inject alloc_pages nth 3 { explain vf.alloc_buffer(8, from_device) }
    }`);
  assertStringIncludes(single, "6 pages requested; 2 pages already allocated");
  assertStringIncludes(single, "no IOVA range of 32KiB available");
  assertStringIncludes(
    output(`${DIRECT}explain vf.alloc_buffer(1, to_device)`),
    "no translation, so there is no IOVA range",
  );
  assertStringIncludes(
    output(`${OLD}explain vf.alloc_buffer(1, to_device)`),
    "1 page mapped as one scatterlist",
  );
});

Deno.test("explain of an error says what was undone, and how much of the range goes back (hmm-rdma-vfio.md 4.8)", () => {
  const failing = (point: string, nth: number, errno: string) =>
    output(`${STRICT}inject ${point} nth ${nth} {
        vf.alloc_buffer(8, from_device) fails ${errno}
      }
      explain ${errno}`);
  const link = failing("dma_iova_link", 3, "ENOMEM");
  assertStringIncludes(link, "injected failure: dma_iova_link returns ENOMEM");
  assertStringIncludes(link, "page 2 of 8 could not be mapped");
  assertStringIncludes(
    link,
    "2 pages are unmapped; of the range of 32KiB only the linked part is",
  );
  const first = failing("dma_iova_link", 1, "ENOMEM");
  assertStringIncludes(first, "page 0 of 8 could not be mapped");
  assertStringIncludes(first, "nothing to unmap");
  const sync = failing("dma_iova_sync", 1, "EIO");
  assertStringIncludes(sync, "the sync of 8 pages failed");
  assertStringIncludes(sync, "8 pages are unmapped");
});

Deno.test("a buffer's content is the memory that the device is led to", () => {
  output(`${STRICT}let b = vf.alloc_buffer(16, to_device, contiguous: false)
    b.content.fill(counting)
    assert vf.dma_read(b.table[3] + 5B, 2B) == bytes"05 06"
    vf.load(b, 1000B)
    assert vf.state.slice(0..1000) == b.content.slice(0..1000)
    assert vf.state.slice(1000..2000) != b.content.slice(1000..2000), "the rest is as it was"`);
});
