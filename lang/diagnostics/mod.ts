/**
 * Messages with codes, places, excerpts and hints. Tests: `tests/bad/` has each message once.
 *
 * Other workspace members use these exports:
 */
export { BUG_CODE, BUG_HINT, bugMessage, bugPlace, stackText } from "./bug.ts";
export type { DiagnosticCode, DiagnosticTable } from "./codes.ts";
export type { CodeEntry } from "./codes/entry.ts";
export {
  type BugIdentity,
  type Diagnostic,
  DiagnosticBag,
  type Fix,
  type RelatedSpan,
  type Severity,
} from "./diagnostic.ts";
export {
  characterWidth,
  displayWidth,
  hasUnprintableText,
  printable,
  printableJson,
  printableText,
  withoutColours,
} from "./display_width.ts";
export { countMistakes, firstMistakes } from "./first_mistakes.ts";
export {
  afterColon,
  renderDiagnostic,
  renderDiagnostics,
  renderFinding,
  type RenderOptions,
  type StyleRole,
} from "./render.ts";
export { itHas, nearestNames } from "./suggest.ts";
