/** What has been compiled of sources in C, and what is wanted. */
import type { LabConfig } from "../../devices/lab_config.ts";
import type { SourceFile } from "../../lang/source.ts";
import type { CompiledC, CShelf } from "../../lang/values/c_module.ts";

/** A source for the machine of a configuration. */
export interface WantedC {
  readonly source: SourceFile;
  readonly config: LabConfig;
  readonly key: string;
}

export class HostShelf implements CShelf {
  /** What was asked for and is not there. */
  wanted: readonly WantedC[] = [];
  readonly #made = new Map<string, CompiledC>();

  find(source: SourceFile, config: LabConfig): CompiledC | null {
    const { kernel, pageSizeBytes, strategies } = config;
    // A release that is changed in one thing may have a call that it has not by itself.
    const key = JSON.stringify([source.name, kernel, pageSizeBytes, strategies]);
    const made = this.#made.get(key);
    if (made !== undefined) return made;
    if (!this.wanted.some((each) => each.key === key)) {
      this.wanted = [...this.wanted, { source, config, key }];
    }
    return null;
  }

  put({ key }: WantedC, compiled: CompiledC): void {
    this.#made.set(key, compiled);
    this.wanted = this.wanted.filter((each) => each.key !== key);
  }
}
