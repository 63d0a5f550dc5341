/**
 * `docs/builtins.md` and the pages of `docs/builtins/`, written from the entries of `lang/builtins/`: nothing
 * on these pages is typed by hand. The pages are made for the package and on request; git contains only the
 * index.
 */
import { join } from "node:path";
import { type BuiltinGroup, GROUPS, wordSpecs } from "@dmalab/lang/builtins";
import {
  CALL_CONTEXTS,
  type FieldSpec,
  type FunctionSpec,
  type HandleType,
  type MethodSpec,
  type ParameterSpec,
  type Type,
  typeText,
} from "@dmalab/lang/values";
import { firstSentence } from "@dmalab/lang/text";
import { INJECTION_POINTS } from "@dmalab/runtime";
import { markdownTable } from "./marked_part.ts";

/** The command that writes the pages again. */
export const REFERENCE_COMMAND = "deno task reference";

/** Paths of pages, relative to `docs/`. */
const INDEX = "builtins.md";
const CONSTANTS = "builtins/constants.md";

function pathOf({ page }: BuiltinGroup): string {
  return `builtins/${page}.md`;
}

/** The file name of the page that each type is on. */
const PAGE_OF_TYPE: ReadonlyMap<string, string> = new Map(
  GROUPS.flatMap(({ page, types }) => types.map(({ name }) => [name, `${page}.md`] as const)),
);

/** Every page, by its path below `docs/`. */
export function builtinsPages(): ReadonlyMap<string, string> {
  return new Map([
    [INDEX, pageText(indexLines())],
    ...GROUPS.map((group) => [pathOf(group), pageText(groupLines(group))] as const),
    [CONSTANTS, pageText(constantLines())],
  ]);
}

/** Writes every page below a folder of pages. If a group was removed, its page is removed, too. */
export function writeBuiltinsPages(docs: string): void {
  const folder = join(docs, "builtins");
  Deno.mkdirSync(folder, { recursive: true });
  for (const { name } of Deno.readDirSync(folder)) Deno.removeSync(join(folder, name));
  for (const [path, text] of builtinsPages()) Deno.writeTextFileSync(join(docs, path), text);
}

function pageText(lines: readonly string[]): string {
  return [...lines, ""].join("\n");
}

