/** Finds dead links of the built site: to pages, files and anchors. */
import { readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { host } from "@dmalab/cli";
import { linkRules } from "./rules.ts";

export interface LinkCheck {
  readonly pages: number;
  readonly links: number;
  /** `page: link`. */
  readonly dead: readonly string[];
}

/**
 * Pages that do not show all their headings in a browser without scripts.
 * @param pages The generated pages.
 */
export function incompletePages(folder: string, pages: ReadonlyMap<string, string>): string[] {
  return [...pages].filter(([path, text]) => {
    const prose = text.replace(/^```.*?^```/gms, "");
    const wanted = prose.match(/^#{1,6} /gm)?.length ?? 0;
    const main = mainOf(join(folder, path.replace(/\.md$/, ".html")));
    return (main.match(/<h[1-6] /g)?.length ?? 0) < wanted;
  }).map(([path]) => path);
}

/**
 * Pages that mention a rule in a place that is neither a link nor a heading.
 * @param folder The folder of the built site.
 */
export function unlinkedRules(folder: string): string[] {
  return pagesBelow(folder).filter((path) => {
    const text = mainOf(path).replace(/<(a|h[1-6])[ >].*?<\/\1>|<[^>]*>/gs, "");
    return linkRules(text) !== text;
  }).map((path) => relative(folder, path));
}

/** The main text of a page, without navigation. */
function mainOf(path: string): string {
  const html = host.readTextFileSync(path);
  return html.slice(html.indexOf("<main"), html.indexOf("</main>"));
}

/** @param folder The folder of the built site. */
export function checkSite(folder: string): LinkCheck {
  const html = new Map(pagesBelow(folder).map((path) => [path, host.readTextFileSync(path)]));
  const places = new Map(
    [...html].map(([path, text]) => [path, new Set(valuesOf(text, "id|name"))] as const),
  );
  const dead: string[] = [];
  let links = 0;
  for (const [path, text] of html) {
    for (const link of valuesOf(text, "href|src")) {
      if (/^(?:https?:|data:|mailto:)/.test(link)) continue;
      links++;
      const [target = "", hash] = link.split("#");
      const place = target.startsWith("/") ? join(folder, target) : resolve(path, "..", target);
      const file = target === "" ? path : pageOf(place);
      const anchors = file === null ? null : places.get(file);
      const isThere = file !== null &&
        (hash === undefined || anchors === undefined || anchors!.has(decodeURIComponent(hash)));
      if (!isThere) dead.push(`${relative(folder, path)}: ${link}`);
    }
  }
  return { pages: html.size, links, dead: dead.sort() };
}

/** Values of attributes, decoded as a browser does. */
function valuesOf(html: string, names: string): string[] {
  const attributes = new RegExp(`<[a-z][^>]*?\\s(?:${names})="([^"]*)"`, "gi");
  return [...html.matchAll(attributes)].map(([, value]) => value!.replaceAll("&amp;", "&"));
}

/** The file of an address; null if no file has the address. */
function pageOf(place: string): string | null {
  for (const file of [place, `${place}.html`, join(place, "index.html")]) {
    try {
      if (host.statSync(file).isFile) return file;
    } catch {
      // The next one.
    }
  }
  return null;
}

function pagesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".html") && !path.endsWith("playground.html"))
    .map((path) => join(folder, path));
}
