/** The prompt of a session, and the input in a pasted piece of a session. */
import { formatTimeRounded } from "@dmalab/lang/text";

export interface PromptPlace {
  /** The name of a branch; left out for the first one. */
  readonly branch?: string;
  readonly seq: number;
  /** The last event, where the position is before it. */
  readonly lastSeq?: number;
  readonly nowNs?: number;
}

/** `dma[24/133 @ 2us]> `: where one is, of how much where there is more; on which branch. */
export function promptText({ branch, lastSeq, nowNs, seq }: PromptPlace): string {
  const name = branch === undefined ? "" : `${branch} `;
  const more = lastSeq === undefined ? "" : `/${lastSeq}`;
  const time = nowNs === undefined ? "" : ` @ ${formatTimeRounded(nowNs)}`;
  return `dma[${name}${seq}${more}${time}]> `;
}

/** Before anything has happened. */
export const FIRST_PROMPT: string = promptText({ seq: 0 });

const PROMPT = /^(?:dma\[[^\]\n]*\]> ?| *\.\.\.> ?)/;

/**
 * The typed text in a piece of a session: behind its prompts. The session's answers are left out; a
 * text without a prompt stays as it is.
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
