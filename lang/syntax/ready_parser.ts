/**
 * The parser for texts without a mistake, with its decisions made before. It has not learnt its
 * grammar, and can neither say what it expected nor go on after an error: another one does.
 */
import {
  EarlyExitException,
  type IRecognitionException,
  NoViableAltException,
  Rule,
} from "chevrotain";
import { type Decide, type DecisionTable, readDecision, writeDecisions } from "./decision_table.ts";
import { DmaParser } from "./parser.ts";

/** What Chevrotain's parser keeps and its types leave out; the version is pinned. */
interface ParserState {
  readonly lookAheadFuncsCache: readonly (Readonly<Record<number, Decide>> | undefined)[];
  setLaFuncCache(rule: number, key: number, decide: Decide): void;
  SAVE_ERROR(error: IRecognitionException): IRecognitionException;
}

const stateOf = (parser: DmaParser) => parser as unknown as ParserState;

/** Has Chevrotain learn the grammar, and writes down every decision. */
export function decisionsOfGrammar(): DecisionTable {
  return decisionsOf(new DmaParser({ recover: false }));
}

function decisionsOf(parser: DmaParser): DecisionTable {
  return writeDecisions(stateOf(parser).lookAheadFuncsCache);
}

/** Parses what has no mistake; of a text with one it says only that. */
export class ReadyParser extends DmaParser {
  constructor(decisions: DecisionTable) {
    super({ recover: false });
    for (const [rule, ofRule] of decisions.entries()) {
      for (const [key, letters] of Object.entries(ofRule)) {
        stateOf(this).setLaFuncCache(rule, Number(key), readDecision(Number(key), letters));
      }
    }
  }

  /** Its decisions, written down. */
  decisions(): DecisionTable {
    return decisionsOf(this);
  }

  /** Called by Chevrotain before it runs the rules to learn them: there is nothing to cover. */
  override enableRecording(): void {}

  override disableRecording(): void {}

  /** Called by Chevrotain to learn a rule. */
  topLevelRuleRecord(name: string): Rule {
    return new Rule({ name, definition: [] });
  }

  /** Called by Chevrotain when no alternative begins with the next token. */
  raiseNoAltException(): never {
    throw stateOf(this).SAVE_ERROR(new NoViableAltException("", this.LA(1), this.LA(0)));
  }

  /** Called by Chevrotain when what may not be left out is left out. */
  raiseEarlyExitException(): never {
    throw stateOf(this).SAVE_ERROR(new EarlyExitException("", this.LA(1), this.LA(0)));
  }
}
