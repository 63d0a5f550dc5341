/** Loads files of a project in memory. Paths are as on a disk: relative to the folder of the file that uses them. */
import { SourceFile } from "@dmalab/lang";
import { LoadError, type SourceLoader, tooLong } from "@dmalab/lang/syntax";

/** @returns A loader for the files of a project, which loads each once. */
export function projectLoader(files: Readonly<Record<string, string>>): SourceLoader {
  const sources = new Map<string, SourceFile>();
  return {
    load(path, from, limitBytes = Infinity) {
      const { pathname } = new URL(addressOf(path), `file:///${addressOf(from?.name ?? "")}`);
      const name = decodeURIComponent(pathname.slice(1));
      const text = Object.hasOwn(files, name) ? files[name]! : null;
      if (text === null) {
        const hint = "drop the file onto the page, or run the scenario with the command";
        return new LoadError("not_found", `There is no file "${path}"`, hint);
      }
      if (text.length > limitBytes) return tooLong(path, text.length, limitBytes);
      const known = sources.get(name) ?? new SourceFile(name, text);
      sources.set(name, known);
      return known;
    },
  };
}

function addressOf(name: string): string {
  return name.toWellFormed().split("/").map(encodeURIComponent).join("/");
}
