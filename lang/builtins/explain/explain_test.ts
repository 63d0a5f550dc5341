import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runScript } from "../../testing/run_script.ts";

function printed(machine: string, body: string): string {
  const { output, problems } = runScript(`machine { ${machine} }\n${body}`, {}, { lenient: true });
  assertEquals(problems, []);
  return output.join("\n");
}

/** The text with every run of spaces and line ends replaced by one space. */
function sentence(machine: string, body: string): string {
  return printed(machine, body).replace(/\s+/g, " ");
}

const STRICT = "iommu { mode = strict } pci { root_port rp0 { nvme ssd { sgl = true } } }";
const DIRECT = "pci { root_port rp0 { nvme ssd { sgl = true } } }";
const PRP_ONLY = "pci { root_port rp0 { nvme ssd { sgl = false } } }";
const SCATTERED = "alloc_pages(4, contiguous: false)";
const WITH_GAP = "buffer(segments: [" +
  "{ phys: 0x10_0000, size: 512B }, { phys: 0x20_0000, size: 512B }])";

Deno.test("explain of a request says why it is one range and why PRP (block.md 2.3, nvme.md 2.1)", () => {
  const text = sentence(STRICT, `explain ssd.read(lba: 0, into: ${SCATTERED})`);
  assertStringIncludes(text, "one IOVA range for the data block.2.3.4");
  assertStringIncludes(text, "phys_gap_bit 13), at least the 4KiB IOMMU granule");
  assertStringIncludes(text, "4 calls of dma_iova_link, 1 of dma_iova_sync");
  assertStringIncludes(text, "16KiB as one range: 16KiB on average, below the threshold of 32KiB");
  assertStringIncludes(text, "unmapped: one range of 16KiB nvme.2.6.3");
  assertStringIncludes(text, "1 call of dma_iova_destroy, 16KiB; 1 IOTLB invalidation");
});

Deno.test("explain of a failed map names the limit of the bus that keeps the device from memory (dma.md 1.1, 2.1)", () => {
  const failed = (device: string, page: string) =>
    sentence(
      `ram { size = 8GiB } swiotlb { size = 0B } pci { root_port rp0 { endpoint tv { ${device} } } }`,
      `let r = try dma_map_page(tv, ${page}, 0, 4KiB, from_device)\nexplain r.error\nexplain tv`,
    );
  const low = "ranges = [{ cpu: 0, dma: 0, size: 0xd800_0000 }]";
  const moved = "ranges = [{ cpu: 0x4000_0000, dma: 0, size: 1GiB }]";
  const outside = "is outside the memory that the device's bus has (dma-ranges):";
  for (
    const [device, page, ...texts] of [
      [low, "0xde10_0000", `0xde10_0000 ${outside} 0x0-0xd7ff_ffff`, "addresses up to 0xd7ff_ffff"],
      [
        `${moved}, dma_mask_bits = 32`,
        "0x8000_0000",
        `0x8000_0000 ${outside} 0x4000_0000-0x7fff_ffff at 0x0`,
        "a mask of 32 bits, no bus limit; its bus (dma-ranges) has the memory 0x4000_0000-0x7fff_ffff at 0x0 only",
      ],
      [
        "bus_limit_bits = 32",
        "0x1_0000_0000",
        "the device's bus carries addresses up to 0xffff_ffff (bus limit)",
        "a mask of 64 bits, a bus limit of 32 bits",
      ],
      [
        "bus_limit_bits = 33, dma_mask_bits = 32",
        "0x1_0000_0000",
        "the device reaches up to 0xffff_ffff",
        "a mask of 32 bits, a bus limit of 33 bits",
      ],
      [
        `${moved}, dma_mask_bits = 24`,
        "0x4100_0000",
        "the device reaches up to 0xff_ffff",
        "addresses up to 0xff_ffff",
      ],
      [
        "dma_ops = true, bus_limit_bits = 32",
        "0x1_0000_0000",
        "whose table cannot reach the memory: mapping fails; the device's bus carries addresses up to",
        "addresses up to 0xffff_ffff",
      ],
    ] as const
  ) {
    const told = failed(device, page);
    for (const text of texts) assertStringIncludes(told, text);
  }
});

