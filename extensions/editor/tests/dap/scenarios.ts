/** Scenarios for the adapter. */
export const ENDLESS = `machine { pci { root_port rp0 { nvme ssd { } } } }
let page = alloc_pages(1)
let turns = 0
while true {
  let m = dma_map_phys(ssd, page.phys, 4KiB, to_device)
  turns += 1
  dma_unmap_phys(ssd, m, 4KiB, to_device)
}
`;
