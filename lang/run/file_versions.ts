/** The versions of a file that an editor changes. */
import { EarlierCheck } from "../check/earlier_check.ts";
import { TextReader } from "../syntax/reread.ts";

/** What the versions of one file have in common: declarations that do not change are read once. */
export class FileVersions {
  reader: TextReader = new TextReader();
  checks: EarlierCheck = new EarlierCheck();

  /** Has the next version read as if it were the first one. */
  forget(): void {
    this.reader = new TextReader();
    this.checks = new EarlierCheck();
  }
}
