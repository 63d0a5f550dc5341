/** What `dmalab explain iommu.mode` prints: a key of the machine block. */
import { defaultText, keyName, type MachineKey, shapeText } from "../../lang/machine/key_text.ts";

export function keyLines(key: MachineKey): string[] {
  const { block, spec } = key;
  return [
    `## ${keyName(key)}`,
    "",
    spec.doc,
    "",
    `- takes: ${shapeText(spec.shape)}`,
    `- default: ${defaultText(spec)}`,
    ...block.keyword === "machine" ? [] : [`- in: ${block.keyword}: ${block.doc}`],
    "",
  ];
}
