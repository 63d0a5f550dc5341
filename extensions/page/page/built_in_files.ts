/**
 * The playground's built-in files as the text of an element of the page. A part for each file begins with a form feed and
 * the file's path; as JSON the same files would take a hundredth more of the packed page.
 */

/** The data built into the page. */
export interface PlaygroundData {
  /** Files by their paths, in any order: the examples, and the files that they use. */
  readonly files: Readonly<Record<string, string>>;
  /** The files that an example uses, for the examples that use any. */
  readonly uses: Readonly<Record<string, readonly string[]>>;
}

const PART = "\f";

/** Paths of the files that are listed as examples, in the order of the list: those to start with first. */
export function examplesOf({ files }: PlaygroundData): readonly string[] {
  const isLater = (path: string) => Number(!path.startsWith("examples/start/"));
  return Object.keys(files).filter((path) => path.endsWith(".dma"))
    .sort((a, b) => isLater(a) - isLater(b) || (a < b ? -1 : 1));
}

/** @throws {Error} If a file has a form feed, or a text that would end the page's element. */
export function builtInText({ files, uses }: PlaygroundData): string {
  const parts = Object.entries(files).map(([path, text]) => {
    if (/\f|<\/script|<!--/i.test(text)) throw new Error(`${path} cannot be part of a page`);
    return `${path}\n${text}`;
  });
  return [JSON.stringify(uses), ...parts].join(PART);
}

/** @param text What `builtInText` has written. */
export function readBuiltIn(text: string): PlaygroundData {
  const [uses = "{}", ...parts] = text.split(PART);
  return {
    uses: JSON.parse(uses),
    files: Object.fromEntries(parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end), part.slice(end + 1)];
    })),
  };
}
