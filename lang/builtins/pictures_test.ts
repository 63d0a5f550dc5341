import { assert, assertEquals, assertMatch } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

/** Machines that draw differently: translated, direct, bounced, lists of both kinds, long ones. */
const MACHINES = [
  "iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } }",
  "iommu { mode = lazy } pci { root_port rp0 { nvme ssd { sgl = true } } }",
  "pci { root_port rp0 { nvme ssd { } } }",
  "pci { root_port rp0 { nvme ssd { sgl = true } } }",
  "swiotlb { force = true } pci { root_port rp0 { nvme ssd { } } }",
  "cpus = 16\n swiotlb { force = true, size = 1GiB } latencies { iotlb_sync = 300ns } " +
  "pci { root_port rp0 { nvme ssd { queues = 16 } } }",
  "cpus = 4\n iommu { mode = lazy, forcedac = true } pci { root_port rp0 { nvme ssd { } } }",
  "iommu { mode = strict } pci { root_port rp0 { external = true\n nvme ssd { } } }",
  'kernel = "6.12.117"\n iommu { mode = strict } pci { root_port rp0 { nvme ssd { sgl = true } } }',
  "pci { root_port rp0 { nvme ssd { coherent = false, mdts = 16KiB, sgl = true, metadata = 8B, " +
  "metadata_sgl = true } } }",
];

/** Submits requests of every shape, and shows every kind of value that has a picture. */
const BODY = `
let shapes = [
  alloc_pages(1),
  alloc_pages(2),
  alloc_pages(16, contiguous: false),
  buffer(size: 1KiB, offset: 512B),
  buffer(size: 16KiB - 512B, offset: 512B, pieces: 4),
  buffer(pieces: 3, piece: 1KiB, offset: 512B),
  alloc_pages(64),
]
for buf in shapes {
  show buf
  let io = ssd.submit(read, lba: 16, into: buf)
  show ssd.queue(1)
  show io
  explain io
  step until io.done or io.requests.all(r => r.mapped)
  show io
  explain io
  wait io
  show io
  print io
  for request in io.requests {
    print request
    show request
    explain request
    if request.command != none {
      print request.command
      show request.command
      explain request.command
    }
  }
}
let m = dma_map_single(ssd, alloc_pages(1), 4KiB, bidirectional)
print m
show m
explain m
show ssd.mappings
dma_unmap_single(ssd, m, 4KiB, bidirectional)
explain m
ssd.dma_read(0x1234_0000, 16)
let mem = dma_alloc_coherent(ssd, 8KiB)
print mem
show mem
dma_free_coherent(ssd, mem)
print ssd
show ssd
print ssd.limits
show ssd.limits
explain ssd.limits
print ssd.queue(1)
show ssd.queue(1)
explain ssd.queue(1)
explain ssd
show rp0
print iommu
show iommu
explain iommu
print swiotlb
show swiotlb
explain swiotlb
if iommu.mode != off {
  print iommu.space(ssd)
  show iommu.space(ssd)
  for range in iommu.space(ssd).ranges { print range.use }
}
print latencies()
show latencies()
print counters
show counters
show counters.iommu
print counters.iommu
print events
show events
show events.first(nvme.submit)
explain events.first(nvme.choose)
print events[0]
print dma_iter()
explain dma_iter()
let refused = ssd.submit(read, lba: 0, into: buffer(size: 510B, offset: 1B))
wait refused
explain refused
explain refused.error
let unset = try dma_set_mask(ssd, 8)
if not unset.ok { explain unset }
dma_set_mask(ssd, 64)
explain trace { ssd.read(lba: 0, into: alloc_pages(3)) }
print bio(read, into: shapes[0])
for shape in shapes { show bio(read, into: shape) }
show [1, 2]
show { a: 1, b: 4KiB }
show bytes"01 02"
print now()
`;

/** A script that shows features that 6.12 does not have. */
const LATER = `
let state = iova_state()
show state
if dma_iova_try_alloc(ssd, state, phys: 0x10_0000, size: 64KiB) {
  show state
  explain state
  dma_iova_link(ssd, state, 0x10_0000, 0, 4KiB, to_device)
  dma_iova_link(ssd, state, 0x20_0000, 16KiB, 4KiB, to_device)
  show state
  print state
  dma_iova_unlink(ssd, state, 0, 4KiB, to_device)
  dma_iova_unlink(ssd, state, 16KiB, 4KiB, to_device)
  dma_iova_free(ssd, state)
  show state
}
let iterated = request(bio(write, lba: 0, from: alloc_pages(3, contiguous: false)))
let started = dma_iter()
let kept = iova_state()
explain kept
if blk_rq_dma_map_iter_start(iterated, ssd, kept, started) {
  explain started
  explain kept
  explain iterated
  if not blk_rq_dma_unmap(iterated, ssd, kept, 12KiB) {
    dma_unmap_phys(ssd, started.addr, 4KiB, to_device)
  }
}
`;

