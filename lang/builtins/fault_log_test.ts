import { assertEquals, assertStringIncludes } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

const machineOf = (iommu: string) =>
  `machine {
  iommu { ${iommu} }
  pci {
    root_port rp0 { nvme ssd { } }
    root_port rp1 { endpoint nic { } }
  }
}
fn vtd_line(device, how, address) {
  return fault_log("DMAR: [DMA {how} NO_PASID] Request device [{device}] fault addr {address} " +
    "[fault reason 0x71] x")
}
fn amd_line(device, address, flags) {
  return fault_log("AMD-Vi: Event logged [IO_PAGE_FAULT device={device} domain=0x0001 " +
    "address={address} flags={flags}]")
}
`;

/** Runs a body on a machine with an IOMMU; every assertion in it has to hold. */
function holds(iommu: string, body: string): string {
  const { output, problems } = runScript(machineOf(iommu) + body, {}, { lenient: true });
  assertEquals(problems, []);
  return output.join("\n");
}

/** What a body ends with. */
function problemOf(body: string): string {
  return runScript(machineOf("mode = strict") + body).problems.join("\n");
}

Deno.test("the verdict on a page without any mapping is never_mapped", () => {
  holds(
    "mode = strict",
    `let line = vtd_line("02:00.0", "Read", 0x8000_0000)
    assert line.verdict == never_mapped and line.mapping == none and line.culprit == none
    assert line.device == nic and line.fault == none and line.after == none`,
  );
});

Deno.test("a mapping that has ended is use_after_unmap, by the call that ended it, and for how long", () => {
  holds(
    "mode = strict",
    `let m = dma_map_phys(nic, alloc_pages(1), 4KiB, from_device)
    dma_unmap_phys(nic, m, 4KiB, from_device)
    advance 7us
    nic.dma_write(m.addr + 100B, bytes"00") faults not_present
    advance 1ms
    let line = vtd_line("02:00.0", "Write", m.addr)
    assert line.verdict == use_after_unmap and line.after == 7us and line.mapping == m
    assert line.fault.seq == events.last(iommu.fault).seq
    assert line.culprit == "dma_unmap_phys at script.dma:17:5"
    assert line.culprit_event.name == "dma.unmap" and line.stale_uses == 0`,
  );
});

Deno.test("an unmap of less ends the mapping where it was, and leaves the rest within reach", () => {
  const partOf = (unmap: string, body: string) =>
    holds(
      "mode = strict, model = amd, page_sizes = [4KiB]",
      `let m = dma_map_phys(nic, alloc_pages(2), 8KiB, from_device)
      ${unmap}
      ${body}`,
    );
  const second = partOf(
    "dma_unmap_phys(nic, m.addr + 4KiB, 4KiB, from_device) warns unmap_unknown",
    `nic.dma_write(m.addr + 4KiB, bytes"00") faults not_present
    nic.dma_write(m.addr, bytes"00")
    let line = fault_log(iommu.faults[0].log)
    assert line.verdict == use_after_unmap and line.after == 0ns and line.mapping == m
    assert line.culprit == "dma_unmap_phys at script.dma:17:7"
    assert amd_line("0000:02:00.0", m.addr, "0x0020").verdict == access_allowed
    explain line
    explain m.addr + 4KiB
    explain m.addr`,
  );
  assertStringIncludes(second, "└ unmap  #12       0ns   dma_unmap_phys     script.dma:17:7\nnow ");
  assertStringIncludes(second, "now      nothing is mapped there\n");
  assertStringIncludes(second, "┆ live\nnow      nic reaches physical ");
  assertEquals(second.includes("or else"), false, second);
  const first = partOf(
    "dma_unmap_phys(nic, m, 4KiB, from_device) warns unmap_size",
    `nic.dma_write(m.addr + 4KiB, bytes"00")
    nic.dma_write(m.addr, bytes"00") faults not_present
    assert fault_log(iommu.faults[0].log).verdict == use_after_unmap
    assert amd_line("0000:02:00.0", m.addr + 4KiB, "0x0020").verdict == access_allowed
    explain m.addr + 4KiB`,
  );
  assertStringIncludes(
    first,
    "dma_unmap_phys     script.dma:17:7\nnow      nic still reaches physical ",
  );
});

