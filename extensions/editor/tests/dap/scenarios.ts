/** Scenarios for the adapter, in files of their own. */
import { TempFolder } from "@dmalab/tools/temp_folder";

/** Writes scenarios into a folder that is gone afterwards. */
export async function withScenario(
  text: string,
  work: (path: string) => Promise<void>,
): Promise<void> {
  using folder = new TempFolder();
  await work(folder.write("lab.dma", text));
}

export const ENDLESS = `machine { pci { root_port rp0 { nvme ssd { } } } }
let page = alloc_pages(1)
let turns = 0
while true {
  let m = dma_map_phys(ssd, page.phys, 4KiB, to_device)
  turns += 1
  dma_unmap_phys(ssd, m, 4KiB, to_device)
}
`;