Deno.test("explain says why a buffer was bounced: out of the bus's ranges, or of the mask", () => {
  const bounced = (device: string) =>
    sentence(
      `ram { size = 8GiB } pci { root_port rp0 { endpoint tv { ${device} } } }`,
      "let m = dma_map_page(tv, 0x1_0000_0000, 0, 4KiB, from_device)\nexplain events\n" +
        "dma_unmap_page(tv, m, 4KiB, from_device)",
    );
  assertStringIncludes(
    bounced("ranges = [{ cpu: 0, dma: 0, size: 4GiB }]"),
    "bounced; 0x1_0000_0000 is outside the memory that the device's bus has (dma-ranges): 0x0-0xffff_ffff",
  );
  assertStringIncludes(
    bounced("dma_mask_bits = 32"),
    "bounced; the device reaches up to 0xffff_ffff",
  );
});

Deno.test("explain of a device behind an IOMMU tells the addresses that its bus leaves", () => {
  const text = sentence(
    "iommu { mode = strict } pci { root_port rp0 { endpoint tv { " +
      "ranges = [{ cpu: 0, dma: 0x1000_0000, size: 16KiB }], address_bits = 40 } } }",
    "let r = try dma_map_page(tv, 0x10_0000, 0, 64KiB, to_device)\nexplain r.error\nexplain tv",
  );
  assertStringIncludes(
    text,
    "the device's bus has the addresses 0x1000_0000-0x1000_3fff only",
  );
  assertStringIncludes(text, "addresses up to 0x1000_3fff");
  assertStringIncludes(text, "the hardware drives 40 bits only");
});

Deno.test("explain says of a call that gives nothing that it is done (hmm-rdma-vfio.md 1.2)", () => {
  const text = sentence(
    "iommu { mode = strict } pci { root_port rp0 { endpoint nic { } } }",
    "hmm_dma_map_free(nic, hmm_dma_map_alloc(nic, 4))\nexplain events",
  );
  assertStringIncludes(text, "hmm_dma_map_free succeeds hmm-rdma-vfio.1.2");
});

Deno.test("explain of each limit of a device gives its value, in 80 columns (nvme.md 1.1)", () => {
  const names = ["max_transfer", "soft_limit", "max_segments", "max_segment_size", "virt_boundary"]
    .concat("dma_alignment", "max_integrity_segments", "segment_boundary", "chunk")
    .concat("logical_block_size");
  for (const name of names) {
    const lines = printed(STRICT, `explain ssd.limits.${name}`).split("\n");
    assert(lines.some((line) => line.startsWith(`${name} = `)), name);
    assert(lines.every((line) => line.length <= 80), name);
  }
  const none = sentence(STRICT, "explain ssd.limits.chunk");
  assertStringIncludes(
    none,
    "chunk = 0B No transfer crosses a multiple of this; 0: no such limit. not set; block-layer " +
      "default",
  );
});

Deno.test("explain of a request counts on when the list has a second page (nvme.md 2.3)", () => {
  const text = sentence(PRP_ONLY, "explain ssd.read(lba: 0, into: buffer(size: 514 * 4KiB))");
  assertStringIncludes(text, "513 entries after PRP1; a small block holds 32, a page 512");
  assertStringIncludes(
    text,
    "the page is full and 1 entry is left: its last entry moves to the new page and becomes the link",
  );
});

Deno.test("explain of a request names the limit it was cut at, and its distance where it was not", () => {
  const machine = "pci { root_port rp0 { nvme ssd { mdts = 64KiB } } }";
  const text = sentence(machine, "explain ssd.read(lba: 0, into: buffer(size: 96KiB))");
  assertStringIncludes(text, "split after 64KiB, in 1 segment block.1.3");
  assertStringIncludes(text, "max_sectors: a request has at most 128 sectors, 64KiB");
  assertStringIncludes(text, "the split is 64KiB into bio_vec 0;");
  assertStringIncludes(text, "not split block.1.3 32KiB (limit 64KiB), 1 segment (limit 17)");
});

Deno.test("explain of a request says between which pieces a gap cut it (block.md 1.3 row 2)", () => {
  const text = sentence(
    PRP_ONLY,
    `explain ssd.read(lba: 0, into: buffer(segments: [
      { phys: 0x10_0000, size: 4KiB }, { phys: 0x20_0200, size: 3584B },
    ]))`,
  );
  assertStringIncludes(text, "split after 4KiB, in 1 segment block.1.3");
  assertStringIncludes(
    text,
    "the split is before bio_vec 1: the one before ends at a page boundary, this one begins 512B into",
  );
});

