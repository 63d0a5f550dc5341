/**
 * Chevrotain's parser, for who needs it. In the package a file stands in this one's place that loads
 * the parser no earlier than that: by the plan of the grammar most texts are read without it.
 */
import { DmaParser, type DmaParserOptions } from "./parser.ts";

export function makeParser(options?: DmaParserOptions): DmaParser {
  return new DmaParser(options);
}
