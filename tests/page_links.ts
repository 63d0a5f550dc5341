/** Checks links from Markdown pages to files and headings. */
import { dirname, join, relative } from "node:path";
import { filesBelow } from "./source_text.ts";

/** The folder with what tasks build: the site has pages of its own. */
const BUILT = "dist";

/**
 * Dead links in a folder's pages, as `page: link`, and the number of all links. A dead link leads
 * to a file or heading that does not exist.
 */
export function deadLinks(folder: string): { readonly links: number; readonly dead: string[] } {
  const headings = new Map<string, ReadonlySet<string>>();
  const dead: string[] = [];
  let links = 0;
  for (const page of filesBelow(folder)) {
    if (!page.endsWith(".md") || relative(folder, page).startsWith(BUILT)) continue;
    for (const [, link = ""] of proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^\w+:/.test(link)) continue;
      links++;
      const [path = "", heading] = link.split("#");
      const target = path === "" ? page : join(dirname(page), decodeURIComponent(path));
      const isThere = exists(target) && (heading === undefined || !target.endsWith(".md") ||
        headings.getOrInsertComputed(target, headingsOf).has(heading));
      if (!isThere) dead.push(`${relative(folder, page)}: ${link}`);
    }
  }
  return { links, dead };
}

/** The text of a page without its code. */
function proseOf(page: string): string {
  return Deno.readTextFileSync(page).replaceAll(/^ *```[^]*?^ *```/gm, "")
    .replaceAll(/`[^`\n]*`/g, "`");
}

/**
 * The anchors of a page: the anchors that GitHub makes for its headings, and the anchors in its
 * HTML.
 */
function headingsOf(page: string): ReadonlySet<string> {
  const text = Deno.readTextFileSync(page).replaceAll(/^ *```[^]*?^ *```/gm, "");
  const names = new Set([...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name]) => name!));
  for (const [, heading = ""] of text.matchAll(/^#{1,6} +(.*)$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").trim().toLowerCase();
    const name = plain.replaceAll(/[^\p{L}\p{N}_\- ]/gu, "").replaceAll(" ", "-");
    let free = name;
    for (let number = 1; names.has(free); number++) free = `${name}-${number}`;
    names.add(free);
  }
  return names;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
