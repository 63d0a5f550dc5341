export interface InitFile {
  readonly path: string;
  readonly text: string;
  /** The additions to an existing file: missing keys, missing lines, or nothing. */
  readonly merge: "keys" | "lines" | "none";
}

/**
 * Adds to an existing text the keys or lines that it lacks. A text that lacks nothing is returned
 * unchanged.
 */
export function mergeTexts(existing: string, { merge, text }: InitFile): string {
  if (merge === "none") return existing;
  if (merge === "lines") {
    const lines = existing.split(/\r?\n/);
    const missing = text.trimEnd().split("\n").filter((line) => !lines.includes(line));
    if (missing.length === 0) return existing;
    const end = existing === "" || existing.endsWith("\n") ? "" : "\n";
    return `${existing}${end}${missing.join("\n")}\n`;
  }
  const value: unknown = JSON.parse(existing);
  if (!isRecord(value)) throw new SyntaxError("it is not a JSON object");
  const merged = mergeValues(value, JSON.parse(text));
  const indent = existing.match(/^[ \t]+(?=")/m)?.[0] ?? "  ";
  const result = `${JSON.stringify(merged, null, indent)}\n`;
  return JSON.stringify(merged) === JSON.stringify(value) ? existing : result;
}

/** Adds missing keys to objects and missing items to lists; all other values stay unchanged. */
function mergeValues(existing: unknown, added: unknown): unknown {
  if (Array.isArray(existing) && Array.isArray(added)) {
    return [...existing, ...added.filter((item) => !existing.includes(item))];
  }
  if (!isRecord(existing) || !isRecord(added)) return existing;
  const merged: Record<string, unknown> = { ...existing };
  for (const [key, value] of Object.entries(added)) {
    merged[key] = Object.hasOwn(existing, key) ? mergeValues(existing[key], value) : value;
  }
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