Deno.test("the last mapping of an address counts, not an earlier one that is gone too", () => {
  holds(
    "mode = strict",
    `let first = dma_map_phys(nic, alloc_pages(1), 4KiB, to_device)
    dma_unmap_phys(nic, first, 4KiB, to_device)
    let second = dma_map_phys(nic, alloc_pages(1), 4KiB, from_device)
    assert second.addr == first.addr
    let line = amd_line("02:00.0", second.addr, "0x0050")
    assert line.verdict == wrong_direction and line.mapping == second
    dma_unmap_phys(nic, second, 4KiB, from_device)
    assert line.verdict == use_after_unmap, "no device has used it: no IOTLB entry"
    assert line.mapping.dir == from_device`,
  );
});

Deno.test("a live mapping of the other direction is wrong_direction, and the map is to blame", () => {
  holds(
    "mode = strict, model = amd",
    `let m = dma_map_phys(nic, alloc_pages(1), 4KiB, to_device)
    let line = amd_line("02:00.0", m.addr, "0x0070")
    assert line.verdict == wrong_direction and line.culprit == "dma_map_phys at script.dma:16:1"
    # RW says nothing where the page is not present: no direction to hold against the mapping.
    let open = amd_line("02:00.0", m.addr, "0x0020")
    assert not open.access_certain and open.verdict == access_allowed
    assert amd_line("02:00.0", m.addr, "0x0050").verdict == access_allowed
    dma_unmap_phys(nic, m, 4KiB, to_device)`,
  );
});

Deno.test("an address behind the end of a mapping is past_end, off by what lies between", () => {
  holds(
    "mode = strict",
    `let m = dma_map_phys(nic, buffer(size: 6KiB), 6KiB, to_device)
    assert amd_line("02:00.0", m.addr + 8KiB, "0x0000").verdict == past_end
    assert amd_line("02:00.0", m.addr + 8KiB, "0x0000").off_by == 2KiB
    assert amd_line("02:00.0", m.addr + 8196B, "0x0000").off_by == 2052B
    # No further than the mapping is long.
    assert amd_line("02:00.0", m.addr + 12KiB, "0x0000").verdict == past_end
    assert amd_line("02:00.0", m.addr + 12289B, "0x0000").verdict == never_mapped
    assert amd_line("02:00.0", m.addr - 1B, "0x0000").verdict == before_start
    assert amd_line("02:00.0", m.addr - 1B, "0x0000").off_by == 0B
    assert amd_line("02:00.0", m.addr - 64B, "0x0000").off_by == 63B
    dma_unmap_phys(nic, m, 6KiB, to_device)`,
  );
});

Deno.test("two-step: what was taken and not linked is not_linked, and what was unlinked is early", () => {
  holds(
    "mode = strict",
    `let state = iova_state()
    assert dma_iova_try_alloc(nic, state, phys: 0x10_0000, size: 8KiB)
    dma_iova_link(nic, state, phys: 0x10_0000, offset: 0, size: 4KiB, dir: to_device)
    dma_iova_sync(nic, state, offset: 0, size: 4KiB)
    assert amd_line("02:00.0", state.addr + 5KiB, "0x0000").verdict == not_linked
    assert amd_line("02:00.0", state.addr + 5KiB, "0x0000").culprit.starts_with("iova.alloc at ")
    let there = state.addr
    dma_iova_destroy(nic, state, mapped: 4KiB, dir: to_device)
    let line = amd_line("02:00.0", there, "0x0000")
    assert line.verdict == use_after_unmap and line.culprit.starts_with("dma_iova_destroy at ")`,
  );
});

Deno.test("memory that CPU and device share is found too: early after its free, allowed before", () => {
  holds(
    "mode = strict",
    `let mem = dma_alloc_coherent(nic, 8KiB)
    let at = mem.addr
    assert amd_line("02:00.0", at + 4KiB, "0x0000").verdict == access_allowed
    dma_free_coherent(nic, mem)
    let line = amd_line("02:00.0", at + 4KiB, "0x0000")
    assert line.verdict == use_after_unmap and line.culprit.starts_with("dma_free_coherent at ")
    assert line.mapping.size == 8KiB
    let pool = dma_pool(nic, size: 512B, align: 512B)
    let block = pool.alloc()
    assert amd_line("02:00.0", block.addr, "0x0000").verdict == access_allowed
    let page = block.addr
    pool.free(block)
    pool.destroy()
    assert amd_line("02:00.0", page, "0x0000").verdict == use_after_unmap`,
  );
});

