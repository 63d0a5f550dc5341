/** Names that the sources of a module define themselves, as far as their first columns tell. */

/** The definition of a structure. */
const STRUCT = /^[ \t]*(?:typedef[ \t]+)?struct[ \t]+(\w+)\s*\{/gm;
/** A line in the first column that may define a function, and the names before its brackets. */
const FUNCTION = /^[^\s#/*].*\(.*$/gm;
const CALLED = /\b(\w+)[ \t]*\(/g;

export function ownStructs(text: string): readonly string[] {
  return [...text.matchAll(STRUCT)].map(([, name]) => name!);
}

export function ownFunctions(text: string): readonly string[] {
  const found: string[] = [];
  for (const [line] of text.matchAll(FUNCTION)) {
    // A macro that begins a variable: `static DEFINE_PCI_DEVICE_TABLE(ids) = {`.
    if (/^[^"]*\)[ \t]*=/.test(line)) continue;
    const isCall = /;\s*$/.test(line);
    for (const { 1: name, index } of line.matchAll(CALLED)) {
      // A macro that is used in the first column, such as MODULE_SUPPORTED_DEVICE(), defines nothing.
      if (index > 0 || !isCall) found.push(name!);
    }
  }
  return found;
}
