import { deviceAddress, deviceAddressOfPage, readControllerLog } from "@dmalab/traces";
import { assertEquals } from "@std/assert";
import { addressDigits } from "@dmalab/runtime";

/** An address that Linux 6.1.192 allocates behind QEMU's AMD IOMMU with `iommu.forcedac=1`. */
const WIDE = "0xfffffffffffc0200";

Deno.test("a device address of 64 bits keeps its low bits", () => {
  const shown = "fffffffffffc0200";
  assertEquals(addressDigits(deviceAddress(WIDE)), shown);
  assertEquals(addressDigits(deviceAddressOfPage("0xfffffffffffc0") + 0x200), shown);
  assertEquals(deviceAddress("0xfffc0200"), 0xfffc_0200);
  const log = `pci_nvme_io_cmd cid 1 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'
pci_nvme_map_prp trans_len 512 len 512 prp1 ${WIDE} prp2 0x0 num_prps 1
pci_nvme_map_addr addr ${WIDE} len 512
`;
  const [command] = readControllerLog(log);
  assertEquals(command!.extents.map(([dma, sizeBytes]) => [addressDigits(dma), sizeBytes]), [
    [shown, 512],
  ]);
});
