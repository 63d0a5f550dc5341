/** Lines about the files of a tree that are compiled along with a driver. */
import { formatCount } from "@dmalab/lang/text";
import type { CompiledAlong } from "./of_tree.ts";

/** The beginnings of the lines, by which a report finds them. */
export const ALONG = "compiled along from the tree: ";
export const NOT_ALONG = "not compiled along: ";
export const BEYOND = "beyond the limit of files that are compiled along, so stubs: ";
/** Names that a line lists. */
const LISTED = 12;

/** @param along Undefined without a tree. */
export function alongLines(along: CompiledAlong | undefined): readonly string[] {
  if (along === undefined) return [];
  const { beyond, files, problems } = along;
  const more = beyond.length - LISTED;
  return [
    ...files.length === 0 ? [] : [ALONG + foldersText(files)],
    ...problems.map((text) => NOT_ALONG + text),
    ...beyond.length === 0 ? [] : [
      `${BEYOND}${beyond.slice(0, LISTED).join(", ")}${
        more > 0 ? ` and ${formatCount(more, "more function")}` : ""
      }`,
    ],
  ];
}

/** Paths with each folder named once: "sound/core/init.c, device.c; lib/crc8.c". */
function foldersText(files: readonly string[]): string {
  const folders = Map.groupBy(files, (path) => path.slice(0, path.lastIndexOf("/")));
  return [...folders].map(([folder, paths]) =>
    `${folder}/${paths.map((path) => path.slice(folder.length + 1)).join(", ")}`
  ).join("; ");
}