Deno.test("explain of limits derives 128 KiB behind an IOMMU from 32 pages (nvme.md 1.1, dma.md 1.7)", () => {
  const text = sentence(STRICT, "explain ssd.limits");
  assertStringIncludes(text, "max_transfer = 128KiB set by dma mapping nvme.1.1");
  assertStringIncludes(
    text,
    "32 pages of 4KiB are 128KiB, the largest IOVA range that rcaches hold",
  );
  assertStringIncludes(
    text,
    "the list's 256 entries, 128KiB / 4KiB + 1 = 33 pages of an unaligned transfer",
  );
  assertStringIncludes(text, "33 segments × 4KiB = 132KiB, so 128KiB fit");
});

Deno.test("explain of limits says what bounces leave of a transfer (nvme.md 1.1, row 2)", () => {
  const text = sentence(`swiotlb { force = true } ${DIRECT}`, "explain ssd.limits");
  assertStringIncludes(text, "max_transfer = 252KiB set by dma mapping");
  assertStringIncludes(text, "less the alignment mask 4095");
});

Deno.test("explain of an error leads to the call that gave it, and to its reason (dma.md 3.3)", () => {
  const text = sentence(
    STRICT,
    `let state = iova_state()
    dma_iova_try_alloc(ssd, state, 0x10_0000, 64KiB)
    let tried = try dma_iova_link(ssd, state, 0x20_0800, 4KiB, 4KiB, to_device)
    let other = try dma_iova_link(ssd, state, 0x20_0400, 8KiB, 4KiB, to_device)
    explain tried
    assert not other.ok
    dma_iova_free(ssd, state)`,
  );
  assertStringIncludes(text, "EIO, at script.dma:4:5");
  assertStringIncludes(
    text,
    "dma_iova_link fails: EIO dma.3.3 only the first link of a range may be unaligned",
  );
  assertStringIncludes(text, "at offset 4096 of the range, begins 2048 bytes into a granule");
});

Deno.test("explain of a request tells each try, and what the controller answered (nvme.md 4.2)", () => {
  const text = sentence(
    STRICT,
    `expect fault unreachable {
      inject device.write nth 1 {
        let io = ssd.submit(read, lba: 0, into: ${SCATTERED})
        wait io
        explain io
      }
    }`,
  );
  assertStringIncludes(text, "injected failure: device.write returns unreachable hit number 1");
  assertStringIncludes(text, "unreachable dma.1.6 the access was made to fail by `inject`");
  assertStringIncludes(
    text,
    "completion with status 0x4 nvme.4.2 Data Transfer Error: IOERR; retryable",
  );
  assertStringIncludes(text, "1 retry");
  assertEquals(text.split("PRP1 0x").length - 1, 2, "the entries of both tries");
  assertStringIncludes(text, "completed with OK nvme.4.2 completion with status 0, #");
});

Deno.test("explain of an io prints once what was decided about many of its requests", () => {
  const machine = "iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } }";
  const text = printed(
    machine,
    "explain ssd.read(lba: 0, into: alloc_pages(260, contiguous: false))",
  );
  // Eight requests of 128 KiB were split off, and a ninth with four pages is left.
  assertStringIncludes(text, "… same decisions for 7 more requests, up to request 8");
  assertEquals(text.split("split after 128KiB, in 32 segments").length - 1, 1);
  assertStringIncludes(text, "16KiB (limit 128KiB), 4 segments (limit 33)");
});

Deno.test("explain of what carries no data measures it by its own limit (block.md 1.3)", () => {
  const text = sentence(DIRECT, "explain ssd.discard(lba: 0, bytes: 1MiB)");
  assertStringIncludes(text, "not split block.1.3 1MiB (limit 2TiB - 512B)");
  assertStringIncludes(
    sentence(DIRECT, "explain ssd.write_zeroes(lba: 0, bytes: 16MiB)"),
    "max_write_zeroes_sectors: one write of zeroes covers at most 16_384 sectors, 8MiB",
  );
});

Deno.test("explain of a refused io says what it has and what a request takes (block.md 1.3)", () => {
  assertStringIncludes(
    sentence(PRP_ONLY, "explain ssd.submit(read, lba: 0, into: buffer(size: 512B, offset: 2B))"),
    "rejected: INVAL block.1.3 a segment does not begin and end at a multiple of 4 bytes",
  );
  assertStringIncludes(
    sentence(PRP_ONLY, "explain ssd.passthrough(2, into: alloc_pages(300, contiguous: false))"),
    "a passthrough command is never split: it has 1200KiB in 300 segments, and a request takes 8MiB in 256",
  );
  const tags = (more: string, size: string) =>
    sentence(
      `pci { root_port rp0 { nvme ssd { ${more} } } }`,
      `explain ssd.passthrough(2, into: alloc_pages(1), metadata: buffer(size: ${size}))`,
    );
  assertStringIncludes(
    tags("", "64B"),
    "rejected: INVAL block.1.8 it has 64B of metadata, and what it is for has none",
  );
  assertStringIncludes(
    tags("metadata = 8B", "1028KiB"),
    "rejected: IOERR block.1.8 it has 1028KiB of metadata, and the queue takes 8MiB in 256 pages",
  );
  assertStringIncludes(
    sentence(PRP_ONLY, "explain ssd.passthrough(2, into: alloc_pages(4096), fixed: true)"),
    "rejected: INVAL block.1.8 a registered buffer of 16MiB in 1 segment, and the queue takes 1B to 8MiB in segments",
  );
});

