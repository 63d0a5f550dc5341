import { assertEquals, assertStringIncludes } from "@std/assert";
import { runScript } from "../../testing/run_script.ts";

/** A device of 16 MiB of IO addresses, the first page left out, and calls that take and give them. */
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

function told(body: string, machine = NARROW): string {
  const { output, problems } = runScript(machine + body);
  assertEquals(problems, []);
  return output.join(" ").replace(/\s+/g, " ");
}

/** 255 ranges of 64 KiB take all but the lowest 60 KiB; half of them are given back. */
const HOLES = `let states = [take(64KiB)]
for n in 0..254 { states = states + [take(64KiB)] }
for n in 0..255 { if n % 2 == 0 { dma_iova_free(nic, states[n]) } }
`;

Deno.test("a fragmented space says what is free and its longest run, not that none is (dma.md 4.4)", () => {
  // 128 ranges of 64 KiB and the 60 KiB below the lowest, to which the 128th range is next.
  const text = told(`${HOLES}refused(1MiB)`);
  assertStringIncludes(text, "no IO addresses for 1MiB: fragmented dma.4.4");
  assertStringIncludes(
    text,
    "8252KiB are free up to 0xff_ffff (the device's mask), 124KiB of them",
  );
  assertEquals(128 * 64 + 60, 8252);
});

Deno.test("a map that finds no range says so in the story of its error (dma.md 1.6.4)", () => {
  const text = told(`${HOLES}let buf = alloc_pages(64, contiguous: true)
dma_map_phys(nic, buf, 256KiB, to_device) fails ENOMEM
explain ENOMEM`);
  assertStringIncludes(text, "no IO addresses for 256KiB: fragmented");
  assertStringIncludes(text, "124KiB of them in one run");
});

Deno.test("more than the mask leaves, and nothing left at all, are told as such (dma.md 4.2)", () => {
  assertStringIncludes(told("refused(16MiB)"), "no IO addresses for 16MiB: beyond_limit");
  const all = "for n in 0..255 { take(64KiB) }\nfor n in 0..15 { take(4KiB) }\n";
  const text = told(`${all}refused(4KiB)`);
  assertStringIncludes(text, "no IO addresses for 4KiB: full");
  assertStringIncludes(text, "fewer are free than that: 0B are free up to 0xff_ffff");
});

Deno.test("what bounds the addresses is named: mask, bus or IOMMU (dma.md 4.2)", () => {
  const bus = NARROW.replace("dma_mask_bits = 24", "dma_mask_bits = 32, bus_limit_bits = 20");
  assertStringIncludes(told("refused(1MiB)", bus), "up to 0xf_ffff (the limit of its bus)");
});

Deno.test("ranges that wait for a flush are told where none is left (dma.md 5.3)", () => {
  const lazy = NARROW.replace("mode = strict", "mode = lazy");
  const text = told(
    `let buf = alloc_pages(16, contiguous: true)
let maps = []
for n in 0..200 { maps = maps + [dma_map_phys(nic, buf, 64KiB, to_device)] }
for map in maps { dma_unmap_phys(nic, map, 64KiB, to_device) }
refused(8MiB)`,
    lazy,
  );
  assertStringIncludes(text, "no IO addresses for 8MiB: full");
  assertStringIncludes(text, "one run; 200 ranges more wait for a flush");
});
