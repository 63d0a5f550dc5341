/**
 * Which layer may import which: the table of `docs/dev/architecture.md`, as a checker.
 *
 * It reads import lines and nothing else. Only `import type` and `export type` count as imports of
 * types: with `verbatimModuleSyntax` anything else is loaded when the program runs.
 */
import { dirname, join, normalize } from "node:path";
import { blankOut, lineAt, type SourceText } from "./source_text.ts";

/** One import: where it stands and what it names. */
export interface ImportLine {
  readonly path: string;
  readonly line: number;
  /** As written: `./x.ts`, `chevrotain`, `node:fs`. */
  readonly specifier: string;
  /** The file it means, from the project's root, or null for a package. */
  readonly target: string | null;
  readonly typeOnly: boolean;
  /** Loaded when it is wanted: `import("./x.ts")`. */
  readonly late: boolean;
}

interface LayerRule {
  /** Layers it may load from. */
  readonly layers: readonly string[];
  /** Packages it may load, by how the specifier begins. */
  readonly packages: readonly string[];
}

/** What the command line is made of. */
const BELOW_CLI = [
  "mod",
  "instruments",
  "runtime/fault_log",
  "c_drivers",
  "lang",
  "devices",
  "runtime",
];

/** A layer is named after its folder; `mod` is `mod.ts`, and a room may be a layer of its own. Each may import itself. */
const RULES: Readonly<Record<string, LayerRule>> = {
  cli: {
    layers: BELOW_CLI,
    packages: [
      "@yowasp/clang",
      "@vscode/",
      "node:",
      "chevrotain",
      "fast-check",
      "prettier/doc",
      "sarif",
      "typescript",
      "vscode-languageserver-",
    ],
  },
  // What of `cli/` it loads needs no host: `tests/layers_test.ts` follows its imports.
  web: { layers: ["cli", ...BELOW_CLI], packages: ["@codemirror/"] },
  // Nothing of the product imports it: it is in no other row.
  tools: {
    layers: ["cli", "web", ...BELOW_CLI],
    packages: [
      "@vscode/",
      "node:",
      "typescript",
      "vscode-languageserver-",
    ],
  },
  mod: { layers: ["instruments", "lang", "devices", "runtime"], packages: [] },
  instruments: {
    layers: ["runtime/fault_log", "lang", "devices", "runtime"],
    packages: ["fast-check"],
  },
  c_drivers: { layers: ["lang", "devices", "runtime"], packages: [] },
  lang: {
    layers: ["runtime/fault_log", "devices", "runtime"],
    packages: ["chevrotain", "d3-dsv", "fast-check", "prettier/doc"],
  },
  "runtime/fault_log": { layers: ["runtime"], packages: [] },
  devices: { layers: ["runtime"], packages: [] },
  runtime: { layers: [], packages: [] },
};

/** What any test file may use besides what its layer may. */
const TEST_PACKAGES = ["@std/assert", "fast-check", "node:"];

/** The places in `lang/` where a language name meets the runtime: these load it, others only name its types. */
const MEETING_PLACES = [
  "lang/builtins/",
  "lang/editor/",
  "lang/machine/",
  "lang/render/event_line.ts",
  "lang/laboratory.ts",
  "lang/diagnostics/suggest.ts",
  "lang/text/numbers.ts",
];

/** Two sides that share no code: neither may reach the other, over however many files. */
const STRANGERS: readonly (readonly [string, string])[] = [
  ["devices/nvme/controller/", "devices/nvme/driver/"],
  ["devices/vfio/function/", "devices/vfio/driver/"],
];

/** The layer a file belongs to, or null for a file that has none (tests of the whole project). */
export function layerOf(path: string): string | null {
  if (path === "mod.ts" || path === "recording/mod.ts") return "mod";
  const folders = path.split("/");
  const room = folders.slice(0, 2).join("/");
  return room in RULES ? room : folders[0]! in RULES ? folders[0]! : null;
}

