/** The tables of language.md on the machine block, written from the rows of its schema. */
import { DEVICE_KINDS } from "../../devices/registry.ts";
import { FUNCTION_SETTINGS } from "../../devices/pci/function_settings.ts";
import {
  defaultText,
  keyName,
  MACHINE_KEYS,
  type MachineKey,
  shapeText,
} from "../../lang/machine/key_text.ts";
import { MACHINE_SCHEMA, placesOf } from "../../lang/machine/schema.ts";

const BEGIN = "<!-- keys of the machine: written by `deno task reference` -->";
const END = "<!-- end of the keys -->";

/** The page with its tables as the rows say. @throws {RangeError} When it has no place for them. */
export function withMachineKeys(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new RangeError("The page has no place for the keys");
  return `${page.slice(0, begin)}${BEGIN}\n${tables().join("\n")}\n${page.slice(end)}`;
}

function tables(): string[] {
  return [
    "| block | stands in | what it is |",
    "| --- | --- | --- |",
    ...[...MACHINE_SCHEMA.values()].map(({ doc, keyword, named }) =>
      row([`\`${keyword}${named ? " NAME" : ""}\``, placesOf(keyword).join(", "), doc])
    ),
    "",
    "| key | takes | default | what it is |",
    "| --- | --- | --- | --- |",
    ...groups().map(([name, [first, ...others]]) => {
      const { shape, doc } = first!.spec;
      const defaults = new Set([first!, ...others].map(({ spec }) => defaultText(spec)));
      return row([`\`${name}\``, shapeText(shape), [...defaults].join(" or "), doc]);
    }),
  ];
}

/** Keys that stand in many blocks have one line, with the defaults that they have in any of them. */
function groups(): readonly (readonly [string, readonly MachineKey[]])[] {
  const deviceWords: ReadonlySet<string> = new Set(DEVICE_KINDS.map(({ kind }) => kind));
  const onAnyBus: ReadonlySet<unknown> = new Set(Object.values(FUNCTION_SETTINGS));
  const ofEveryDevice = (key: string) =>
    DEVICE_KINDS.every(({ settings }) => Object.values(settings).some((each) => each.key === key));
  return [
    ...Map.groupBy(MACHINE_KEYS, (each) => {
      const { block: { keyword }, spec, spec: { key } } = each;
      if (onAnyBus.has(spec)) return `FUNCTION.${key}`;
      return deviceWords.has(keyword) && ofEveryDevice(key) ? `DEVICE.${key}` : keyName(each);
    }),
  ];
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
