/**
 * Reads makefiles as make and the kernel's build do, without running a program.
 */
export {
  Kbuild,
  type KbuildModule,
  type KbuildObject,
  type SourceFlags,
  type UnknownPart,
} from "./kbuild.ts";
export { isBelow, KERNEL_ROOT, MakeFiles, MODULE_ROOT, resolvedPath } from "./make_files.ts";
export type { MakeQuestion, MakeRule, MissingMakefile } from "./make_reader.ts";
export { type MakePlace, placeText } from "./make_variables.ts";