const IMPORT =
  /\b(?:(?:import|export)\s+(type\s+)?(?:[\w$*\s{},]*?\sfrom\s*)?|import\s*\(\s*)(["'])( +)\2/g;

/** The imports of a file, in order. */
export function importsOf(source: SourceText): ImportLine[] {
  // Strings are blanked, so that a text about imports is no import; the name is read from the source.
  const code = blankOut(source.text, { strings: true });
  const found: ImportLine[] = [];
  for (const match of code.matchAll(IMPORT)) {
    const end = match.index + match[0].length - 1;
    const specifier = source.text.slice(end - match[3]!.length, end);
    const target = specifier.startsWith(".")
      ? normalize(join(dirname(source.path), specifier)).replaceAll("\\", "/")
      : null;
    found.push({
      path: source.path,
      line: lineAt(source.text, match.index),
      specifier,
      target,
      typeOnly: match[1] !== undefined,
      late: /^import\s*\(/.test(match[0]),
    });
  }
  return found;
}

/** What is wrong, one sentence for each import in the wrong place; none when all is well. */
export function layerViolations(sources: readonly SourceText[]): string[] {
  const imports = sources.flatMap(importsOf);
  return [
    ...imports.flatMap((line) => violation(line) ?? []),
    ...STRANGERS.flatMap(([one, other]) => [
      ...meetings(imports, one, other),
      ...meetings(imports, other, one),
    ]),
  ];
}

function violation(line: ImportLine): string | null {
  const layer = layerOf(line.path);
  if (layer === null) return null;
  const rule = RULES[layer]!;
  const isTest = line.path.endsWith("_test.ts");
  const place = `${line.path}:${line.line}`;
  if (line.target === null) {
    const packages = isTest ? [...rule.packages, ...TEST_PACKAGES] : rule.packages;
    if (packages.some((start) => line.specifier.startsWith(start))) return null;
    return `${place} imports "${line.specifier}": ${layer}/ may not use that package`;
  }
  const wanted = layerOf(line.target);
  if (wanted === layer) return null;
  if (isTest && wanted === null && line.target.startsWith("tests/")) return null;
  if (wanted === null || !rule.layers.includes(wanted)) {
    return `${place} imports "${line.target}": ${layer}/ may not import ${wanted ?? "that folder"}`;
  }
  const meets = MEETING_PLACES.some((start) => line.path.startsWith(start));
  if (layer === "lang" && !meets && !line.typeOnly && !isTest) {
    return `${place} loads "${line.target}": in lang/ only ${MEETING_PLACES.join(", ")} ` +
      `load ${wanted}/; elsewhere "import type" is all there may be`;
  }
  return null;
}

/** The chains of loading imports that lead from one folder into another it must not know. */
function meetings(imports: readonly ImportLine[], from: string, to: string): string[] {
  const byFile = Map.groupBy(
    imports.filter((line) => !line.typeOnly && line.target !== null),
    (line) => line.path,
  );
  const found: string[] = [];
  for (const start of byFile.keys()) {
    if (!start.startsWith(from) || start.endsWith("_test.ts")) continue;
    const cameFrom = new Map<string, string | null>([[start, null]]);
    const queue = [start];
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      for (const { target } of byFile.get(path) ?? []) {
        if (cameFrom.has(target!)) continue;
        cameFrom.set(target!, path);
        if (target!.startsWith(to)) {
          found.push(`${from} reaches ${to}: ${chain(cameFrom, target!)}`);
        } else queue.push(target!);
      }
    }
  }
  // A type shared by both sides would be shared code too.
  for (const line of imports) {
    if (line.typeOnly && line.path.startsWith(from) && line.target?.startsWith(to)) {
      found.push(`${from} names a type of ${to}: ${line.path}:${line.line}`);
    }
  }
  return found;
}

function chain(cameFrom: ReadonlyMap<string, string | null>, end: string): string {
  const steps: string[] = [];
  for (let at: string | null = end; at !== null; at = cameFrom.get(at) ?? null) steps.unshift(at);
  return steps.join(" → ");
}
