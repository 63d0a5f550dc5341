/** The versions of a file that an editor changes. */
import { EarlierCheck } from "../check/earlier_check.ts";
import { TextReader } from "../syntax/reread.ts";

/** Shared by the versions of one file: declarations that do not change are read once. */
export class FileVersions {
  reader: TextReader = new TextReader();
  checks: EarlierCheck = new EarlierCheck();

  /** Discards the shared results: the next version is read like a first one. */
  forget(): void {
    this.reader = new TextReader();
    this.checks = new EarlierCheck();
  }
}
