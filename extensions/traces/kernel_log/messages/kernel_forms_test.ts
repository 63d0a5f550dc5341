/** Every form that Linux 7.3.4 can print is decoded, named, or left out with a reason. */
import { assert, assertEquals } from "@std/assert";
import { readKernelLog } from "../kernel_log_reader.ts";
import { REPORT_CLASSES } from "@dmalab/runtime/vocabulary";
import { OLD_CLASSES } from "./checker_classes.ts";
import { LEFT_OUT } from "./left_out.ts";
import { MESSAGE_AREAS } from "./table.ts";

const LIST = Deno.readTextFileSync(
  new URL("../../../../tests/golden/traces/messages.md", import.meta.url),
);

interface KernelForm {
  readonly file: string;
  readonly form: string;
}

function kernelForms(): KernelForm[] {
  let file = "";
  return LIST.split("\n").flatMap((line) => {
    file = /^\*\*(.+)\*\*$/.exec(line)?.[1] ?? file;
    const form = /^- `(.+)`$/.exec(line)?.[1];
    return form === undefined ? [] : [{ file, form }];
  });
}

/** Prefixes of drivers' messages: the driver's name and that of its device. */
const DRIVERS: Readonly<Record<string, string>> = {
  "drivers/iommu/amd/iommu.c": "nvme 0000:41:00.0: AMD-Vi: ",
  "drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c": "arm-smmu-v3 2b400000.iommu: ",
  "drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3-sva.c": "arm-smmu-v3 2b400000.iommu: ",
  "drivers/iommu/arm/arm-smmu/arm-smmu-nvidia.c": "arm-smmu 12000000.iommu: ",
  "drivers/iommu/arm/arm-smmu/arm-smmu-qcom-debug.c": "arm-smmu 15000000.iommu: ",
  "drivers/iommu/arm/arm-smmu/arm-smmu.c": "arm-smmu 15000000.iommu: ",
  "drivers/iommu/arm/arm-smmu/qcom_iommu.c": "qcom-iommu 1ef0000.iommu: ",
  "drivers/iommu/virtio-iommu.c": "virtio_iommu virtio0: ",
  "drivers/iommu/riscv/iommu.c": "riscv,iommu 30000.iommu: ",
  "drivers/iommu/apple-dart.c": "apple-dart 285800000.iommu: ",
  "drivers/iommu/rockchip-iommu.c": "rk_iommu ff914000.iommu: ",
  "drivers/iommu/exynos-iommu.c": "exynos-sysmmu 14650000.sysmmu: ",
  "drivers/iommu/mtk_iommu.c": "mtk-iommu 10205000.iommu: ",
  "drivers/iommu/mtk_iommu_v1.c": "mtk-iommu-v1 10205000.mmsys_iommu: ",
  "drivers/iommu/sun50i-iommu.c": "sun50i-iommu 30f0000.iommu: ",
  "drivers/iommu/omap-iommu.c": "omap-iommu 40d01000.mmu: ",
  "drivers/iommu/msm_iommu.c": "msm_iommu",
  "drivers/iommu/ipmmu-vmsa.c": "ipmmu-vmsa e67b0000.iommu: ",
  "drivers/memory/tegra/mc.c": "tegra-mc 70019000.memory-controller: ",
  "drivers/iommu/sprd-iommu.c": "sprd-iommu 63000000.iommu: ",
  "drivers/iommu/vsi-iommu.c": "vsi-iommu fc3f0000.iommu: ",
  "drivers/nvme/host/core.c": "nvme nvme0: ",
  "drivers/nvme/host/pci.c": "nvme nvme0: ",
  "drivers/pci/pcie/aer.c": "pcieport 0000:00:1c.2: ",
  "drivers/pci/pcie/dpc.c": "pcieport 0000:00:1c.2: DPC: ",
  "kernel/dma/debug.c": "DMA-API: e1000e 0000:00:19.0: ",
};

/**
 * Values for the `{text}` placeholders of the forms that match, in order. If a form has more
 * placeholders than values, the last value fills the rest.
 */
