import { assertEquals } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

const STRICT =
  "machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { sgl = true } } } }\n";
const LEAKING = STRICT.replace("machine {", "machine { leaks = allow,");
const DIRECT = "machine { pci { root_port rp0 { nvme ssd { sgl = true } } } }\n";
/** A machine with two functions that can be migrated. */
const MIGRATING = "machine { pci { root_port rp0 { switch sw0 { vfio vf { } vfio vg { } } } } }\n";
const PEERS = `machine { iommu { mode = strict } pci {
  root_port rp0 { switch sw0 { nvme ssd { sgl = true }  nvme cmb { p2pmem = 2MiB } } }
  root_port rp1 { endpoint far { p2pmem = 2MiB } }
} }
`;

/** Facts of language.md and of the behaviour chapters, each as a script that asserts it. */
const FACTS: readonly (readonly [string, string])[] = [
  [
    "submit() cuts at once and queues: .requests is known, .mapped and .done are false",
    `${STRICT}let io = ssd.submit(read, lba: 0, into: alloc_pages(64))
    assert io.requests.length == 2 and io.bytes == 256KiB
    assert io.requests.all(r => not r.mapped and not r.done and r.command == none)
    assert io.requests[1].lba == 256 and io.requests[1].bytes == 128KiB
    assert io.status == none and io.requests[0].status == none, "a forgotten wait is no success"
    wait io
    assert io.done and io.status == OK and io.error == none`,
  ],
  [
    "an io of one request also answers for that request",
    `${STRICT}let io = ssd.read(lba: 8, into: alloc_pages(2, contiguous: false))
    assert io.op == read and io.lba == 8 and io.queue == 1 and io.device == "ssd"
    assert io.segments.length == 2 and io.segments[0].size == 4KiB
    assert io.iova.size == 8KiB and io.format == prp and io.unmapped_by == iova`,
  ],
  [
    "a report class and a verdict are words: what is expected, what the event says",
    `${LEAKING}let state = iova_state()
    dma_iova_try_alloc(ssd, state, phys: 0, size: 8KiB)
    expect warning state_overwritten { dma_iova_try_alloc(ssd, state, phys: 0, size: 4KiB) }
    assert events.last(dma.report).class == state_overwritten
    dma_iova_free(ssd, state)`,
  ],
  [
    "a fault reason is a word where it is expected and where it is injected",
    `${DIRECT}inject device.read with unreachable { ssd.dma_read(0x1000, 1B) faults unreachable }
    assert events.last(iommu.fault).reason == unreachable`,
  ],
  [
    "live_mappings counts what needs an unmap, a range once; live_ranges counts the ranges alone",
    `${LEAKING}let state = iova_state()
    dma_iova_try_alloc(ssd, state, phys: 0, size: 8KiB)
    assert iommu.live_mappings == 1 and iommu.live_ranges == 1
    dma_iova_link(ssd, state, 0x10_0000, 0B, 4KiB, to_device)
    let m = dma_map_phys(ssd, 0x20_0000, 4KiB, to_device)
    assert iommu.live_mappings == 2 and iommu.live_ranges == 1 and ssd.mappings.length == 2
    dma_unmap_phys(ssd, m, 4KiB, to_device)
    dma_iova_destroy(ssd, state, 4KiB, to_device)
    assert iommu.live_mappings == 0 and iommu.live_ranges == 0 and ssd.live_mappings == 0`,
  ],
  [
    "a mapping that needs no unmap is live nowhere when its request has ended",
    `${DIRECT}let io = ssd.submit(read, lba: 0, into: alloc_pages(16, contiguous: false))
    step until io.mapped
    assert ssd.mappings.length > 0
    wait io
    assert io.unmapped_by == nothing and iommu.live_mappings == 0
    assert ssd.live_mappings == 0 and ssd.mappings.length == 0`,
  ],
  [
    "submit() and wait never raise, they leave the status; read() raises its errno",
    `${STRICT}let odd = buffer(size: 512B, offset: 2B)
    let io = ssd.submit(read, into: odd)
    wait io
    assert io.status == INVAL and io.error == EINVAL and io.requests.length == 0
    ssd.read(into: odd) fails EINVAL
    ssd.read(into: odd) fails INVAL`,
  ],
  [
    "a written block is what a later read gives, and a zeroed one reads as zeroes",
    `${STRICT}let out = buffer(size: 8KiB, fill: random)
    ssd.write(lba: 16, from: out)
    let back = alloc_pages(2, contiguous: false)
    ssd.read(lba: 16, into: back)
    assert back == out and checksum(back) == checksum(out)
    ssd.write_zeroes(lba: 16, bytes: 4KiB)
    ssd.read(lba: 16, into: back)
    assert back.slice(0..4KiB) == buffer(size: 4KiB, fill: 0)
    assert back.slice(4KiB..8KiB) == out.slice(4KiB..8KiB)`,
  ],
  [
    "bytes: reads less than the buffer holds",
    `${STRICT}let buf = buffer(size: 8KiB, fill: 0)
    ssd.read(lba: 0, into: buf, bytes: 4KiB)
    assert buf.slice(0..4KiB) == ssd.media(lba: 0, bytes: 4KiB)
    assert buf.slice(4KiB..8KiB) == buffer(size: 4KiB, fill: 0)`,
  ],
  [
    "an SGL request is one data block behind an IOMMU, and a list without one (nvme.md 2.1)",
    `machine { pci { root_port rp0 { nvme ssd { sgl = true } } } }
    let pieces = buffer(pieces: 4, piece: 1KiB, offset: 512B)
    let io = ssd.read(lba: 0, into: pieces)
    assert io.format == sgl and io.command.sgl.length == 4
    assert io.command.sgl[0] == { type: data_block, address: pieces.phys as dma, size: 1KiB }
    assert io.command.sgl_head.type == last_segment and io.command.sgl_head.size == 64B
    assert io.command.bytes.length == 64 and io.command.bytes[1] == 0x40`,
  ],
  [
    "the state of the two-step API shows what happened to it (dma.md 3)",
    `${STRICT}let state = iova_state()
    assert state.size == 0B and not state.use_iova and not state.bounced
    assert dma_iova_try_alloc(ssd, state, phys: 0x12_3600, size: 8KiB)
    assert state.addr % 4KiB == 0x600 and state.size == 8KiB
    dma_iova_link(ssd, state, 0x12_3600, 0, 8KiB, to_device)
    assert state.linked == 12KiB and iommu.live_mappings == 1
    dma_iova_destroy(ssd, state, 8KiB, to_device)
    assert state.linked == 0B and dma_use_iova(state) and iommu.live_mappings == 0`,
  ],
  [
    "attributes are words or lists of words, by either name",
    `${STRICT}let page = alloc_pages(1)
    let m = dma_map_phys(ssd, page, 4KiB, DMA_TO_DEVICE, attrs: [skip_cpu_sync, DMA_ATTR_NO_WARN])
    assert m.attrs == [skip_cpu_sync, no_warn] and m.dir == to_device
    dma_unmap_phys(ssd, m.addr, 4KiB, to_device, skip_cpu_sync)
    assert m.path == iommu`,
  ],
  [
    "the mapping path may be compared with iommu and swiotlb, which are things too",
    `machine { swiotlb { force = true } pci { root_port rp0 { nvme ssd { } } } }
    let m = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)
    assert m.path == swiotlb and m.path != iommu and swiotlb.used == 2
    dma_unmap_phys(ssd, m, 4KiB, to_device)
    assert swiotlb.used == 0 and swiotlb.high_water >= 2`,
  ],
  [
    "unchecked: true gives the error value instead of raising, as a careless driver sees it",
    `machine { ram { size = 8GiB }, swiotlb { size = 0B }
      pci { root_port rp0 { nvme ssd { dma_mask_bits = 32 } } } }
    let far = buffer(segments: [{ phys: 0x1_4000_0000, size: 4KiB }])
    dma_map_phys(ssd, far, 4KiB, to_device) fails ENOMEM
    let bad = dma_map_phys(ssd, far, 4KiB, to_device, unchecked: true)
    assert bad.addr == none and dma_mapping_error(ssd, bad)
    show bad
    explain bad
    dma_unmap_phys(ssd, bad, 4KiB, to_device) warns unmap_error_value`,
  ],
  [
    "device.mappings lists what lives, in the order of birth",
    `${STRICT}let page = alloc_pages(2)
    let a = dma_map_phys(ssd, page.phys, 4KiB, to_device)
    let b = dma_map_phys(ssd, page.phys + 4KiB, 4KiB, from_device)
    assert ssd.mappings == [a, b] and ssd.live_mappings == 2
    dma_unmap_phys(ssd, a, 4KiB, to_device)
    assert ssd.mappings == [b]
    dma_unmap_phys(ssd, b, 4KiB, from_device)
    assert ssd.mappings.length == 0`,
  ],
  [
    "memory mapped twice at one address dies once with each unmap, and says who mapped it",
    `${DIRECT}let page = alloc_pages(1)
    let a = dma_map_phys(ssd, page.phys, 4KiB, to_device)
    let b = dma_map_phys(ssd, page.phys, 2KiB, to_device)
    assert a.addr == b.addr and ssd.mappings == [a, b]
    dma_unmap_phys(ssd, b, 2KiB, to_device)
    assert ssd.mappings == [a] and ssd.mappings[0].site == a.site and a.site != b.site
    dma_unmap_phys(ssd, a, 4KiB, to_device)
    assert ssd.mappings.length == 0`,
  ],
  [
    "a faulting dma_read gives nothing, a faulting dma_write changes nothing",
    `${STRICT}expect fault not_present {
      assert ssd.dma_read(0x1000, 4) == none
      assert not ssd.dma_write(0x1000, bytes"01")
    }
    assert iommu.faults.length == 2
    assert iommu.faults[1].reason == not_present and iommu.faults[1].access == write
    assert iommu.faults[0].dma == 0x1000 and iommu.faults[0].device == "ssd"`,
  ],
  [
    "iommu.page_table() gives runs with their protection",
    `${STRICT}let page = alloc_pages(2)
    let m = dma_map_phys(ssd, page, 8KiB, from_device)
    let runs = iommu.page_table(ssd).filter(run => run.iova == m.addr)
    assert runs.length == 1 and runs[0].phys == page.phys and runs[0].size == 8KiB
    assert runs[0].prot == write and runs[0].page_sizes == [4KiB]
    dma_unmap_phys(ssd, m, 8KiB, from_device)`,
  ],
  [
    "counters have every event by its dotted name, and since() what came after a mark",
    `${STRICT}ssd.read(lba: 0, into: alloc_pages(1))
    let before = counters.mark()
    ssd.read(lba: 0, into: alloc_pages(1))
    let more = counters.since(before)
    assert more.iommu.map == 1 and more.nvme.submit == 1 and more.dma_map_phys == 1
    assert counters.iommu.map == 2 and counters.call.dma_map_phys == 2 and counters.irq == 2`,
  ],
  [
    "a trace counts, filters, indexes and finds events by bare name, text or function",
    `${STRICT}ssd.read(lba: 0, into: alloc_pages(4, contiguous: false))
    let t = trace { ssd.read(lba: 0, into: alloc_pages(4, contiguous: false)) }
    assert t.count(iommu.map) == 4 and t.count("iommu.map") == 4
    assert t.count(dma_iova_link) == 4 and t.count(irq) == 1 and t.count("call.*") >= 6
    assert t.filter(iommu.map).length == 4
    assert t.filter(e => e.name == iommu.map and e.phys % 4KiB == 0).length == 4
    assert t.first(iova.alloc).size_bytes == 16KiB and t.last(iova.free).to == rcache
    assert t.first(nvme.prp).index == 0 and t.first(nvme.sgl) == none
    assert t[0].seq == t.events.first.seq and t.length == t.events.length
    assert t.span_ns == 0 and t.first().why == none`,
  ],
  [
    "events are all events since the machine was ready",
    `${STRICT}assert events.length == 0
    ssd.read(lba: 0, into: alloc_pages(1))
    assert events.first().seq == 1 and events.last().seq == events.length`,
  ],
  [
    "an event's why names the rule and its inputs",
    `${STRICT}let io = ssd.read(lba: 0, into: alloc_pages(32, contiguous: false))
    let why = io.events.first(nvme.choose).why
    assert why.rule.starts_with("nvme.2.1") and why.segments == 32 and why.coalesced`,
  ],
  [
    "limits.why says who set a limit: with an IOMMU the mapping layer (scenario 22)",
    `${STRICT}assert ssd.limits.max_transfer == 128KiB and ssd.limits.max_segments == 33
    assert ssd.limits.why.max_transfer.set_by == dma_mapping
    assert ssd.limits.virt_boundary == 0B and ssd.limits.dma_alignment == 3B`,
  ],
  [
    "buffers: pieces, stride, offset and named segments lie where they are asked for",
    `let strided = buffer(size: 3KiB, pieces: 3, piece: 1KiB, stride: 8KiB, offset: 512B)
    assert strided.segments.map(s => s.phys - strided.phys) == [0B, 8KiB, 16KiB]
    assert strided.phys % 4KiB == 512
    let fixed = buffer(segments: [{ phys: 0x80_0000, size: 4KiB }, { phys: 0x90_0800, size: 2KiB }])
    assert fixed.size == 6KiB and fixed.segments[1].phys == 0x90_0800
    let scattered = alloc_pages(8, contiguous: false)
    assert scattered.segments.length == 8 and scattered.pages.length == 8
    assert alloc_pages(4, order: 2).phys % 16KiB == 0`,
  ],
  [
    "regions are named parts of memory, and pages can be taken from one",
    `machine { region low { at = 2MiB, size = 1MiB } }
    assert low.at == 2MiB as phys and low.size == 1MiB and low.type == ram
    let page = alloc_pages(1, region: low)
    assert page.phys >= low.at and page.phys < low.at + low.size`,
  ],
  [
    "the block iterator maps a request as one range where its pieces meet (block.md 2.3 row 4)",
    `${STRICT}let req = request(bio(read, into: alloc_pages(3, contiguous: false)))
    let state = iova_state()
    let iter = dma_iter()
    assert blk_rq_dma_map_iter_start(req, ssd, state, iter)
    assert iter.addr == state.addr and iter.len == 12KiB and blk_rq_dma_map_coalesce(state)
    assert counters.dma_iova_link == 3 and counters.dma_iova_sync == 1
    assert req.events.count(dma_iova_link) == 3
    assert blk_rq_dma_unmap(req, ssd, state, 12KiB) and iommu.live_mappings == 0`,
  ],
  [
    "the block iterator maps piece by piece where there is a gap (block.md 2.3 row 5)",
    `${STRICT}let req = request(bio(read, into: buffer(pieces: 2, piece: 1KiB, offset: 512B)))
    assert req.phys_segments == 2 and req.gap_bit == 10
    let state = iova_state()
    let iter = dma_iter()
    assert blk_rq_dma_map_iter_start(req, ssd, state, iter)
    assert iter.len == 1KiB and not blk_rq_dma_map_coalesce(state) and state.size == 0B
    let first = iter.addr
    assert blk_rq_dma_map_iter_next(req, ssd, state, iter)
    let second = iter.addr
    assert not blk_rq_dma_map_iter_next(req, ssd, state, iter) and iter.status == OK
    assert not blk_rq_dma_unmap(req, ssd, state, 0)
    dma_unmap_phys(ssd, first, 1KiB, from_device)
    dma_unmap_phys(ssd, second, 1KiB, from_device)
    assert iommu.live_mappings == 0`,
  ],
  [
    "a request without memory ends the iterator at once, state untouched (block.md 2.3 row 1)",
    `${STRICT}let state = iova_state()
    let iter = dma_iter()
    assert not blk_rq_dma_map_iter_start(request(bio(flush)), ssd, state, iter)
    assert iter.status == OK and state.size == 0B`,
  ],
  [
    "touching bios are one segment for the iterator, and two for the block layer (block.md 2, 10)",
    `${DIRECT}let buf = alloc_pages(2)
    let a = bio(read, lba: 0, into: buf.slice(0..4KiB))
    let b = bio(read, lba: 8, into: buf.slice(4KiB..8KiB))
    let req = request(a, b)
    assert req.phys_segments == 2 and req.segments.length == 1 and req.gap_bit == 0
    let iter = dma_iter()
    let state = iova_state()
    assert blk_rq_dma_map_iter_start(req, ssd, state, iter) and iter.len == 8KiB
    assert not blk_rq_dma_map_iter_next(req, ssd, state, iter)
    assert blk_rq_dma_unmap(req, ssd, state, 8KiB)`,
  ],
  [
    "bio_add() joins what touches, and never mixes peer memory with RAM (block.md 1.4)",
    `${PEERS}let buf = alloc_pages(2)
    let b = bio(read, lba: 0, dev: ssd)
    assert bio_add(b, buf.slice(0..4KiB)) and bio_add(b, buf.slice(4KiB..8KiB))
    assert b.vectors == [{ phys: buf.phys, size: 8KiB }] and b.bytes == 8KiB
    assert not bio_add(b, pci_alloc_p2pmem(cmb, 4KiB))
    assert b.vectors.length == 1`,
  ],
  [
    "peer memory below one switch goes by bus address, unmapped; across it is refused (p2p.md 9.4)",
    `${PEERS}assert pci_p2pdma_map_type(cmb, ssd) == bus_addr
    assert pci_p2pdma_distance(cmb, [ssd]) == 4
    assert pci_p2pdma_map_type(far, ssd) == not_supported
    assert pci_p2pdma_distance(far, [ssd]) == none
    let io = ssd.read(lba: 0, into: pci_alloc_p2pmem(cmb, 8KiB))
    assert io.unmapped_by == bus and counters.iommu.map == 0
    let refused = ssd.submit(read, into: pci_alloc_p2pmem(far, 8KiB))
    wait refused
    assert refused.status == INVAL`,
  ],
  [
    "coherent memory is no streaming mapping",
    `${STRICT}let mem = dma_alloc_coherent(ssd, 8KiB)
    assert iommu.live_mappings == 0 and iommu.translate(ssd, mem.addr) == mem.phys
    assert peek(mem.phys, 4B) == bytes"00 00 00 00"
    dma_free_coherent(ssd, mem)`,
  ],
  [
    "the same seed gives the same random numbers and bytes",
    `machine { seed = 7 }
    let a = [random(0..1000), random(0..1000)]
    let b = buffer(size: 16B, fill: random).bytes
    test "again" {
      assert [random(0..1000), random(0..1000)].all(n => n >= 0 and n < 1000)
    }
    assert a != [0, 0] and b.length == 16`,
  ],
  [
    "lists, strings, bytes, ranges and records have what language.md says",
    `assert [3, 1, 2].length == 3 and [3, 1, 2].first == 3 and [3, 1, 2].last == 2
    assert [].first == none and [1, 2].contains(2) and [4KiB, 4KiB].sum == 8KiB
    assert [1, 2, 3].slice(1..3) == [2, 3] and [2, 1].sorted() == [1, 2]
    assert "iova".length == 4 and bytes"01 02".length == 2 and bytes"01 02"[1] == 2
    assert (0..8).length == 8 and (0..=7).contains(7) and ({ a: 1 }).a == 1
    assert (8KiB).pages == 2 and (1us).ns == 1000 and (0x1234 as phys).offset == 564B`,
  ],
  [
    "a size counts the pages that the machine has",
    `machine { page_size = 64KiB }
    assert (64KiB).pages == 1 and (65KiB).pages == 2 and (4KiB).pages == 1`,
  ],
  [
    "two queues on two CPUs: submit goes to the CPU's own, or to the one asked for",
    `machine { cpus = 2, pci { root_port rp0 { nvme ssd { queues = 2, depth = 64 } } } }
    assert ssd.queues == 2 and ssd.queue(2).depth == 64
    let buf = alloc_pages(1)
    assert ssd.read(lba: 0, into: buf).queue == 1
    on cpu 1 { assert ssd.read(lba: 0, into: buf).queue == 2 }
    assert ssd.read(lba: 0, into: buf, queue: 2).queue == 2`,
  ],
  [
    "metadata goes with its blocks, in a buffer of its own (nvme.md 3)",
    `machine { pci { root_port rp0 { nvme ssd { metadata = 8B } } } }
    let data = buffer(size: 1KiB, fill: random)
    let meta = buffer(size: 16B, fill: counting)
    let io = ssd.write(lba: 4, from: data, metadata: meta)
    assert io.command.mptr == meta.phys as dma
    assert ssd.media(lba: 4, blocks: 2, metadata: true) == meta
    let back = buffer(size: 16B)
    ssd.read(lba: 4, into: data, metadata: back)
    assert back == meta`,
  ],
  [
    "passthrough sends a user's own command (nvme.md 2.1: forced SGL)",
    `${DIRECT}let buf = alloc_pages(1)
    let io = ssd.passthrough(0x02, into: buf, dwords: { cdw10: 8, cdw12: 7 })
    wait io
    assert io.status == OK and io.format == sgl and buf == ssd.media(lba: 8, blocks: 8)`,
  ],
];

