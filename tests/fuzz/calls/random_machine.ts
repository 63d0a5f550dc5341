/**
 * Random machine blocks. They are generated from the schema, so that new keys and kinds of devices are
 * used at once.
 */
import { type BlockSpec, MACHINE_SCHEMA, type ValueShape } from "@dmalab/lang";
import { QUIRK_NAMES } from "@dmalab/runtime/kernels";
import type { NumberShape } from "@dmalab/runtime";
import type { Choices } from "@dmalab/hunt";

/** Largest depth of nested blocks. A tree of ports is no deeper than its devices need. */
const MAX_DEEP = 5;
/** Values that numbers rarely exceed, because a large machine takes long to build. */
const USUAL_LARGEST: Readonly<Record<NumberShape["kind"], number>> = {
  int: 64,
  size: 2 ** 28,
  duration: 1e6,
  phys: 2 ** 36,
};
const UNITS: Readonly<Record<NumberShape["kind"], string>> = {
  int: "",
  size: "B",
  duration: "ns",
  phys: "",
};

/** The text of a machine, which may be invalid; names in it are `n0`, `n1` … */
export function randomMachine(choices: Choices): string {
  let names = 0;
  const block = (spec: BlockSpec, depth: number): string => {
    const settings = spec.settings
      .filter((row) => "leftOut" in row && row.leftOut === null || choices.oneIn(12))
      .map((row) => `${row.key} = ${settingText(row.shape, choices)}`);
    const children = depth >= MAX_DEEP ? [] : spec.children.flatMap((keyword) => {
      const child = MACHINE_SCHEMA.block(keyword);
      const often = keyword === "pci" || keyword === "iommu" || keyword === "root_port";
      const count = child.named ? choices.below(often ? 3 : 2) : often || choices.oneIn(3) ? 1 : 0;
      return Array.from({ length: count }, () => block(child, depth + 1));
    });
    const name = spec.named ? ` n${names++}` : "";
    return `${spec.keyword}${name} {\n${[...settings, ...children].join("\n")}\n}`;
  };
  return block(MACHINE_SCHEMA.block("machine"), 0);
}

function settingText(shape: ValueShape, choices: Choices): string {
  const some = (from: readonly string[]) => from.filter(() => choices.oneIn(3)).join(", ");
  switch (shape.kind) {
    case "int":
    case "size":
    case "duration":
    case "phys":
      return numberText(shape, choices);
    case "bool":
      return choices.pick(["true", "false"]);
    case "string":
      return JSON.stringify(choices.pick(shape.choices));
    case "word":
      return choices.pick(shape.choices);
    case "words":
      return `[${some(shape.choices)}]`;
    case "quirks":
      return `[${some(["none", ...QUIRK_NAMES.flatMap((name) => [name, `not ${name}`])])}]`;
    case "text":
      return JSON.stringify(choices.pick(["", "0000:01:00.0", "8086", shape.form]));
    case "sizes":
      return `[${
        choices.times(1, 3, () => numberText({ ...shape.item, powerOfTwo: true }, choices))
      }]`;
    case "ranges":
      return `[${choices.below(2 ** 30)}..${2 ** 30 + choices.below(2 ** 34)}]`;
    case "dma_ranges":
      return `[{ cpu: 0, dma: ${choices.pick(["0", "1GiB", "0x8000_0000"])}, size: ` +
        `${choices.pick(["4GiB", "1GiB", "64TiB"])} }]`;
    case "answer_delay":
      return choices.pick(["at_once", "never", `late(${numberText(shape.late, choices)})`]);
    default:
      return shape satisfies never;
  }
}

/**
 * A number for a shape: an end of the shape's range, a usual number, or occasionally an invalid
 * one.
 */
function numberText(shape: NumberShape, choices: Choices): string {
  const { kind, max, min, multipleOf = 1, none, powerOfTwo } = shape;
  if (none !== undefined && choices.oneIn(4)) return "none";
  if (choices.oneIn(40)) return `${choices.pick([min - 1, max + 1, max])}${UNITS[kind]}`;
  const most = Math.max(min, Math.min(max, USUAL_LARGEST[kind]));
  const between = choices.oneIn(4) ? min : min + choices.below(most - min + 1);
  const value = powerOfTwo
    ? 2 ** Math.ceil(Math.log2(Math.max(1, between)))
    : Math.ceil(between / multipleOf) * multipleOf;
  return `${value}${UNITS[kind]}`;
}