Deno.test("wrong kinds of address have verdicts of their own: physical, another device's, the error value", () => {
  holds(
    "mode = strict",
    `let buf = alloc_pages(1)
    let m = dma_map_phys(ssd, buf, 4KiB, bidirectional)
    let physical = vtd_line("01:00.0", "Read", buf.phys)
    assert physical.verdict == physical_address and physical.mapping == m
    let other = vtd_line("02:00.0", "Read", m.addr)
    assert other.verdict == other_device and other.device == nic and other.mapping.device == ssd
    inject iova.alloc {
      let bad = dma_map_phys(nic, buf, 4KiB, to_device, unchecked: true)
      nic.dma_read(bad, 4B) faults address_width
    }
    let error = fault_log(iommu.faults[0].log)
    assert error.address == none and error.address_text == "0xffff_ffff_ffff_f000"
    assert error.verdict == error_value and error.culprit == "dma_map_phys at script.dma:23:7"
    assert vtd_line("02:00.0", "Read", "0x1000000000000").verdict == out_of_range
    dma_unmap_phys(ssd, m, 4KiB, bidirectional)`,
  );
});

Deno.test("in lazy mode the line is stale_iotlb until the flush, then use_after_unmap with its stale uses (dma.md 5.3)", () => {
  holds(
    "mode = lazy",
    `let m = dma_map_phys(nic, alloc_pages(1), 4KiB, from_device)
    nic.dma_write(m.addr, bytes"00")
    dma_unmap_phys(nic, m, 4KiB, from_device)
    let line = vtd_line("02:00.0", "Write", m.addr)
    assert line.verdict == stale_iotlb and line.after == none
    nic.dma_write(m.addr, bytes"00") warns stale_iotlb_access
    advance 10ms
    nic.dma_write(m.addr, bytes"00") faults not_present
    assert line.verdict == use_after_unmap and line.stale_uses == 1 and line.after == 10ms`,
  );
});

Deno.test("caching mode: what is mapped and was not made visible is sync_missing (dma.md 5.2)", () => {
  holds(
    "mode = strict, caching_mode = true",
    `let state = iova_state()
    assert dma_iova_try_alloc(nic, state, phys: 0x10_0000, size: 4KiB)
    nic.dma_read(state.addr, 4B) faults not_present
    dma_iova_link(nic, state, phys: 0x10_0000, offset: 0, size: 4KiB, dir: to_device)
    expect fault not_present { nic.dma_read(state.addr, 4B) warns sync_missing }
    let line = fault_log(iommu.faults[1].log)
    assert line.verdict == sync_missing and line.culprit.starts_with("dma_iova_link at ")
    dma_iova_sync(nic, state, offset: 0, size: 4KiB)
    dma_iova_destroy(nic, state, mapped: 4KiB, dir: to_device)`,
  );
});

Deno.test("lines about no device, about devices without translation, and about no mapping", () => {
  holds(
    "mode = strict",
    `assert vtd_line("05:00.0", "Read", 0x1000).verdict == no_device
    assert vtd_line("05:00.0", "Read", 0x1000).device == none
    let line = fault_log("DMAR: [INTR-REMAP] Request device [01:00.0] fault index 0xa00 [fault reason 0x25] x")
    assert line.verdict == not_a_mapping and line.access == none and line.device == ssd`,
  );
  holds(
    "mode = passthrough",
    `assert vtd_line("01:00.0", "Read", 0x1000).verdict == not_translated`,
  );
});

Deno.test("a fault that the scenario asked for is injected, and no mapping is to blame", () => {
  holds(
    "mode = strict",
    `let m = dma_map_phys(nic, alloc_pages(1), 4KiB, bidirectional)
    inject device.read with not_present { nic.dma_read(m.addr, 4B) faults not_present }
    let line = fault_log(iommu.faults[0].log)
    assert line.verdict == injected and line.culprit == none
    assert vtd_line("02:00.0", "Write", m.addr).verdict == access_allowed
    dma_unmap_phys(nic, m, 4KiB, bidirectional)
    nic.dma_read(m.addr, 4B) faults not_present
    assert line.verdict == use_after_unmap`,
  );
});

