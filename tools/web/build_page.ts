/**
 * The pages in `extensions/page/`, each as one HTML file that contains everything. Such a file works from a disk,
 * and under a policy that forbids the network and every script except the file's own.
 */
import { TempFolder } from "../temp_folder.ts";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { SourceCopy } from "../package/bundle.ts";
import { PROJECT } from "../project.ts";
import { EMPTY_DATA } from "@dmalab/page";
import { LICENCES, writeLicences } from "../package/licences.ts";

/** A page: the entry of its script, and its built-in data. */
export interface PagePlan {
  readonly entry: URL;
  readonly kind: "playground" | "report";
  /** The text of the page's data block; in the page of reports, `dmalab report` replaces it. */
  readonly data: string;
}

/**
 * Size of a page as a server sends it, packed once with gzip's best level. Node's library packs alike on each
 * processor, and the browser's `CompressionStream` does not.
 */
export function packedBytes(page: string | Uint8Array): number {
  return gzipSync(page, { level: 9 }).length;
}

/** Builds a page. @throws {Error} When its script cannot be bundled. */
export function buildPage(plan: PagePlan): string {
  using copy = new SourceCopy([plan.entry]);
  return buildPageFrom(copy, plan);
}

/**
 * Builds a page.
 * @param copy A copy of the sources of the page's entry, and perhaps of others.
 * @throws {Error} When its script cannot be bundled.
 */
export function buildPageFrom(copy: SourceCopy, { data, entry, kind }: PagePlan): string {
  const read = (name: string) => Deno.readTextFileSync(join(PROJECT, "extensions/page", name));
  const { sources, text } = bundledScript(copy, entry);
  const program = inScript(kind === "report" ? withoutEventTexts(text) : text);
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${createHash("sha256").update(program).digest("base64")}'`,
    // The editor's styles are created by its script; a style cannot load anything.
    "style-src 'unsafe-inline'",
    "img-src data:",
    "worker-src blob:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const parts: Readonly<Record<string, string>> = {
    data,
    kind,
    licences: inScript(licencesOf(entry, sources)),
    policy,
    program,
    style: kind === "report"
      ? denseStyle(read("page.css")).replaceAll(EDITOR_RULE, "")
      : denseStyle(read("page.css")),
  };
  return read("page.html").replaceAll(/\{\{(\w+)\}\}/g, (_whole, name) => parts[name]!);
}

/** The page of reports; `dmalab report` replaces its data by the runs. */
export const REPORT_PLAN: PagePlan = {
  entry: new URL("../../extensions/page/report_main.ts", import.meta.url),
  kind: "report",
  data: EMPTY_DATA,
};

/**
 * A script without the texts that say when an event happens, and what the words of its fields mean: the reference and
 * the editor show them, a report does not.
 * @throws {Error} When the script reads these texts.
 */
function withoutEventTexts(script: string): string {
  if (/[.?]when\b/.test(script)) throw new Error("The report shows when an event happens");
  // The function that makes the words of a field has another name in each bundle.
  const makes = script.match(
    /function (\w+)\((\w+),(\w+),\w+\)\{let \w+=\w+===void 0\?\{title:\2,docs:\3\}/,
  );
  if (makes === null || /\bObject\.(?:entries|values)\(\w+\.docs/.test(script)) {
    throw new Error("The report shows what words of events mean");
  }
  const words = new RegExp(
    String.raw`\b${makes[1]}\("[^"\\]*",\{(?:\w+:"(?:[^"\\]|\\.)*",?)+\}(?:,"\w+")?\)`,
    "g",
  );
  return script.replaceAll(/\bwhen:"(?:[^"\\]|\\.)*"/g, 'when:""')
    .replaceAll(words, (call) => call.replaceAll(/(?<=[{,]\w+:)"(?:[^"\\]|\\.)*"/g, '""'));
}

/** A rule that styles the editor alone: only the playground has an editor. */
const EDITOR_RULE = /(?<=\})\.cm-[^{},]*\{[^{}]*\}/g;

/** A style sheet without comments and unnecessary space. */
function denseStyle(style: string): string {
  return style.replaceAll(/\/\*.*?\*\//gs, "").replaceAll(/\s+/g, " ")
    .replaceAll(/ ?([{};,]) ?/g, "$1").replaceAll(": ", ":").replaceAll(" > ", ">")
    .replaceAll(";}", "}").replaceAll(" / ", "/").replaceAll(" !", "!").trim();
}

/** A page's script. */
interface PageScript {
  readonly text: string;
  /** The source files of the code that the script contains. */
  readonly sources: readonly string[];
}

function bundledScript(copy: SourceCopy, entry: URL): PageScript {
  using folder = new TempFolder();
  const file = folder.at("bundle.js");
  const problem = copy.bundle([entry], [
    "--platform=browser",
    "--format=iife",
    "--minify",
    "--sourcemap=external",
    `--output=${file}`,
  ]);
  if (problem !== null) throw new Error(problem);
  const map: Pick<PageScript, "sources"> = JSON.parse(Deno.readTextFileSync(`${file}.map`));
  return { text: Deno.readTextFileSync(file), sources: map.sources };
}

const NO_PACKAGES = "This page contains no code of other packages.";

/** The licences of the packages that a script contains. */
function licencesOf(entry: URL, sources: readonly string[]): string {
  if (!sources.some((path) => /\/npm\/.*\.m?js$/.test(path))) return NO_PACKAGES;
  using folder = new TempFolder();
  const problem = writeLicences([entry], folder.path, sources);
  if (problem !== null) throw new Error(problem);
  return Deno.readTextFileSync(folder.at(LICENCES));
}

/**
 * Escapes a script for its HTML element. The text that would end the element occurs only in the
 * script's strings and patterns.
 */
function inScript(text: string): string {
  return text.replaceAll(/<(?=\/script|!--)/gi, "\\x3c");
}
