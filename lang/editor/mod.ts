/**
 * The requests of an editor: completion, hover, definition, rename, tokens. Not loaded at start.
 * Tests: `editor_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { analyse, type Analysis } from "./analysis.ts";
export { FileVersions } from "../run/file_versions.ts";
export {
  completeAt,
  eventWords,
  fitting,
  suggestInStatement,
  type Suggestion,
  type SuggestionKind,
  type Suggestions,
} from "./completion.ts";
export {
  describeLanguage,
  describeName,
  type KnownNames,
  languageNames,
  membersLike,
  nameDoc,
  pageOf,
  RULE_PAGES,
} from "./describe_name.ts";
export { fixesIn, formatEdits, type Lines } from "./format_edits.ts";
export { hoverAt } from "./hover.ts";
export { isOwnName, type NameSymbol, occurrenceAt } from "./occurrences.ts";
export { foldsOf, type OutlineEntry, outlineOf, surroundings } from "./outline.ts";
export {
  definitionAt,
  edited,
  placesOf,
  referencesAt,
  renameable,
  renameAt,
  renameSymbol,
  type TextEdit,
} from "./rename.ts";
export { semanticTokens, TOKEN_MODIFIERS, TOKEN_TYPES } from "./semantic_tokens.ts";
export { signatureAt } from "./signature.ts";
export { everyNode } from "./tree_path.ts";
export * from "../format/mod.ts";
