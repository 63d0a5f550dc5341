/** Scripts that together use the whole language, for the tests of the front end. */
import { SourceFile } from "../source.ts";

export const SAMPLES: readonly SourceFile[] = [
  new SourceFile(
    "one-range.dma",
    `# one-range.dma: 32 scattered pages, one IOVA range
use "lib/patterns.dma"

machine {
  kernel = "7.2"                       # behaviour profile, see Profiles
  cpus   = 2
  seed   = 1

  ram     { size = 8GiB }
  region low    { at = 1MiB, size = 2GiB }          # a named part of the RAM
  region window { at = 0xe000_0000, size = 256MiB, type = mmio }

  iommu   { mode = strict, granule = 4KiB, page_sizes = [4KiB, 2MiB, 1GiB], address_bits = 48 }
  swiotlb { size = 64MiB }
  latencies { iotlb_sync = 300ns, table_write = 20ns }   # what an event costs in virtual time; printed with every result that uses it

  pci {
    root_port rp0 {
      switch sw0 {
        nvme ssd { queues = 2, depth = 64, mdts = 2MiB, sgl = true }
        nvme cmb { queues = 1, depth = 32, p2pmem = 64MiB }
      }
    }
    root_port rp1 { acs = [source_validation, request_redirect, completion_redirect]
      endpoint gpu { bar = 16GiB, p2pmem = 16GiB }
    }
  }
}

const blocks = 256

fn scattered(pages) {
  return alloc_pages(pages, contiguous: false)
}

test "32 scattered pages become one IOVA range" {
  let buf = scattered(32)
  let req = ssd.submit(read, lba: 0, into: buf)

  step until req.mapped
  assert req.iova.size == 128KiB
  assert req.command.format == sgl
  assert req.command.sgl[0].address == req.iova.start

  expect events [ iova.alloc, iommu.map+, iommu.sync_map ] in req

  wait req
  assert buf == ssd.media(lba: 0, blocks: blocks)
  assert iommu.live_mappings == 0
}

test "a later link must start on a granule" matrix { iommu.mode = [strict, lazy] } {
  let state = iova_state()
  assert dma_iova_try_alloc(ssd, state, phys: 0x10_0000, size: 64KiB)
  dma_iova_link(ssd, state, phys: 0x20_0800, offset: 4KiB, size: 4KiB, dir: to_device) fails EIO
  dma_iova_free(ssd, state)
}

property "every buffer layout round-trips" forall pages in 1..=512, skip in 0..8 {
  let buf = buffer(size: pages * 4KiB - skip * 512B, offset: skip * 512B, pieces: pages)
  let io = ssd.read(lba: 0, into: buf)
  assert buf == ssd.media(lba: 0, bytes: buf.size)
}

bench "4 KiB random read" matrix { iommu.mode = [off, passthrough, lazy, strict], kernel = ["6.12", "7.2"] } {
  setup { let buf = alloc_pages(1) }
  loop  { ssd.read(lba: random(0..1_000_000) * 8, into: buf) }
  budget iotlb.sync <= 2 per iteration
}
`,
  ),
  new SourceFile(
    "everything.dma",
    `const a = 1; const b = [1, 2, 3,]
let r = { key: 1, in: 2
  other: 3, }
let f = x => x + 1
let g = (a, b) => a * b - -a
fn go(x, y,) {
  if x == 1 { return }
  else if y { return y } else { while true { break } }
  for i in 0..=8 { continue }
  repeat 3 { step; step 4; step until req.done }
  match x {
    1 => f(x), 2..4 => { go(1) } "a" => print 3
    -1 => return 4
    OK => { }
    _ => print "x {x + 1} \\{ y"
  }
  on cpu 1 { advance 10ms }
  inject dma_iova_link nth 3 with ENOMEM { wait io }
  inject each { go(1, 2) }
  inject mem.alloc { go() }
  expect error EINVAL { go() }
  expect events [
    iova.alloc(size_bytes: 4KiB, source: rcache), iommu.map+, (a, b)* | c{2,3},
    ..., iommu.*?, !dma_iova_link
  ] in req
  invariant "no leak" { iommu.live_mappings == 0 }
  let t = trace { go(1) }.count("x")
  let o = fork { go() } and { go() }
  and { go() }
  compare { kernel = ["6.12", "7.2"], iommu.mode = [strict] } { go() }
  race { x = 1 } and { x += 2 }
  go(1, dir: to_device) fails EINVAL
  let z = not a and b or c == d | 4 << 2 & 3 + 1 .. 5
  let q = try go(1) as dma
  assert a == b, "message {a}"
  ssd.queue(1).read(lba: 0)
    .foo()
  let p = peek(0x10 as phys, 4)[0..4].length
  let bb = bytes"de ad be ef"
  x = trace
  let step = 3
  let as = step as as
}
skip test "t" with { iommu.mode = lazy } matrix { ssd.mdts = [1MiB, none] } { }
property "p" forall a in 1..4, b in [1,2] { go(a, b) }
bench "b" {
  setup { let buf = 1 }
  loop { go(buf) }
  budget iotlb.sync <= 2 per iteration
  budget iova.alloc == 0
}
`,
  ),
];
