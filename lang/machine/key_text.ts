/** The values of a key of the machine block, and its default, in words. */
import type { NumberShape } from "@dmalab/runtime";
import { formatDuration, formatSize, groupThousands } from "../text/numbers.ts";
import { type BlockSpec, MACHINE_SCHEMA, type SettingSpec, type ValueShape } from "./schema.ts";

/** The possible values in words, such as `size, 8KiB to 4PiB, a power of two, or none`. */
export function shapeText(shape: ValueShape): string {
  switch (shape.kind) {
    case "int":
    case "size":
    case "duration":
      return `${shape.kind}, ${rangeText(shape)}`;
    case "phys":
      return "physical address";
    case "bool":
      return "bool";
    case "string":
      return shape.choices.map((choice) => `"${choice}"`).join(", ");
    case "word":
      return shape.choices.join(", ");
    case "words": {
      const others = [...shape.orWords ?? [], ...orNone(shape.orNone)];
      return [`list of ${shape.choices.join(", ")}`, ...others].join("; or ");
    }
    case "text":
      return shape.form;
    case "sizes":
      return `list of sizes, ${rangeText(shape.item)}`;
    case "ranges":
      return "list of ranges";
    case "dma_ranges":
      return "list of { cpu, dma, size }";
    case "answer_delay":
      return "at_once, late(duration), never";
    case "quirks":
      return "list of switches";
    default:
      return shape satisfies never;
  }
}

function orNone(allowed: boolean | undefined): readonly string[] {
  return allowed ? ["none"] : [];
}

const FORMATS = { int: groupThousands, size: formatSize, duration: formatDuration, phys: String };

function rangeText(shape: NumberShape): string {
  const format = FORMATS[shape.kind];
  return [
    `${format(shape.min)} to ${format(shape.max)}`,
    ...shape.powerOfTwo ? ["a power of two"] : [],
    ...shape.multipleOf === undefined ? [] : [`a multiple of ${format(shape.multipleOf)}`],
    ...orNone(shape.none !== undefined).map((none) => `or ${none}`),
  ].join(", ");
}

/** The default in the syntax of scripts, or the effect of leaving the key out. */
export function defaultText(spec: SettingSpec): string {
  if (!("default" in spec)) return spec.leftOut ?? "must be given";
  return spec.defaultText ?? valueText(spec.shape, spec.default);
}

function valueText(shape: ValueShape, value: unknown): string {
  if (shape.kind === "answer_delay") {
    return value === null
      ? "never"
      : value === 0
      ? "at_once"
      : `late(${FORMATS.duration(value as number)})`;
  }
  if (value === null || "none" in shape && value === shape.none) return "none";
  switch (shape.kind) {
    case "int":
    case "size":
    case "duration":
    case "phys":
      return FORMATS[shape.kind](value as number);
    case "sizes":
      return `[${(value as readonly number[]).map(formatSize).join(", ")}]`;
    case "string":
      return `"${value}"`;
    default:
      return String(value);
  }
}

export interface MachineKey {
  readonly block: BlockSpec;
  readonly spec: SettingSpec;
}

/**
 * The keys that a name can mean: `iommu.mode`, `cpus`, `nvme.mdts`. If the part before the dot is
 * not a keyword, as in `ssd.mdts`, it may be the name of a block in a script. The keys of all
 * blocks that can have names are then possible.
 */
export function keysNamed(name: string): readonly MachineKey[] {
  const dot = name.indexOf(".");
  const [owner, key] = dot < 0 ? ["machine", name] : [name.slice(0, dot), name.slice(dot + 1)];
  const named = MACHINE_SCHEMA.blocks.get(owner);
  return MACHINE_KEYS.filter(({ block, spec }) =>
    spec.key === key && (named === undefined ? block.named : block === named)
  );
}

export const MACHINE_KEYS: readonly MachineKey[] = [...MACHINE_SCHEMA.blocks.values()].flatMap((
  block,
) => block.settings.map((spec) => ({ block, spec })));

/** A key's full name: `iommu.mode`, `cpus`, `nvme.mdts`. */
export function keyName({ block: { keyword }, spec: { key } }: MachineKey): string {
  return keyword === "machine" ? key : `${keyword}.${key}`;
}