const TEXTS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^\{text\} fault from EP/, ["page", "R"]],
  [/^DMAR: \[\{text\} (?:NO_)?PASID/, ["DMA Read", "PTE Read access is not set"]],
  [/^DMAR: \[INTR-REMAP/, ["Present field in the IRTE entry is clear"]],
  [/^\{text\}: \[\{text\}\] \{text\} FAULT/, ["14640000.gsc", "READ", "PAGE"]],
  [/^Page fault at .* of type/, ["write"]],
  [/^Page fault for/, ["wr"]],
  [/^PCI device has|^pci-p2pdma/, ["0000:04:00.0"]],
  [/^event: \{text\}/, ["F_TRANSLATION", "0000:03:00.0"]],
  [/^fault type=.*\{text\}$/, ["read"]],
  [/^controller|^I\/O tag|^Device not ready/, ["reset"]],
  [/^\{text\} Bus Error/, ["PCIe", "Uncorrected (Non-Fatal)"]],
  [/^\{text\} Port link/, ["Root"]],
  [/^\{text\}privileged|^sid /, ["privileged"]],
  [/^\{text\}coherent/, ["non-"]],
  [/^zpci: \{text\}|^\{text\}: (?:Max|Event)/, ["0001:00:00.0"]],
];

/** A sample line of a form, with invented numbers. */
function sampleOf({ file, form }: KernelForm): string {
  const texts = [...TEXTS.find(([pattern]) => pattern.test(form))?.[1] ?? ["some_name"]];
  const places = form.replaceAll("{hex}:{hex}:{hex}.{hex}", "0000:41:00.3")
    .replaceAll("{hex}:{hex}:{hex}.{n}", "0000:41:00.3")
    .replaceAll("I/O tag {n} ({hex})", "I/O tag 617 (a273)")
    .replaceAll("whitelist: {hex}:{hex}", "whitelist: 8086:1f1f");
  const words = places.replace(/\{(\w+)\}/g, (_, place: string) => {
    if (place === "text") return texts.length > 1 ? texts.shift()! : texts[0]!;
    return {
      hex: "1f",
      n: "3",
      address: "0x00000000fe177000",
      pointer: "000000002e1c5b1a",
      gfp: "GFP_DMA32",
    }[place] ?? place;
  });
  const prefix = /^(?:DMA-API|DMAR|AMD-Vi|\(XEN\))/.test(form) ? "" : DRIVERS[file] ?? "";
  const isOfNoDevice = /^(?:[a-zA-Z][\w -]*: |exceeded|event: )/.test(form) && prefix === "" ||
    /^exceeded/.test(form);
  return isOfNoDevice ? words : `${prefix === "" ? "nvme 0000:01:00.0: " : prefix}${words}`;
}

type Outcome = "decoded" | "named" | "none";

function outcomeOf(line: string): Outcome {
  const { entries, states, unreadable } = readKernelLog(`[   12.345678] ${line}`);
  if (unreadable.length > 0) return "named";
  const [entry] = [...entries, ...states];
  if (entry === undefined) return "none";
  // A row without forms is the general answer, by the words of the line.
  return entry.row?.forms.length === 0 ? "named" : "decoded";
}

const FORMS = kernelForms();

Deno.test("each of the 454 forms of Linux 7.3.4 is decoded, named, or left out with a reason", () => {
  assertEquals(FORMS.length, 454);
  const counts: Record<Outcome, number> = { decoded: 0, named: 0, none: 0 };
  const missing: string[] = [];
  const stale: string[] = [];
  for (const form of FORMS) {
    const line = sampleOf(form);
    const outcome = outcomeOf(line);
    counts[outcome]++;
    const reason = LEFT_OUT[form.form];
    if (outcome === "none" && reason === undefined) missing.push(`${form.file}: ${line}`);
    if (outcome === "decoded" && reason !== undefined) stale.push(form.form);
  }
  assertEquals(missing, []);
  assertEquals(stale, []);
  const known = new Set(FORMS.map(({ form }) => form));
  assertEquals(Object.keys(LEFT_OUT).filter((form) => !known.has(form)), []);
  assert(counts.decoded > 400, JSON.stringify(counts));
});

Deno.test("a form whose words say that something is wrong is decoded, or left out with a reason", () => {
  const wrong = /fault|full|overflow|exceed|failed to map|rejecting|leak|time-?out|timed out/i;
  const named = FORMS.filter(({ form }) => wrong.test(form) && LEFT_OUT[form] === undefined)
    .map(sampleOf).filter((line) => outcomeOf(line) !== "decoded");
  assertEquals(named, []);
});

Deno.test("each class of the checker that a kernel prints has its line, and each line its class", () => {
  const readAs = (line: string) => readKernelLog(line).entries.map(({ facts }) => facts.class);
  for (const [name, { log }] of Object.entries(REPORT_CLASSES)) {
    if (log === null) continue;
    const found = [
      `DMA-API: e1000e 0000:00:19.0: ${log} [size=64 bytes]`,
      `e1000e 0000:00:19.0: DMA-API: ${log} [size=64 bytes]`,
      `e1000e 0000:00:19.0: ${log}`,
      `DMA-API: ${log} 0x0117c43a`,
    ].flatMap(readAs);
    // Two checks may print the same text: the line then has the class of the first.
    const alike = Object.entries(REPORT_CLASSES).filter(([, each]) => each.log === log)
      .map(([each]) => each);
    assert(found.some((each) => alike.includes(String(each))), name);
  }
  const printed = new Set(
    Object.entries(REPORT_CLASSES).flatMap(([name, { log }]) => log === null ? [] : [name]),
  );
  for (const { always, kind } of MESSAGE_AREAS.flatMap(({ rows }) => rows)) {
    if (kind !== "dma_debug") continue;
    const name = String(always?.class);
    assert(printed.has(name) || name in OLD_CLASSES, name);
  }
});
