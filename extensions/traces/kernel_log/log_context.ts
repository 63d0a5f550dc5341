/**
 * Facts of the machine that other lines of the log give, and that decide which advice for a message
 * holds.
 */
import { LogSystem } from "./general/log_system.ts";
import type { LogEntryFacts } from "./log_facts.ts";
import type { MessageKind } from "./messages/kinds.ts";

/** Kinds of messages with advice that depends on memory encryption. */
const BOUNCED: ReadonlySet<MessageKind> = new Set(["swiotlb_full", "dma_overflow"]);

/** A line that says which features encrypt the memory, and one that says only that some do. */
const FEATURES = /Memory Encryption Features active: *(.*)/i;
const IS_ACTIVE = /Memory encryption is active and system is using DMA bounce buffers/i;
/** AMD's encryption of a host's own memory. All other features are those of guests. */
const HOST_FEATURE = /\bSME\b/;
const GUEST_FEATURE = /\b(?:SEV|SEV-ES|SEV-SNP|TDX)\b/;

/** The head of a warning, and the head of an oops; both print the registers of the CPU below. */
const WARNING = /\bWARNING: /;
const OOPS =
  /\b(?:Oops|nable to handle (?:kernel|page)|kernel BUG at|general protection fault|Internal error|soft lockup|hard LOCKUP|self-detected stall)\b|\[ cut here \]|\[ end trace /;

/** The severity of a record of the firmware, above its sections. */
const RECORD = /\[Hardware Error\]: +(?:Error \d+, type|event severity): (\w+)/;

/** The severities of a record, in the words of AER. */
const SEVERITIES: Readonly<Record<string, string>> = {
  corrected: "Corrected",
  recoverable: "Uncorrected (Non-Fatal)",
  fatal: "Uncorrected (Fatal)",
};

/** The kernel's command line, in the kernel's words or from /proc/cmdline. */
const COMMAND_LINE = /\b[Cc]ommand line: (.*)|(?:^|\s)(BOOT_IMAGE=.*)/;
/** Its options about IOMMUs. */
const IOMMU_OPTION = /(?<!\S)(?:intel_iommu|amd_iommu|iommu(?:\.\w+)?|arm-smmu\S{0,40})=\S+/g;

/** Collects the facts of a log, line by line. */
export class LogContext {
  /** Whether the registers of the last stack are those of a warning. */
  isInWarning = false;
  #encryption: "guest" | "host" | "guest or host" | null = null;
  #recordSeverity: string | null = null;
  /** The options about IOMMUs on the newest command line; `none` without any, null without a command line. */
  #iommuOptions: string | null = null;

  readonly #system = new LogSystem();

  /** The system whose log it is; null for Linux. */
  get system(): string | null {
    return this.#system.name;
  }

  /** Whether a line told that the log is of Linux, or of a program on it. */
  get isLinux(): boolean {
    return this.#system.isLinux;
  }

  push(text: string): void {
    this.#system.push(text);
    if (WARNING.test(text)) this.isInWarning = true;
    else if (this.isInWarning && OOPS.test(text)) this.isInWarning = false;
    if (text.includes("[Hardware Error]")) {
      this.#recordSeverity = RECORD.exec(text)?.[1] ?? this.#recordSeverity;
    }
    const options = text.includes("ommand line: ") || text.includes("BOOT_IMAGE=")
      ? COMMAND_LINE.exec(text)
      : null;
    if (options !== null) {
      const found = (options[1] ?? options[2]!).match(IOMMU_OPTION)?.join(" ");
      // The kernel prints its command line twice, and a paste may cut one of the two.
      if (found !== undefined) this.#iommuOptions = found;
      else this.#iommuOptions ??= "none";
    }
    const features = FEATURES.exec(text)?.[1];
    if (features !== undefined) {
      this.#encryption = GUEST_FEATURE.test(features)
        ? "guest"
        : HOST_FEATURE.test(features)
        ? "host"
        : "guest or host";
    } else if (this.#encryption === null && IS_ACTIVE.test(text)) {
      this.#encryption = "guest or host";
    }
  }

  /** The facts of a message, with what the whole log says of the kernel's command line. */
  ended(facts: LogEntryFacts): LogEntryFacts {
    return "iommu_options" in facts && this.#iommuOptions !== null
      ? { ...facts, iommu_options: this.#iommuOptions }
      : facts;
  }

  /** The facts of a message, with the machine's facts that concern it. */
  added(kind: MessageKind, facts: LogEntryFacts): LogEntryFacts {
    if ("record_severity" in facts && this.#recordSeverity !== null) {
      const severity = SEVERITIES[this.#recordSeverity] ?? null;
      return { ...facts, record_severity: this.#recordSeverity, severity };
    }
    return this.#encryption === null || !BOUNCED.has(kind)
      ? facts
      : { ...facts, encryption: this.#encryption };
  }
}
