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

/**
 * Runs a script body on a machine with an IOMMU, and requires that all its assertions pass. Returns
 * the output.
 */
function holds(iommu: string, body: string): string {
  const { output, problems } = runScript(machineOf(iommu) + body, {}, { lenient: true });
  assertEquals(problems, []);
  return output.join("\n");
}

/** The error with which a body ends. */
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

Deno.test("an address that equals the low bits of a live mapping's was cut on its way (cut_address)", () => {
  const verdict = (device: string, at: string, before = "") => {
    const { output, problems } = runScript(
      `machine { iommu { mode = strict, forcedac = true } ` +
        `pci { root_port rp0 { endpoint nic { ${device} } } } }\n` +
        `let m = dma_map_page(nic, 0x10_0000, 0, 8KiB, from_device)\n${before}\n` +
        `nic.dma_write(${at}, bytes"11") faults not_present\n` +
        "let line = fault_log(iommu.faults.last.log)\nprint line.verdict\nexplain line",
      {},
      { lenient: true },
    );
    assertEquals(problems, []);
    return output.join(" ").replace(/\s+/g, " ");
  };
  const cut = verdict("", "0xffff_e800 as dma");
  assertStringIncludes(cut, "cut_address");
  assertStringIncludes(cut, "an address cut to its low 32 bits");
  // The device's own address width is certain, even if it is small. Therefore it takes precedence
  // over mappings close to the address.
  assertStringIncludes(verdict("address_bits = 24", "m.addr"), "cut to its low 24 bits");
  // The verdict is not `cut_address` if the low bits differ, or if the mapping has ended.
  assertStringIncludes(verdict("", "0xffff_8000 as dma"), "never_mapped");
  const ended = "dma_unmap_page(nic, m, 8KiB, from_device)";
  assertStringIncludes(verdict("", "0xffff_e000 as dma", ended), "never_mapped");
  assertStringIncludes(verdict("", "m.addr", ended), "use_after_unmap");
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

Deno.test("explain of a mapping tells the window of a lazy unmap, and a route that blocks", () => {
  const lazy = runScript(`machine {
  iommu { mode = lazy }
  pci { root_port rp0 { endpoint nic { } } }
}
let m = dma_map_phys(nic, 0x2000_0000, 4KiB, bidirectional)
nic.dma_write(m.addr, bytes"01")
dma_unmap_phys(nic, m, 4KiB, bidirectional)
nic.dma_write(m.addr, bytes"02") warns stale_iotlb_access
explain m
advance 20ms
explain m`).output.join("\n");
  assertEquals(lazy.match(/1 access by a stale IOTLB entry after the unmap/g)?.length, 2);
  assertEquals(lazy.match(/the IOTLB may keep the entry/g)?.length, 1);
});

Deno.test("explain of a stale access names the device's own TLB where that had the entry", () => {
  const story = runScript(`machine {
  iommu { mode = lazy }
  pci { root_port rp0 { endpoint nic { ats = true } } }
}
let m = dma_map_phys(nic, 0x2000_0000, 4KiB, bidirectional)
nic.dma_write(m.addr, bytes"01")
dma_unmap_phys(nic, m, 4KiB, bidirectional)
nic.dma_write(m.addr, bytes"02") warns stale_device_tlb_access
explain m
advance 20ms
nic.dma_write(m.addr, bytes"03") faults not_present
explain iommu.faults[0]`).output.join("\n").replace(/\s+/g, " ");
  assertStringIncludes(story, "1 access by a stale entry of nic's own TLB after the unmap");
  assertStringIncludes(story, "the IOTLB and nic's own TLB may keep the entry");
  assertStringIncludes(story, "1 access after that still went through nic's own TLB");
  assertEquals(/flushed #\d+, \w+: from nic's own TLB/.test(story), true, story);
  assertEquals(/went through the IOTLB|stale IOTLB|: from the IOTLB/.test(story), false, story);
});

Deno.test("explain of a fault that inject caused says so for every reason", () => {
  const told = (way: string, reason: string) =>
    runScript(`machine {
  iommu { mode = strict }
  pci { root_port rp0 { endpoint nic { } } }
}
let m = dma_map_phys(nic, 0x2000_0000, 4KiB, bidirectional)
inject device.write${way} { nic.dma_write(m.addr, bytes"01") faults ${reason} }
explain iommu.faults[0]`).output.join("\n");
  for (
    const [way, reason] of [["", "unreachable"], [" with not_present", "not_present"]] as const
  ) {
    assertStringIncludes(told(way, reason), "injected: the scenario makes this access fail");
  }
});