function indexLines(): string[] {
  return [
    "# Functions, types and constants",
    "",
    "A page for each group, written from the descriptions that the checker, completion and the REPL's `?name` use, by " +
    `\`${REFERENCE_COMMAND}\`: a clone and the package have them. Every example on ` +
    "them is run by a test. The language itself is in [language.md](language.md), the events are in [events.md](events.md).",
    ...GROUPS.flatMap((group) => [
      "",
      `## [${group.title}](${pathOf(group)})`,
      "",
      ...group.functions.map(({ doc, name }) =>
        `- [\`${name}\`](${pathOf(group)}#${name.toLowerCase()}): ${firstSentence(doc)}`
      ),
      ...group.types.length === 0 ? [] : [
        `- types: ${
          group.types.map(({ name }) => `[${name}](${pathOf(group)}#${typeAnchor(name)})`)
            .join(" · ")
        }`,
      ],
    ]),
    "",
    `## [Constants, and points that can fail](${CONSTANTS})`,
    "",
    [...Map.groupBy(wordSpecs(), ({ group }) => group).keys()].join(", ") + ".",
  ];
}

function groupLines({ functions, title, types }: BuiltinGroup): string[] {
  return [
    `# ${title}`,
    "",
    `Written by \`${REFERENCE_COMMAND}\`; [all pages](../${INDEX}).`,
    ...functions.flatMap((spec) => functionLines(spec, "##", spec.name)),
    ...types.flatMap(typeLines),
  ];
}

function constantLines(): string[] {
  return [
    "# Constants, and points that can fail",
    "",
    `Written by \`${REFERENCE_COMMAND}\`; [all pages](../${INDEX}).`,
    "",
    "Bare words; the kernel's own spelling means the same.",
    ...wordLines(),
    "",
    "## Points that can fail",
    "",
    "What `inject POINT { … }` takes.",
    "",
    ...markdownTable(
      ["point", "what fails", "with"],
      INJECTION_POINTS.map(({ name, doc, errors }) => [`\`${name}\``, doc, errorList(errors)]),
    ),
  ];
}

function functionLines(spec: FunctionSpec | MethodSpec, level: string, title: string): string[] {
  const { doc, example, exampleFiles, parameters, raises = [], result, variadic } = spec;
  return [
    "",
    `${level} ${title}`,
    "",
    `\`${signature(spec)}\`${result === "nothing" ? "" : ` → ${kindText(result)}`}`,
    "",
    doc,
    ...parameters.length === 0 ? [] : [
      "",
      ...markdownTable(
        ["argument", "kind", ""],
        parameters.map((parameter, index) => [
          `\`${parameter.name}\``,
          kindsText(parameter.type),
          parameter.doc + notes(parameter, variadic === true && index === parameters.length - 1),
        ]),
      ),
    ],
    ...raises.length === 0 ? [] : ["", `Raises ${raises.join(", ")}.`],
    ...spec.context === undefined ? [] : ["", `${CALL_CONTEXTS[spec.context]}.`],
    "",
    exampleFiles === undefined ? "```dma" : "```dma fragment",
    example,
    "```",
    ...Object.entries(exampleFiles ?? {}).flatMap(([path, text]) => [
      "",
      `\`${path}\`:`,
      "",
      "```text",
      text.trimEnd(),
      "```",
    ]),
  ];
}

/** `dma_iova_link(dev, state, phys, offset, size, dir, [attrs])`. */
function signature({ name, parameters, variadic }: FunctionSpec | MethodSpec): string {
  const shown = parameters.map(({ name, named, optional }) => {
    const text = named === true ? `${name}:` : name;
    return optional === true ? `[${text}]` : text;
  });
  return `${name}(${shown.join(", ")}${variadic === true ? ", …" : ""})`;
}

function notes({ named, optional }: ParameterSpec, repeats: boolean): string {
  const said = [
    ...optional === true ? ["may be left out"] : [],
    ...named === true ? ["by name only"] : [],
    ...repeats ? ["any number of them"] : [],
  ];
  return said.length === 0 ? "" : ` (${said.join(", ")})`;
}

function typeLines(type: HandleType): string[] {
  const { doc, methods = [], name } = type;
  const fields = type.fields();
  const parent = type.extends;
  return [
    "",
    `## Type ${name}`,
    "",
    parent === undefined ? doc : `${doc} It has all that ${typeLink(parent.name)} has.`,
    ...fields.length === 0 ? [] : [
      "",
      ...markdownTable(
        ["field", "kind", ""],
        fields.map(({ doc, name, type }: FieldSpec) => [`\`.${name}\``, kindText(type), doc]),
      ),
    ],
    ...methods.flatMap((method) => functionLines(method, "###", `${name}.${method.name}`)),
  ];
}

function wordLines(): string[] {
  const groups = Map.groupBy(wordSpecs(), ({ group }) => group);
  return [...groups].flatMap(([group, words]) => [
    "",
    `## ${group[0]!.toUpperCase()}${group.slice(1)}`,
    "",
    ...markdownTable(
      ["word", "also", ""],
      words.map(({ aliases, doc, name }) => [
        `\`${name}\``,
        aliases.map((alias) => `\`${alias}\``).join(" "),
        doc,
      ]),
    ),
  ]);
}

/** Largest number of errors of an injection point that are listed by name. */
const DISPLAYED_ERRORS = 8;

function errorList([natural, ...others]: readonly string[]): string {
  if (others.length === 0) return natural!;
  return others.length > DISPLAYED_ERRORS
    ? `${natural}, or any errno`
    : `${natural}, or ${others.join(", ")}`;
}

function kindsText(kind: Type | readonly Type[]): string {
  return (typeof kind === "string" ? [kind] : kind).map(kindText).join(" or ");
}

function kindText(type: Type): string {
  return type.startsWith("@") ? typeLink(type.slice(1)) : typeText(type);
}

/**
 * A type's name as a link to its heading. The anchor of the heading differs if a function has the
 * same name.
 */
function typeLink(name: string): string {
  return `[${name}](${PAGE_OF_TYPE.get(name)}#${typeAnchor(name)})`;
}

function typeAnchor(name: string): string {
  return `type-${name.replaceAll(".", "")}`;
}