Deno.test("explain of a device says how it is translated and why (dma.md 1.3)", () => {
  const untrusted =
    "iommu { mode = lazy } pci { root_port rp0 { external = true\n nvme ssd { } } }";
  const text = sentence(untrusted, "explain ssd");
  assertStringIncludes(text, "translation: strict dma.1.3");
  assertStringIncludes(text, "untrusted device: strict, although iommu.mode is lazy");
  assertStringIncludes(sentence(DIRECT, "explain ssd"), "dma_need_unmap() is false dma.1.7");
});

Deno.test("explain of a command reads its bytes, and tells what was decided for them", () => {
  const text = sentence(DIRECT, `explain ssd.read(lba: 8, into: ${WITH_GAP}).command`);
  assertStringIncludes(text, "1 40 flags: SGL, metadata by pointer");
  assertStringIncludes(text, "length of the list, 32B: 2 descriptors");
  assertStringIncludes(text, "40 08 00 00 00 00 00 00 00 first block 8");
});

Deno.test("explain of an iterator says by which row start was left (block.md 2.3)", () => {
  const text = sentence(
    DIRECT,
    `let iter = dma_iter()
    let state = iova_state()
    assert not blk_rq_dma_map_iter_start(request(bio(flush)), ssd, state, iter)
    explain iter`,
  );
  assertStringIncludes(text, "nothing to map of the data: no segment block.2.3.1");
  assertStringIncludes(text, "returns false with BLK_STS_OK: end of iteration, not an error");
});

Deno.test("explain of what no decision led to is the script's mistake", () => {
  for (const value of ["strict", "{ a: 1 }", "EBUSY"]) {
    const { problems } = runScript(`explain ${value}`);
    assertEquals(problems.length, 1, value);
    assertStringIncludes(problems.join(), "o recorded decision explains");
  }
});

Deno.test("explain tells a region's pages with their rules, and why an access of it failed (hmm-rdma-vfio.md 2.2)", () => {
  const text = sentence(
    "iommu { mode = strict } pci { root_port rp0 { rdma nic { } rdma other { } } }",
    `let mm = address_space()
let at = mm.mmap(8KiB, at: 0x7f00_0000_0000)
let mr = nic.reg_mr(mm, at, 64KiB)
other.reg_mr(mm, at, 8KiB).read(at, 1B)
mr.write(at, bytes"01")
mr.read(at + 4KiB, 1B)
explain mr
let beyond = try mr.read(at + 8KiB, 1B)
explain beyond`,
  );
  assertStringIncludes(text, "entries 0 to 7 of the device's table: 2 valid");
  assertStringIncludes(text, "npages is 3");
  assertStringIncludes(text, "already mapped: its offset in the range");
  assertStringIncludes(text, "page fault at 0x7f00_0000_2000 ends with EFAULT");
  assertStringIncludes(text, "no memory area of the process there, or a poisoned page");
  assertEquals(text.split("hmm_dma_map_alloc").length, 2, "the other device's map is not printed");
});

/**
 * The output of `explain` for a link that fails, in a range of 4 pages with the first two linked.
 */
function refusedLink(machine: string, where: string): string {
  return sentence(
    `leaks = allow, checker = off, ${machine} pci { root_port rp0 { endpoint nic { } } }`,
    `let state = iova_state()
    assert dma_iova_try_alloc(nic, state, 0, 16KiB)
    dma_iova_link(nic, state, 0x7000_0000, 0, 8KiB, to_device)
    let tried = try dma_iova_link(nic, state, 0x7000_0000, ${where}, to_device)
    explain tried`,
  );
}