for (const [model, format] of [["vtd", "vtd"], ["amd", "amd"], ["smmu", "arm"]]) {
  Deno.test(`${model}: whatever is done too early, its own line leads back to it`, () => {
    holds(
      `mode = strict, model = ${model}`,
      `for pages in 1..6 {
        let m = dma_map_phys(nic, alloc_pages(pages), pages * 4KiB, bidirectional)
        dma_unmap_phys(nic, m, pages * 4KiB, bidirectional)
        let end = events.last(dma.unmap).seq
        advance pages * 1us
        let at = m.addr + (pages - 1) * 4KiB + pages * 16B
        if pages % 2 == 0 {
          nic.dma_read(at, 4B) faults not_present
        } else {
          nic.dma_write(at, bytes"00") faults not_present
        }
        let fault = iommu.faults.last
        let line = fault_log(fault.log)
        assert line.format == ${format} and line.device == fault.device and line.access == fault.access
        assert line.address == fault.dma or line.page_only and fault.dma - line.address < 4KiB
        assert line.verdict == use_after_unmap and line.mapping == m
        assert line.after == pages * 1us and line.culprit_event.seq == end
      }`,
    );
  });
}

Deno.test("a fault has a log of its model, and none where no IOMMU records it", () => {
  holds(
    "mode = strict",
    `nic.dma_read(0x1000, 4B) faults not_present
    nic.dma_read(0xfee0_0000, 4B) faults reserved
    assert iommu.faults[0].log.starts_with("DMAR: [DMA Read NO_PASID] Request device [0000:02:00.0] fault addr 0x1000 ")
    assert iommu.faults[1].log == none
    assert iommu.faults[0] != iommu.faults[1] and iommu.faults[0] == iommu.faults[0]`,
  );
});

Deno.test("explain of a line and of its fault tell the same story", () => {
  const output = holds(
    "mode = strict",
    `let m = dma_map_phys(nic, alloc_pages(1), 4KiB, from_device)
    dma_unmap_phys(nic, m, 4KiB, from_device)
    nic.dma_write(m.addr, bytes"00") faults not_present
    explain iommu.faults[0]
    print "==="
    explain fault_log(iommu.faults[0].log)`,
  );
  const [fault, line] = output.split("\n===\n");
  assertEquals(fault, line);
  const sentence = fault!.replace(/\s+/g, " ");
  assertStringIncludes(sentence, "use after unmap: dma_unmap_phys at script.dma:17:5 removed");
  assertStringIncludes(sentence, "mapping 0xffff_f000 4KiB from_device, physical 0x4000_0000");
  assertStringIncludes(sentence, "fault #13, 0ns: 0ns after the unmap");
});

Deno.test("a mapping of a request is printed with the request, and the statement that submitted it", () => {
  const output = holds(
    "mode = strict, model = amd",
    `let io = ssd.read(lba: 0, into: alloc_pages(4, contiguous: false))
    let at = io.requests[0].iova.start
    ssd.dma_write(at + 4KiB, bytes"00") faults not_present
    let line = fault_log(iommu.faults[0].log)
    assert line.verdict == use_after_unmap and line.culprit_event.request == io.requests[0].id
    explain line`,
  );
  const sentence = output.replace(/\s+/g, " ");
  assertStringIncludes(
    sentence,
    "use after unmap: dma_iova_destroy for request 1 at script.dma",
  );
  assertStringIncludes(sentence, "dma_iova_link for request 1 at script.dma:16:1");
});

Deno.test("an unmapped buffer beside a live mapping is printed with both", () => {
  const output = holds(
    "mode = strict",
    `let old = dma_map_phys(nic, alloc_pages(1), 4KiB, from_device)
    let short = dma_map_phys(nic, buffer(size: 3KiB), 3KiB, from_device)
    dma_unmap_phys(nic, old, 4KiB, from_device)
    explain amd_line("02:00.0", old.addr, "0x0020")
    dma_unmap_phys(nic, short, 3KiB, from_device)`,
  );
  const sentence = output.replace(/\s+/g, " ");
  assertStringIncludes(sentence, "or it lies 1KiB past the end of a live mapping");
});

Deno.test("a damaged line is an error with its place, what was expected and what was found", () => {
  const damaged = problemOf(
    'fault_log("[ 1.0] DMAR: [DMA Read NO_PASID] Request device [01:00.0] at")',
  );
  assertStringIncludes(damaged, "error[E0919]");
  assertStringIncludes(damaged, 'ead the fault log at 1:59: expected "fault addr", found "at"');
  const second = problemOf('fault_log("a\\nAMD-Vi: Event logged [IO_PAGE_FAULT device=01:77.0]")');
  assertStringIncludes(second, "ead the fault log at 2:44: A PCI device number is at most 1f");
  assertStringIncludes(problemOf('fault_log("hello")'), 'expected a line with "DMAR:", "AMD-Vi:"');
});
