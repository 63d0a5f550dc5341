import { assertEquals } from "@std/assert";
import { eventFields, type MachineEvent, wordSets } from "@dmalab/runtime";
import { SourceFile } from "../source.ts";
import { LoadError } from "../syntax/load_files.ts";
import { loadProgram } from "../language.ts";
import { runProgram } from "../run/run_program.ts";
import { WORDS } from "./words.ts";

const SCRIPT = `machine {
  cpus = 2
  swiotlb { size = 1MiB }
  pci { root_port rp { switch sw {
    nvme ssd { sgl = true }
    nvme old { metadata = 8B }
    nvme far { untrusted = true }
    nvme odd { coherent = false }
    nvme near { p2pmem = 2MiB }
    rdma nic { }
  } } }
}
test "many ways" matrix { iommu.mode = [off, strict, lazy], kernel = ["6.12.117", "7.2.12"] } {
  for disk in [ssd, old, far, odd] {
    for pages in [1, 3, 40] {
      wait disk.submit(read, lba: 0, into: alloc_pages(pages, contiguous: false))
      wait disk.submit(write, lba: 0, from: buffer(size: pages * 4KiB, offset: 512B))
    }
    wait disk.submit(read, lba: 0, into: buffer(size: 4KiB, pieces: 8, piece: 512B))
  }
  wait ssd.submit(read, lba: 0, into: pci_alloc_p2pmem(near, 8KiB))
  advance 20ms
}
test "calls of a script" with { iommu.mode = strict } {
  let buf = buffer(size: 4KiB)
  let one = dma_map_single(ssd, buf, 4KiB, to_device)
  dma_sync_single_for_cpu(ssd, one.addr, 4KiB, to_device)
  dma_sync_single_for_device(ssd, one.addr, 4KiB, to_device)
  dma_unmap_single(ssd, one, 4KiB, from_device) warns unmap_direction
  dma_unmap_resource(ssd, dma_map_resource(ssd, 0x1000, 4KiB, to_device), 4KiB, to_device)
  let state = iova_state()
  dma_iova_try_alloc(ssd, state, 0x1000, 8KiB)
  dma_iova_link(ssd, state, 0x1000, 0B, 8KiB, to_device)
  dma_iova_sync(ssd, state, 0B, 8KiB)
  dma_iova_unlink(ssd, state, 0B, 8KiB, to_device)
  dma_iova_free(ssd, state)
  dma_free_coherent(ssd, dma_alloc_coherent(ssd, 8KiB))
  dma_set_mask(ssd, 32)
  assert pci_p2pdma_map_type(near, ssd) == bus_addr
  assert pci_p2pdma_distance(near, [ssd, old]) == 8
  pci_dev_put(pci_p2pmem_find([ssd]))
  let lent = pci_alloc_p2pmem(near, 4KiB)
  set_acs("sw.down4", [completion_redirect])
  ssd.dma_read(pci_p2pmem_virt_to_bus(near, lent), 16B) faults peer_blocked
  assert not unbind_provider(near)
  pci_free_p2pmem(near, lent)
  ssd.dma_read(0x1000 as dma, 16B)
}
test "pages of a process" with { iommu.mode = strict } {
  let mm = address_space()
  let at = mm.mmap(64KiB, at: 0x7f00_0000_0000)
  let mr = nic.reg_mr(mm, at, 64KiB)
  mr.write(at, bytes"01")
  mm.migrate(at)
  let pf = mr.page_fault(at, 4KiB)
  pf.read_begin()
  mmu_notifier_invalidate_range_start(mm, at, 4KiB)
  assert not pf.range_fault()
  mmu_notifier_invalidate_range_end(mm, at, 4KiB)
  pf.read_begin()
  assert pf.range_fault()
  mm.protect(at, 4KiB, false)
  assert not pf.map()
  mm.munmap(at, 4KiB)
  mr.read(at, 1B) fails EFAULT
  mm.discard(at + 4KiB, 4KiB)
  mr.dereg()
  mm.exit()
  let map = hmm_dma_map_alloc(nic, 1)
  let other = address_space()
  hmm_range_fault(other, map, other.mmap(4KiB), 1)
  hmm_dma_map_pfn(nic, map, 0)
  hmm_dma_unmap_pfn(nic, map, 0)
  hmm_dma_map_free(nic, map)
}
`;

/** Shows the events of the script. */
function eventsOf(onEvent: (event: MachineEvent) => void): void {
  const { program } = loadProgram(
    new SourceFile("words.dma", SCRIPT),
    { load: () => new LoadError("not_found", "no file can be used here") },
  );
  const { outcomes } = runProgram(program!, { lenient: true, onEvent });
  assertEquals(outcomes.flatMap(({ failure }) => failure?.lines ?? []), []);
}

Deno.test("every event carries the fields that the vocabulary says it has", () => {
  const wrong = new Set<string>();
  eventsOf((event) => {
    const said = Object.keys(eventFields(event.name)).sort().join(" ");
    const carried = Object.keys(event.fields).sort().join(" ");
    if (said !== carried) wrong.add(`${event.name}: ${carried} instead of ${said}`);
  });
  assertEquals([...wrong].sort(), []);
});

Deno.test("what an event says in a word can be written as a bare word (docs/language/text.md)", () => {
  const words = [...wordSets()].flatMap(({ docs }) => Object.keys(docs));
  assertEquals(words.filter((word) => WORDS.get(word)?.name !== word), []);
});