Deno.test("explain says what a page table has against a link (dma.md 5.1)", () => {
  const generic = "iommu { mode = strict }";
  const arm = "iommu { mode = strict, model = smmu }";
  const printed = [
    refusedLink(generic, "8KiB, 0B"),
    refusedLink(generic, "10KiB, 2KiB"),
    refusedLink(generic, "4KiB, 4KiB"),
    refusedLink(generic, "8KiB, 256TiB"),
    refusedLink(arm, "10KiB, 2KiB"),
    refusedLink(arm, "4KiB, 4KiB"),
  ].map((text) => text.match(/iommu_map fails: .* #\d+ /)?.[0].replace(/ #\d+ $/, ""));
  assertEquals(printed, [
    "iommu_map fails: EINVAL dma.5.1 0xffff_e000 → 0x7000_0000, 0B: zero-length mapping",
    "iommu_map fails: ENXIO dma.5.1 0xffff_e800 → 0x7000_0000, 4KiB: the IOVA is not " +
    "aligned to 4KiB",
    "iommu_map fails: EADDRINUSE dma.5.1 0xffff_d000 → 0x7000_0000, 4KiB: the IOVA is " +
    "already mapped",
    "iommu_map fails: ERANGE dma.5.1 0xffff_e000 → 0x7000_0000, 256TiB: the table covers IOVAs " +
    "up to 0xffff_ffff_ffff and physical addresses up to 0xf_ffff_ffff_ffff",
    "iommu_map fails: EINVAL dma.5.1 0xffff_e800 → 0x7000_0000, 4KiB: the IOVA is not " +
    "aligned to 4KiB",
    "iommu_map fails: EEXIST dma.5.1 0xffff_d000 → 0x7000_0000, 4KiB: the IOVA is " +
    "already mapped",
  ]);
});

Deno.test("show of a request has the segments that explain has, and marks entries in no mapping (nvme.md 2.3)", () => {
  const text = printed(
    'kernel = "7.2.6", region area { at = 0x5000_0000, size = 2MiB }, ' +
      "pci { root_port rp0 { nvme ssd { sgl = true, mdts = 128KiB } } }",
    `let parts = []
for n in 0..34 { parts = parts + [{ phys: area.at + n * 8KiB, size: 512B }] }
let io = ssd.submit(read, lba: 0, into: buffer(segments: parts))
wait io
show io.requests[0]`,
  );
  assertStringIncludes(text, "request 1   read   lba 0   16896B in 33 segments   PRP");
  assertStringIncludes(
    text,
    "0x5000_0000    512B ───► 0x5000_0000 ────────────► PRP1  0x5000_0000",
  );
  for (
    const [index, dma] of ["0x5000_1000", "0x5000_2000", "0x5000_3000", "0x5000_4000"].entries()
  ) {
    assertStringIncludes(text, `${" ".repeat(28)}in no mapping             │  ${index} ${dma} `);
  }
  assertStringIncludes(text, "0x5000_2000    512B      not mapped\n");
  assertStringIncludes(text, "…  26 more\n");
});

Deno.test("explain of a request calls a PRP entry in no mapping by that, and a list page a list (nvme.md 2.3)", () => {
  const lost = (count: number, gapBytes: number, kernel: string, mode: string) => {
    const text = printed(
      `kernel = "${kernel}", iommu { mode = ${mode} }, region area { at = 0x5000_0000, size = 2MiB }, ` +
        "pci { root_port rp0 { nvme ssd { sgl = true, mdts = 128KiB } } }",
      `let parts = []
for n in 0..${count} { parts = parts + [{ phys: area.at + n * 8KiB, size: ${gapBytes}B }] }
let io = ssd.submit(read, lba: 0, into: buffer(segments: parts))
wait io
explain io.requests[0]`,
    );
    const lines = text.split("\n").filter((line) =>
      /^ {10}(PRP|page|descriptor|command)/.test(line)
    );
    const said = (words: string) => lines.filter((line) => line.endsWith(words)).length;
    return [said(", in no mapping of the request"), said(", a list")];
  };
  const rows: [number, number, string, string, [lost: number, lists: number]][] = [
    // On 7.2.6 the gap bit of the part that is split off is lost, so PRP entries for whole pages
    // are used.
    [34, 512, "7.2.6", "off", [4, 1]],
    [40, 512, "7.2.6", "passthrough", [4, 1]],
    [34, 512, "7.2.12", "off", [0, 1]],
    [33, 4096, "7.2.6", "off", [0, 1]],
    [8, 512, "7.2.6", "off", [0, 1]],
    [3, 4096, "7.3", "strict", [0, 1]],
  ];
  for (const [count, size, kernel, mode, wanted] of rows) {
    assertEquals(
      lost(count, size, kernel, mode),
      wanted,
      `${count} of ${size} on ${kernel}, ${mode}`,
    );
  }
});
