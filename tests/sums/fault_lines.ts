/** Every code and every set of flags that the makers' lines can have, and the lines that we print. */
import { decodeFaultLog, printFaultLog } from "@dmalab/runtime/fault_log";
import { IOMMU_MODEL_NAMES } from "@dmalab/runtime/iommu";
import { FAULT_REASON, wordsOf } from "@dmalab/runtime/vocabulary";
import type { EventSums } from "./event_sums.ts";

const FAULT_REASONS = wordsOf(FAULT_REASON);

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");

export function allFaultLines(sums: EventSums): void {
  const decode = (kind: string, text: string) =>
    sums.add(kind, { as: textOf(decodeFaultLog(text)) });
  for (let code = 0; code < 256; code++) {
    const access = code % 2 === 0 ? "Read" : "Write";
    const reason = `[fault reason 0x${hex(code, 2)}] text`;
    const source = "Request device [02:00.0]";
    decode("vtd", `DMAR: [DMA ${access} NO_PASID] ${source} fault addr 0x1000 ${reason}`);
    decode("vtd interrupt", `DMAR: [INTR-REMAP] ${source} fault index 0x3 ${reason}`);
  }
  for (let flags = 0; flags < 512; flags++) {
    const fields = `device=02:00.0 domain=0x0001 address=0x1000 flags=0x${hex(flags, 4)}`;
    decode("amd", `AMD-Vi: Event logged [IO_PAGE_FAULT ${fields}]`);
  }
  for (let code = 0; code < 0x40; code++) {
    for (const high of [0x000, 0x008, 0x20a, 0x602, 0xff_ffff]) {
      const words = [`00000008${hex(code, 8)}`, `${hex(high, 8)}00000000`, hex(0x1234_5678, 16)];
      const lines = [...words, hex(0x9000, 16)].map((word) => `arm-smmu-v3 s.auto: \t0x${word}`);
      const head = `arm-smmu-v3 s.auto: event 0x${hex(code, 2)} received:`;
      decode(`smmu ${hex(high, 6)}`, [head, ...lines].join("\n"));
    }
  }
  for (let bit = 0; bit < 32; bit++) {
    for (const syndrome of [0, 0x10, 0x40, 0x50]) {
      const status = `fsr=0x${(2 ** bit).toString(16)}, iova=0x1000, fsynr=0x${hex(syndrome, 6)}`;
      const where = "cbfrsynra=0x1ffff, cb=1";
      decode("smmu of 2", `arm-smmu 5000000.iommu: Unhandled context fault: ${status}, ${where}`);
    }
  }
  for (const model of IOMMU_MODEL_NAMES) {
    for (const reason of FAULT_REASONS) {
      for (const access of ["read", "write"] as const) {
        for (const dma of [-1, 0, 0x1234, 2 ** 32, 2 ** 53 - 1]) {
          for (const namesSegment of [false, true]) {
            const where = { pciDomain: 0x1_0000 - dma % 3, requesterId: 0x2fa, domainId: 3 };
            const line = printFaultLog(model, { dma, access, reason, namesSegment, ...where });
            sums.add(`printed of ${model}`, { line });
          }
        }
      }
    }
  }
}

function textOf(decoded: unknown): string {
  return JSON.stringify(decoded, (_, value) => typeof value === "bigint" ? `${value}n` : value);
}
