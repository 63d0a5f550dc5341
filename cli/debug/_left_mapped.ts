/** A driver that leaks one of two mappings, for the tests of the debugger. */
export const LEFT_MAPPED =
  `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { queues = 1 } } } }
fn both(buf) {
  let one = dma_map_phys(ssd, buf.phys, 4KiB, to_device)
  let two = dma_map_phys(ssd, buf.phys, 4KiB, to_device)
  dma_unmap_phys(ssd, one, 4KiB, to_device)
  return two
}
test "all is unmapped" {
  let buf = alloc_pages(1)
  let left = both(buf)
  assert iommu.live_mappings == 0
}
`;
