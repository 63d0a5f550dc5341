import { assertEquals, assertStringIncludes } from "@std/assert";
import { runScript } from "../../testing/run_script.ts";

/**
 * A device with 16 MiB of IOVA space without the first page, and calls that allocate from that
 * space.
 */
const NARROW = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { endpoint nic { dma_mask_bits = 24 } } }
}
fn take(size) {
  let state = iova_state()
  assert dma_iova_try_alloc(nic, state, phys: 0, size: size)
  return state
}
fn refused(size) {
  let state = iova_state()
  assert not dma_iova_try_alloc(nic, state, phys: 0, size: size)
  explain state
}
`;

function printed(body: string, machine = NARROW): string {
  const { output, problems } = runScript(machine + body, {}, { lenient: true });
  assertEquals(problems, []);
  return output.join(" ").replace(/\s+/g, " ");
}

/** 255 ranges of 64 KiB fill all but the lowest 60 KiB. Half of the ranges are freed. */
const HOLES = `let states = [take(64KiB)]
for n in 0..254 { states = states + [take(64KiB)] }
for n in 0..255 { if n % 2 == 0 { dma_iova_free(nic, states[n]) } }
`;

Deno.test("a fragmented space says what is free and its longest run, not that none is (dma.md 4.4)", () => {
  // 128 ranges of 64 KiB are free. The lowest 60 KiB are free, too, and the 128th range is adjacent
  // to them.
  const text = printed(`${HOLES}refused(1MiB)`);
  assertStringIncludes(text, "no IOVA for 1MiB: fragmented dma.4.4");
  assertStringIncludes(
    text,
    "8252KiB free below the limit 0xff_ffff (set by the device's mask), largest contiguous free range 124KiB",
  );
  assertEquals(128 * 64 + 60, 8252);
});

Deno.test("a map that finds no range says so in the story of its error (dma.md 1.6.4)", () => {
  const text = printed(`${HOLES}let buf = alloc_pages(64, contiguous: true)
dma_map_phys(nic, buf, 256KiB, to_device) fails ENOMEM
explain ENOMEM`);
  assertStringIncludes(text, "no IOVA for 256KiB: fragmented");
  assertStringIncludes(text, "largest contiguous free range 124KiB");
});

Deno.test("more than the mask leaves, and nothing left at all, are distinguished (dma.md 4.2)", () => {
  assertStringIncludes(printed("refused(16MiB)"), "no IOVA for 16MiB: beyond_limit");
  const all = "for n in 0..255 { take(64KiB) }\nfor n in 0..15 { take(4KiB) }\n";
  const text = printed(`${all}refused(4KiB)`);
  assertStringIncludes(text, "no IOVA for 4KiB: full");
  assertStringIncludes(text, "fewer bytes are free: 0B free below the limit 0xff_ffff");
});

Deno.test("what bounds the addresses is named: mask, bus or IOMMU (dma.md 4.2)", () => {
  const bus = NARROW.replace("dma_mask_bits = 24", "dma_mask_bits = 32, bus_limit_bits = 20");
  assertStringIncludes(
    printed("refused(1MiB)", bus),
    "below the limit 0xf_ffff (set by the limit of its bus)",
  );
});

Deno.test("ranges queued for a flush are counted where none is free (dma.md 5.3)", () => {
  const lazy = NARROW.replace("mode = strict", "mode = lazy");
  const text = printed(
    `let buf = alloc_pages(16, contiguous: true)
let maps = []
for n in 0..200 { maps = maps + [dma_map_phys(nic, buf, 64KiB, to_device)] }
for map in maps { dma_unmap_phys(nic, map, 64KiB, to_device) }
refused(8MiB)`,
    lazy,
  );
  assertStringIncludes(text, "no IOVA for 8MiB: full");
  assertStringIncludes(text, "; 200 ranges more queued for a deferred flush");
});