for (const [fact, script] of FACTS) {
  Deno.test(fact, () => {
    assertEquals(runScript(script).problems, [], script);
  });
}

/** Incorrect calls. Each ends the script with an error code, a sentence and, if useful, a hint. */
const MISTAKES: readonly (readonly [string, string, RegExp])[] = [
  [
    "a size that is not the sum of the pieces",
    "buffer(size: 5KiB, pieces: 1)",
    /E0919.*5120 bytes/,
  ],
  ["an index outside a trace", "print events[0]", /E0915.*outside a trace of length 0/],
  [
    "an unknown event",
    `let name = "iova.aloc"\nprint events.count(name)`,
    /E0919.*did you mean `iova.alloc`/,
  ],
  [
    "a direction that is none",
    `${STRICT}dma_map_phys(ssd, 0x10_0000, 4KiB, read)`,
    /E0919.*as dir/,
  ],
  ["an attribute that is none", `${STRICT}dma_map_phys(ssd, 0, 4KiB, to_device, strict)`, /E0919/],
  ["memory that is not there", 'poke(0x7fff_ffff_f000, bytes"00")', /E0918.*no memory/],
  ["a read without memory", `${STRICT}ssd.read(lba: 0)`, /E0917.*needs memory/],
  [
    "a read with memory to write from, too",
    `${STRICT}let b = alloc_pages(1)\nssd.submit(read, into: b, from: b)`,
    /E0917.*one way/,
  ],
  [
    "a queue that the disk does not have",
    `${STRICT}ssd.submit(flush, queue: 9)`,
    /E0919.*it must be from 1 to 1/,
  ],
  ["a flush with memory", `${STRICT}ssd.submit(flush, into: alloc_pages(1))`, /E0917.*no data/],
  ["a fill that is no pattern", "buffer(size: 1KiB, fill: strict)", /E0913.*counting/],
  ["a byte above 255", "buffer(size: 1KiB, fill: 256)", /E0919.*byte is from 0 to 255/],
  [
    "a segment over a page in use",
    "let b = alloc_pages(1)\nbuffer(segments: [{ phys: b.phys, size: 1KiB }])",
    /E0919.*at 0x4000_0000 is in use by other memory of the script; .* free page is at 0x4000_1000/,
  ],
  [
    "a segment over a page of a driver",
    `${STRICT}buffer(segments: [{ phys: 0x6000_0200, size: 512B }])`,
    /E0919.*at 0x6000_0200 .*page at 0x6000_0000 is in use by a driver, a device or the bounce buf/,
  ],
  [
    "a segment over the bounce buffers",
    "buffer(segments: [{ phys: 0x7f00_0000, size: 512B }])",
    /E0919.*in use by a driver, a device or the bounce buffers/,
  ],
  [
    "a second area at an address",
    "let mm = address_space()\nrepeat 2 { mm.mmap(4KiB, at: 0x7f00_0000_0000) }",
    /EEXIST: the process already has an area at 0x7f00_0000_0000 +-->/,
  ],
  [
    "a segment without its size",
    "buffer(segments: [{ phys: 1GiB }])",
    /E0913.*a segment has no `size`.*write `\{ phys: 0x10_0000, size: 4KiB \}`/s,
  ],
  [
    "a size where a segment starts",
    "buffer(segments: [{ phys: 1GiB, size: 4KiB }])",
    /E0913.*the size 1GiB as phys of a segment.*an address is written as an int/s,
  ],
  [
    "two requests asked as one",
    `${STRICT}print ssd.read(lba: 0, into: alloc_pages(64)).iova`,
    /E0914.*2 requests/,
  ],
  [
    "limits of what has none",
    "machine { pci { root_port rp0 { endpoint gpu { } } } }\nshow gpu.limits",
    /E0914.*no limits/,
  ],
  ["an empty range to choose from", "print random(3..3)", /E0919/],
  [
    "memory for a bio that covers blocks without any",
    `${STRICT}bio_add(bio(discard, lba: 0, bytes: 64KiB), alloc_pages(1))`,
    /E0917.*discard.*no memory/,
  ],
  [
    "a length and memory for the same bio",
    `${STRICT}show bio(write_zeroes, from: alloc_pages(1), bytes: 64KiB)`,
    /E0917.*write_zeroes.*no memory/,
  ],
  [
    "a migration buffer that was freed before",
    `${MIGRATING}let b = vf.alloc_buffer(2, none)\nfor n in 0..2 { vf.free_buffer(b) }`,
    /E0919.*freed before/,
  ],
  [
    "a migration buffer that was put back before",
    `${MIGRATING}let b = vf.alloc_buffer(2, none)\nfor n in 0..2 { vf.put_buffer(b) }`,
    /E0919.*put back before/,
  ],
  [
    "another device's migration buffer",
    `${MIGRATING}vg.save(vf.alloc_buffer(16, from_device))`,
    /E0919.*vf's, not vg's/,
  ],
  [
    "a buffer for headers to be mapped",
    `${MIGRATING}vf.alloc_buffer(2, none).map()`,
    /E0919.*headers/,
  ],
  [
    "the buffer of a dirty tracker",
    `${MIGRATING}vf.free_buffer(vf.track(0, 1MiB).buffer)`,
    /E0919.*dirty tracker's/,
  ],
  [
    "a dirty tracker that was stopped before",
    `${MIGRATING}let t = vf.track(0, 1MiB)\nfor n in 0..2 { t.stop() }`,
    /E0919.*stopped before/,
  ],
  [
    "a range to be followed that begins inside a page",
    `${MIGRATING}vf.track(100, 1MiB)`,
    /E0919.*inside a page of 4KiB/,
  ],
  [
    "a walk for what a failed map returned",
    "machine { iommu { mode = strict }\npci { root_port rp0 { nvme ssd { } } } }\n" +
    "let m = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device, attrs: cc_shared, unchecked: true)\n" +
    "show iommu.walk(ssd, m)",
    /E0919.*DMA_MAPPING_ERROR is not an address/,
  ],
  [
    "a range of no bytes to track",
    `${MIGRATING}vf.track(0, 0B)`,
    /E0919.*0 bytes has no page/,
  ],
  [
    "more state than a device has",
    `machine { pci { root_port rp0 { vfio vf { state = 1B } } } }\nvf.change_state(bytes"01 02")`,
    /E0919.*more than 1B/,
  ],
  [
    "peer memory freed twice",
    `${PEERS}let m = pci_alloc_p2pmem(cmb, 4KiB)\nfor n in 0..2 { pci_free_p2pmem(cmb, m) }`,
    /E0919.*No allocation of peer memory of cmb/i,
  ],
  [
    "another's memory by a provider's bus address",
    `${PEERS}pci_p2pmem_virt_to_bus(cmb, alloc_pages(1))`,
    /E0919.*not memory of cmb/,
  ],
  ["access control where nothing is", `${PEERS}set_acs("sw9", [])`, /E0919.*called "sw9"/],
  [
    "a service that is none",
    `${PEERS}set_acs(sw0, [strict])`,
    /E0913.*an access control service/,
  ],
  ["a reference that was not taken", `${PEERS}pci_dev_put(cmb)`, /E0919.*no reference/i],
  [
    "the peer memory of a device without any",
    `${PEERS}show p2pmem(ssd)`,
    /E0919.*provides no memory/,
  ],
];

for (const [what, script, expected] of MISTAKES) {
  Deno.test(`a call that makes no sense says so: ${what}`, () => {
    const problems = runScript(script).problems.join("\n").replaceAll("\n", " ");
    assertEquals(expected.test(problems), true, problems || "no problem was found");
  });
}

Deno.test("what request() refuses is an errno, which try takes (block.md 1.4, 1.5)", () => {
  for (
    const bios of [
      "bio(read, into: alloc_pages(64))",
      "bio(read, into: alloc_pages(1)), bio(write, lba: 8, from: alloc_pages(1))",
      "bio(read, into: alloc_pages(1)), bio(read, lba: 64, into: alloc_pages(1))",
    ]
  ) {
    const { problems } = runScript(`${STRICT}assert (try request(${bios})).error == EINVAL`);
    assertEquals(problems, []);
  }
});
