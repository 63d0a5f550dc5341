/**
 * Classifies the files of a change: C that is compiled, a build setting, text that no build reads, or none of these.
 */
import { C_FILE } from "@dmalab/lang/values";
import { basename } from "@dmalab/cli/extend";
import type { ChangedFile } from "./changed_lines.ts";
import type { ReviewStep } from "./series.ts";

/** A changed file that was not tested, and why. */
export interface UnexaminedFile {
  readonly path: string;
  readonly reason: string;
}

const SETTINGS = /^(?:Kbuild|Kconfig|Makefile|Platform)/;
/** Files and folders that no build of a kernel reads. */
const WORDS =
  /^(?:Documentation|LICENSES)\/|\.(?:txt|rst|md)$|(?:^|\/)(?:MAINTAINERS|CREDITS|COPYING|README|\.(?:gitignore|mailmap|editorconfig|clang-format|cocciconfig|get_maintainer\.ignore))$/;

/** Whether a file says how others are compiled: a makefile or Kconfig. */
export function isSettings({ path }: Pick<ChangedFile, "path">): boolean {
  return SETTINGS.test(basename(path)) && !C_FILE.name.test(path);
}

/**
 * The files of a change that a review cannot examine. A review examines C and build settings. Texts
 * that no build reads need no examination.
 */
export function unexaminedFiles({ files }: Pick<ReviewStep, "files">): readonly UnexaminedFile[] {
  return files.flatMap(({ path, special }) => {
    if (WORDS.test(path)) return [];
    if (special !== undefined) return [{ path, reason: special }];
    if (C_FILE.name.test(path) || isSettings({ path })) return [];
    return [{ path, reason: "no C and no build setting" }];
  });
}