for (const [index, machine] of MACHINES.entries()) {
  const size = index % 3 === 0 ? "" : " (long)";
  Deno.test(`show, explain and print never exceed 80 columns (${machine})${size}`, () => {
    const { problems, output } = runScript(
      `machine { ${machine} }\n${BODY}${machine.includes("6.12.117") ? "" : LATER}`,
      {},
      { lenient: true },
    );
    assertEquals(problems, []);
    assert(output.length > 200, `${output.length} lines`);
    for (const line of output) {
      assert(line.length <= 80, `${line.length} columns: ${line}`);
      assertEquals(line, line.trimEnd());
      assert(!/undefined|NaN|\[object/.test(line), line);
    }
  });
}

Deno.test("the same script writes the same lines twice", () => {
  const script = `machine { ${MACHINES[1]} }\n${BODY}`;
  assertEquals(runScript(script).output, runScript(script).output);
});

Deno.test("show of a number below zero has its sign before its digits", () => {
  assertEquals(runScript("show 0 - 255\n").output, ["-255 = -0xff"]);
});

Deno.test("show of a request draws the ends that are bounced, with what they stand for (dma.md 3.4)", () => {
  const untrusted = MACHINES[0]!.replace("nvme ssd {", "nvme ssd { untrusted = true,");
  const { output, problems } = runScript(`machine { ${untrusted} }
    let ends = buffer(segments: [{ phys: 0x10_0200, size: 3584B },
      { phys: 0x20_0000, size: 4KiB }, { phys: 0x30_0000, size: 1KiB }])
    let io = ssd.submit(read, lba: 0, into: ends)
    step until io.mapped
    show io
    print swiotlb.used
    wait io
    show io`);
  assertEquals(problems, []);
  const at = output.indexOf("  bounced");
  const { start } = {
    start: output.find((line) => line.includes("PRP1"))!.match(/0x\w+/g)!.at(-1)!,
  };
  const bounced = output.slice(at + 1, at + 3);
  // The first piece begins inside a page, and the last piece ends inside a page, so both are
  // bounced. The page in the middle is mapped directly.
  assertEquals(bounced.map((line) => line.split("───►")[1]!.replace(/0x7\w+/, "SLOT")), [
    " bounce buffer SLOT for 0x10_0200",
    " bounce buffer SLOT for 0x30_0000",
  ]);
  assert(bounced[0]!.includes(`${start}    3584B`), bounced[0]);
  assert(!output.slice(at + 3).includes("  bounced"), "after its end nothing is copied any more");
});

Deno.test("explain of a request names the rule that chose the format, with its inputs", () => {
  const { output } = runScript(`machine { ${MACHINES[1]} }
    let io = ssd.read(lba: 0, into: alloc_pages(32, contiguous: false))
    explain io`);
  const text = output.join("\n");
  assert(/an SGL +nvme\.2\.1\.C/.test(text), text);
  assert(/128KiB on average, not below the threshold of\n +32KiB/.test(text), text);
});

Deno.test("a request without data has no picture of memory, and a disk shows its MDTS by name", () => {
  const { output } = runScript(`machine { ${MACHINES[0]} }
    let io = ssd.submit(write_zeroes, lba: 0, bytes: 4KiB)
    wait io
    show io
    show ssd
    print ssd.limits.max_transfer`);
  const text = output.join("\n");
  assertEquals(text.includes("PRP1"), false, text);
  assert(text.includes("OK; the command's 64 bytes:"), text);
  // Behind an IOMMU the queues accept at most 128 KiB, although the controller has no limit.
  assert(/^ {2}MDTS +none$/m.test(text) && text.endsWith("128KiB"), text);
});

Deno.test("explain of an address keeps every value, however long the line", () => {
  const { output } = runScript(`machine { ${MACHINES[0]}, leaks = allow }
    let m = dma_map_phys(ssd, 0x5000_0000, 16KiB, bidirectional)
    explain m.addr`);
  const text = output.join("\n");
  assert(!text.includes("…"), text);
  assert(/limit +dma\.4\.2\n│ +0xffff_ffff/.test(text), text);
});

Deno.test("explain of a bounced mapping leads to a copy, from either side", () => {
  const { output } = runScript(`machine { ${MACHINES[4]} }
    let m = dma_map_phys(ssd, 0x5000_0000, 4KiB, to_device)
    explain m
    explain m.phys`);
  const text = output.join("\n");
  assert(text.includes("now      ssd reaches a copy of physical 0x5000_0000\n"), text);
  assert(/now {6}ssd sees a copy of it at 0x[0-9a-f_]+$/.test(text), text);
});

Deno.test("explain of a mapping tells an unmap that ended nothing", () => {
  const { output } = runScript(`machine { ${MACHINES[0]} }
    let m = dma_map_phys(ssd, 0x5000_0000, 4KiB, to_device)
    dma_unmap_phys(ssd, m, 4KiB, to_device)
    explain m
    dma_unmap_phys(ssd, m, 4KiB, to_device) warns unmap_unknown
    explain m`);
  const text = output.join("\n");
  assertEquals(text.match(/ends no mapping/g)?.length, 1);
  const range = runScript(`machine { ${MACHINES[0]} }
    let st = iova_state()
    assert dma_iova_try_alloc(ssd, st, phys: 0x5000_0000, size: 4KiB)
    dma_iova_link(ssd, st, 0x5000_0000, 0B, 4KiB, to_device)
    dma_iova_destroy(ssd, st, 4KiB, to_device)
    dma_iova_destroy(ssd, st, 4KiB, to_device) warns destroy_twice
    explain st`).output.join("\n");
  assertEquals(range.match(/dma_iova_destroy .*\n {11}ends no mapping/g)?.length, 1, range);
  assert(
    /\n {2}unmap .* dma_unmap_phys .*\n {11}ends no mapping\nnow {6}nothing/.test(text),
    text,
  );
});

Deno.test("show of a request marks each address where some bounce and some do not", () => {
  const lines = runScript(`machine {
  ram { size = 8GiB }
  region high { at = 0x1_4000_0000, size = 16MiB }
  pci { root_port rp0 { nvme ssd { dma_mask_bits = 32 } } }
}
let parts = buffer(segments: [{ phys: 0x1000_0000, size: 4KiB }, { phys: high.at, size: 4KiB }])
let io = ssd.submit(write, lba: 0, from: parts)
step until io.mapped
show io
wait io
show io`).output.join("\n");
  // The same while it is mapped and after its end.
  assertEquals(lines.match(/ {2}physical memory +DMA address +command$/gm)?.length, 2);
  assertEquals(lines.match(/───► 0x1000_0000 phys ─+►/g)?.length, 2);
  assertEquals(lines.match(/0x1_4000_0000 +4KiB ───► 0x7c00_0000 bounce ─+►/g)?.length, 2);
});

Deno.test("show of a request of which a part bounces behind an IOMMU has IOVAs", () => {
  const lines = runScript(`machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { untrusted = true } } }
}
let io = ssd.submit(read, lba: 0, into: buffer(segments: [{ phys: 0x4000_0400, size: 3KiB }, { phys: 0x4000_2000, size: 4KiB }]))
wait io
show io`).output.join("\n");
  assertMatch(lines, /^ {2}physical memory +IOVA +command$/m);
});

Deno.test("the address of a device whose bus has ranges is called a bus address (dma.md 1.1)", () => {
  const lines = runScript(`machine {
  ram { size = 4GiB }
  pci { root_port rp0 { nvme ssd { ranges = [{ cpu: 0x4000_0000, dma: 0, size: 1GiB }] } } }
}
let m = dma_map_phys(ssd, 0x4100_0000, 4KiB, from_device)
show m
explain m
let io = ssd.submit(read, lba: 0, into: buffer(segments: [{ phys: 0x4200_0000, size: 4KiB }]))
step until io.mapped
show io
explain io
show ssd`).output.join("\n");
  assertMatch(
    lines,
    /sees 0x100_0000\n {2}4KiB from_device, its bus address, by the device's ranges/,
  );
  assertMatch(lines, /memory in reach of the device: its address on the device's bus\n/);
  assertMatch(lines, /^ {2}physical memory +bus address +command$/m);
  assertMatch(lines.replace(/\s+/g, " "), /the device reaches up to 0x3fff_ffff /);
  assertMatch(lines, /translation +none, it sees bus addresses by its ranges/);
  assertEquals(
    /its own address|physical address itself|sees physical|ffff_ffff_ffff /.test(lines),
    false,
  );
});

Deno.test("show of a disk that is removed says so in its first line", () => {
  const [live, removed] = ["", "ssd.remove()\n"].map((before) =>
    runScript(`machine { ${MACHINES[0]} }\n${before}show ssd`).output.join("\n").split("\n")[0]
  );
  assertEquals([live, removed], ["nvme ssd at 0000:01:00.0", "nvme ssd at 0000:01:00.0, removed"]);
});
