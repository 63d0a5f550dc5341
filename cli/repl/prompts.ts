/** Formats the prompt of a session, and finds the input in a pasted part of a session. */
import { formatTimeRounded } from "@dmalab/lang/text";

export interface PromptPlace {
  /** The name of a branch; left out for the first branch. */
  readonly branch?: string;
  readonly seq: number;
  /** Number of the last event, if the position is before it. */
  readonly lastSeq?: number;
  readonly nowNs?: number;
}

/**
 * The prompt, such as `dma[24/133 @ 2us]> `: the branch, the event at the position, the number of
 * the last event if the position is before it, and the time.
 */
export function promptText({ branch, lastSeq, nowNs, seq }: PromptPlace): string {
  const name = branch === undefined ? "" : `${branch} `;
  const more = lastSeq === undefined ? "" : `/${lastSeq}`;
  const time = nowNs === undefined ? "" : ` @ ${formatTimeRounded(nowNs)}`;
  return `dma[${name}${seq}${more}${time}]> `;
}

/** The prompt before the first event. */
export const FIRST_PROMPT: string = promptText({ seq: 0 });

const PROMPT = /^(?:dma\[[^\]\n]*\]> ?| *\.\.\.> ?)/;

/**
 * Extracts the typed text from a pasted part of a session: the text after the prompts, without the
 * session's output. A text without a prompt stays unchanged.
 */
export function withoutPrompts(text: string): string {
  const lines = text.split("\n");
  if (!lines.some((line) => PROMPT.test(line))) return text;
  const typed = lines.flatMap((line, index) => {
    if (PROMPT.test(line)) return [line.replace(PROMPT, "")];
    // In the first line, the user may have begun the selection after the prompt.
    return index === 0 && line.trim() !== "" ? [line] : [];
  });
  return typed.join("\n");
}
