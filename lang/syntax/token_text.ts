/** How tokens are shown in messages. */
import type { IToken } from "chevrotain";
import { isA, Name, Newline, NumberToken } from "./tokens.ts";

/** The name of a token in a sentence. */
export function describeToken(token: IToken): string {
  if (token.image === "") return token.tokenType.LABEL ?? "nothing";
  if (token.tokenType === Newline) return "end of line";
  if (token.tokenType === NumberToken) return `number \`${token.image}\``;
  if (token.image.startsWith('"')) return `string ${shortened(token.image)}`;
  if (isA(token, Name)) return `name \`${shortened(token.image)}\``;
  return `\`${shortened(token.image)}\``;
}

/** Text of a script for a message, cut to half a line. */
export function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 38)}…`;
}
