/** `docs/builtins.md`, written from the entries of `lang/builtins/`: nothing on it is typed by hand. */
import { FUNCTIONS, TYPES, wordSpecs } from "../../lang/builtins/mod.ts";
import {
  CALL_CONTEXTS,
  type FieldSpec,
  type FunctionSpec,
  type Kind,
  type MethodSpec,
  type ParameterSpec,
  type TypeSpec,
} from "../../lang/values/spec.ts";
import { describeKind } from "../../lang/values/kinds.ts";
import { FAULT_POINTS } from "../../runtime/faults.ts";

/** The command that writes the page anew. */
export const REFERENCE_COMMAND = "deno task reference";

/** The whole page. */
export function builtinsPage(): string {
  const functions = [...FUNCTIONS.values()];
  const types = [...TYPES.values()];
  return [
    "# Functions, types and constants",
    "",
    `This page is written from the descriptions that the checker, completion and the REPL's \`?name\` use, by ` +
    `\`${REFERENCE_COMMAND}\`. Every example on it is run by a test. The language itself is in ` +
    "[language.md](language.md), the events are in [events.md](events.md).",
    "",
    `${functions.length} functions: ${
      functions.map(({ name }) => `[${name}](#${name})`).join(" · ")
    }`,
    "",
    `${types.length} types: ${types.map(({ name }) => typeLink(name)).join(" · ")}`,
    "",
    "## Functions",
    ...functions.flatMap((spec) => functionLines(spec, "###", spec.name)),
    "",
    "## Types",
    ...types.flatMap(typeLines),
    "",
    "## Constants",
    "",
    "Bare words; the kernel's own spelling means the same.",
    ...wordLines(),
    "",
    "## Points that can fail",
    "",
    "What `fail POINT { … }` takes.",
    "",
    "| point | what fails | with |",
    "| --- | --- | --- |",
    ...FAULT_POINTS.map(({ name, doc, errors }) =>
      tableRow([`\`${name}\``, doc, errorList(errors)])
    ),
    "",
  ].join("\n");
}

function functionLines(spec: FunctionSpec | MethodSpec, level: string, title: string): string[] {
  const { doc, example, parameters, raises = [], result, variadic } = spec;
  return [
    "",
    `${level} ${title}`,
    "",
    `\`${signature(spec)}\`${result === "nothing" ? "" : ` → ${kindText(result)}`}`,
    "",
    doc,
    ...parameters.length === 0 ? [] : [
      "",
      "| argument | kind | |",
      "| --- | --- | --- |",
      ...parameters.map((parameter, index) =>
        tableRow([
          `\`${parameter.name}\``,
          kindsText(parameter.kind),
          parameter.doc + notes(parameter, variadic === true && index === parameters.length - 1),
        ])
      ),
    ],
    ...raises.length === 0 ? [] : ["", `Raises ${raises.join(", ")}.`],
    ...spec.context === undefined ? [] : ["", `${CALL_CONTEXTS[spec.context]}.`],
    "",
    "```dma",
    example,
    "```",
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

function typeLines(type: TypeSpec): string[] {
  const { doc, methods, name } = type;
  const fields = type.fields();
  const parent = type.extends;
  return [
    "",
    `### Type ${name}`,
    "",
    parent === undefined ? doc : `${doc} It has all that ${typeLink(parent.name)} has.`,
    ...fields.length === 0 ? [] : [
      "",
      "| field | kind | |",
      "| --- | --- | --- |",
      ...fields.map((field: FieldSpec) =>
        tableRow([`\`.${field.name}\``, kindText(field.kind), field.doc])
      ),
    ],
    ...methods.flatMap((method) => functionLines(method, "####", `${name}.${method.name}`)),
  ];
}

function wordLines(): string[] {
  const groups = Map.groupBy(wordSpecs(), ({ group }) => group);
  return [...groups].flatMap(([group, words]) => [
    "",
    `### ${group[0]!.toUpperCase()}${group.slice(1)}`,
    "",
    "| word | also | |",
    "| --- | --- | --- |",
    ...words.map(({ aliases, doc, name }) =>
      tableRow([`\`${name}\``, aliases.map((alias) => `\`${alias}\``).join(" "), doc])
    ),
  ]);
}

/** Errors of a point that are named one by one. */
const LISTED_ERRORS = 8;

function errorList([natural, ...others]: readonly string[]): string {
  if (others.length === 0) return natural!;
  return others.length > LISTED_ERRORS
    ? `${natural}, or any errno`
    : `${natural}, or ${others.join(", ")}`;
}

function kindsText(kind: Kind | readonly Kind[]): string {
  return (typeof kind === "string" ? [kind] : kind).map(kindText).join(" or ");
}

function kindText(kind: Kind): string {
  return kind.startsWith("@") ? typeLink(kind.slice(1)) : describeKind(kind);
}

/** A type's name that leads to its heading; some functions have the same name. */
function typeLink(name: string): string {
  return `[${name}](#type-${name.replaceAll(".", "")})`;
}

/** A row of a table: what stands in a cell cannot end it. */
export function tableRow(cells: readonly string[]): string {
  return `| ${
    cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")
  } |`;
}
