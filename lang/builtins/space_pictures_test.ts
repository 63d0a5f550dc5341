import { assert, assertEquals } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

/** A machine with a device that has no queues, so that nothing is mapped for this device. */
const MACHINE = `machine {
  cpus = 2
  ram { size = 8GiB }
  region high { at = 0x1_2000_0000, size = 16MiB }
  iommu { mode = strict }
  swiotlb { size = 1MiB }
  pci { root_port rp0 { endpoint nic { dma_mask_bits = 32, min_align = 1B } } }
}
`;

/** The output of a script on that machine. */
function shown(script: string, machine = MACHINE): readonly string[] {
  const { problems, output } = runScript(machine + script, {}, { lenient: true });
  assertEquals(problems, []);
  for (const line of output) assert(line.length <= 80, line);
  return output;
}

const SPACE_SCRIPT = `
fn range_of(size) {
  let state = iova_state()
  assert dma_iova_try_alloc(nic, state, phys: 0x10_0000, size: size)
  return state
}
let first = range_of(8KiB)
let second = range_of(64KiB)
let third = range_of(4KiB)
dma_iova_link(nic, first, 0x20_0000, 0, 4KiB, to_device)
dma_iova_free(nic, second)
on cpu 1 { dma_iova_free(nic, third) }
`;

Deno.test("show of a device's IOVA space draws ranges from the top, caches and the cursor (dma.md 4.4, 4.5)", () => {
  assertEquals(shown(`${SPACE_SCRIPT}\nshow iommu.space(nic)`), [
    "IOVA space of nic, 32 bits                              1 range in use, 2 cached",
    "────────────────────────────────────────────────────────────────────────────────",
    "  ▕░░░░░░░░░░░░░░░░░░░░░░░░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░░░░░░░░░░░░░░██▏ 4KiB a cell",
    "   0xfffc_4000                                      0xffff_ffff",
    "   █ mapped   ▒ cached   ░ free",
    "  0xffff_e000      8KiB  mapped   4KiB r- ───► 0x20_0000",
    "  0xfffe_0000     64KiB  cached   cpu 0",
    "  0xfffd_f000      4KiB  cached   cpu 1                                 ◂ cursor",
    "  caches, loaded + previous: 4KiB 1+0 cpu 1, 64KiB 1+0 cpu 0",
    "  never allocated: 0xfee0_0000 1MiB",
    "  free: 3.99GiB in 3 ranges, the longest 3.98GiB: fragmentation 0.004",
  ]);
});

Deno.test("show iommu draws each domain, and what waits for a flush (dma.md 5.3)", () => {
  const lazy = MACHINE.replace("strict", "lazy");
  const script = `
let m = dma_map_phys(nic, alloc_pages(1), 4KiB, to_device)
dma_unmap_phys(nic, m, 4KiB, to_device)
show iommu`;
  assertEquals(shown(script, lazy).slice(2), [
    "nic   lazy, 0 live mappings                             0B mapped, 4 table pages",
    "  ▕░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░▒▏ 4KiB a cell",
    "   0xfffc_4000                                      0xffff_ffff",
    "   ▒ waiting   ░ free",
    "  0xffff_f000      4KiB  waiting  for a flush, queue of cpu 0           ◂ cursor",
    "  1 waits for a flush (cpu 0 1): at 10ms, or when a queue gets its 256th",
    "  never allocated: 0xfee0_0000 1MiB",
  ]);
});

Deno.test("a range freed twice or while linked is marked in the picture (dma.md 3.6)", () => {
  const output = shown(`${SPACE_SCRIPT}
dma_iova_free(nic, second)
dma_iova_free(nic, first)
show iommu.space(nic)`);
  assert(output.includes("  0xffff_e000      8KiB  cached   cpu 0, yet mapped"), output.join("\n"));
  assert(output.some((line) => line.includes("cached   cpu 0, 2 times")), output.join("\n"));
});

Deno.test("the fields of a space are the numbers of dma.md 4.4 and 4.5", () => {
  shown(`${SPACE_SCRIPT}
let space = iommu.space(nic)
assert space.count == 4                       # the interrupt window is one
assert space.cached == 2
assert space.cursor == 0xfffd_f000
assert space.cursor64 == none
assert space.refused_from == 4GiB
assert space.cache(64KiB) == { loaded: 1, previous: 0, depot: 0 }
assert space.cache(4KiB, cpu: 1).loaded == 1
assert space.free == 4GiB - 4KiB - 1MiB - 8KiB - 4KiB - 64KiB
assert space.free_pieces == 3
assert space.largest_free == 0xfee0_0000 - 4096
assert space.fragmentation > 0.0 and space.fragmentation < 0.01
assert space.search_length(4KiB) == 1
assert space.ranges.map(r => r.use) == [mapped, cached, cached, reserved]`);
});

Deno.test("space() refuses a device without translation, and cache() a size that none keeps", () => {
  const off = MACHINE.replace("mode = strict", "mode = off");
  const { problems } = runScript(`${off}show iommu.space(nic)`);
  assert(problems[0]?.includes("nic is not translated"), problems[0]);
  const tooLarge = runScript(`${MACHINE}print iommu.space(nic).cache(132KiB)`).problems;
  assert(tooLarge[0]?.includes("no rcache holds ranges of 132KiB"), tooLarge[0]);
});

