/** Prompts of a session that somebody pastes back, in part or whole. */

const PROMPT = /^(?:dma\[[^\]\n]*\]> ?| *\.\.\.> ?)/;

/**
 * What was typed in a piece of a session: behind its prompts. What the session answered is left out;
 * a text without a prompt stays as it is.
 */
export function withoutPrompts(text: string): string {
  const lines = text.split("\n");
  if (!lines.some((line) => PROMPT.test(line))) return text;
  const typed = lines.flatMap((line, index) => {
    if (PROMPT.test(line)) return [line.replace(PROMPT, "")];
    // The first line may have been marked from behind its prompt on.
    return index === 0 && line.trim() !== "" ? [line] : [];
  });
  return typed.join("\n");
}