const DIRECT = MACHINE.replace("mode = strict", "mode = off");

Deno.test("explain swiotlb names the statements that hold slots, and why the last map failed", () => {
  const script = `
let buf = alloc_pages(128, region: high)
repeat 3 {
  let m = dma_map_phys(nic, buf.phys, 8KiB, to_device)
}
dma_map_phys(nic, buf.phys, 300KiB, to_device) fails ENOMEM
explain swiotlb`;
  assertEquals(shown(script, DIRECT), [
    "12 of 512 slots in use, held by 1 statement",
    "  12 slots in 3 buffers, up to 0ns old: nic, script.dma:12:3",
    "last refusal: 300KiB for nic, script.dma:14:1",
    "  over_segment: exceeds IO_TLB_SEGSIZE (128 slots, 256KiB), the largest bounce",
    "  buffer, however much is free: map smaller segments",
    "    slots_wanted 150, slots_of_a_set 128, slots_in_use 12, slots_of_the_pool",
    "    512, largest_free_run 128, slots_in_use_for_long 0, align_mask 0,",
    "    min_align_mask 0",
  ]);
});

Deno.test("show of a two-step state says which parts are bounced (dma.md 3.4 assertion 3)", () => {
  const untrusted = MACHINE.replace("min_align = 1B", "min_align = 4KiB, untrusted = true");
  const output = shown(
    `
let buf = buffer(segments: [{ phys: 0x1_2000_0600, size: 8KiB }])
let state = iova_state()
assert dma_iova_try_alloc(nic, state, buf.phys, 8KiB)
dma_iova_link(nic, state, buf.phys, 0, 8KiB, to_device)
show state
dma_iova_destroy(nic, state, 8KiB, to_device)`,
    untrusted,
  );
  assertEquals(output, [
    "iova_state 0xffff_c600 .. 0xffff_e600  8KiB                                  nic",
    "────────────────────────────────────────────────────────────────────────────────",
    "  ▕████████████████████████████████████████████████████████████▏ 12KiB entries",
    "     0xffff_c000     4KiB ───► bounce buffer 0x7ff0_0000 for 0x1_2000_0600",
    "     0xffff_d000     4KiB ───► physical 0x1_2000_1000",
    "     0xffff_e000     4KiB ───► bounce buffer 0x7ff0_1000 for 0x1_2000_2000",
    "  some part is bounced: bit 63 of the size is set",
  ]);
});

Deno.test("show and explain tell what a device still reaches after an unmap of all and of a part", () => {
  const output = shown(`
let m = dma_map_phys(nic, 0x20_0000, 8KiB, to_device)
show m
dma_unmap_phys(nic, m, 4KiB, to_device)
show m
explain m
let whole = dma_map_phys(nic, 0x30_0000, 4KiB, to_device)
dma_unmap_phys(nic, whole, 4KiB, to_device)
show whole
let state = iova_state()
assert dma_iova_try_alloc(nic, state, phys: 0x40_0000, size: 8KiB)
dma_iova_link(nic, state, 0x40_0000, 0, 8KiB, to_device)
dma_iova_sync(nic, state, 0, 8KiB)
dma_iova_destroy(nic, state, 4KiB, to_device)
show state
`);
  const said = output.filter((line) => /physical|KiB to_device, tr|now|▕|freed/.test(line));
  assertEquals(said, [
    "  physical 0x20_0000 ───► nic sees 0xffff_e000",
    "  8KiB to_device, translated by the IOMMU",
    "  physical 0x20_0000 ───► nic sees 0xffff_e000",
    "  8KiB to_device, translated by the IOMMU; unmapped in part",
    "now      nothing is mapped there",
    "         at 0xffff_ffff: nic still reaches physical 0x20_1fff",
    "  physical 0x30_0000 ─ ─ ─ nic saw 0xffff_e000",
    "  4KiB to_device, translated by the IOMMU; unmapped",
    "iova_state 0xffff_c000 .. 0xffff_e000  8KiB               freed, with links left",
    "  ▕░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░██████████████████████████████▏ 4KiB linked",
    "     0xffff_d000     4KiB ───► physical 0x40_1000",
  ]);
});

Deno.test("latencies().of() knows the names of events only", () => {
  const { problems } = runScript(`${MACHINE}print latencies().of("iotlb.snyc")`);
  assert(problems[0]?.includes("did you mean"), problems[0]);
});

Deno.test("explain of a two-step state tells each link, and how many more there are", () => {
  const links = (count: number) =>
    shown(`let state = iova_state()
assert dma_iova_try_alloc(nic, state, 0, ${count} * 4KiB)
for i in 0..${count} {
  dma_iova_link(nic, state, 0x40_0000 + i * 8192, i * 4KiB, 4KiB, to_device)
}
dma_iova_sync(nic, state, 0B, ${count} * 4KiB)
dma_iova_unlink(nic, state, 0B, 4KiB, to_device)
explain state`).filter((line) => /a device address|more link|^now/.test(line));
  assertEquals(links(2).map((line) => line.replace(/0x\w+/, "…")), [
    "…, a device address: 1 mapping so far",
    "now      nothing is mapped there",
    "…, a device address: 1 mapping so far",
    "now      nic reaches physical …",
  ]);
  assertEquals(links(9).at(-1)!.replace(/0x\w+/, "…"), "… 5 more links, the next at …");
});
