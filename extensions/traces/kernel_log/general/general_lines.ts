/**
 * The answer for a line about DMA that no row of the table has, from its anatomy: who prints it, what it is
 * about, what it says of that, and the errno. The answer claims no more than the words of the line.
 *
 * @see rules/traces.md T.59
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { errnoIn, errnoTextIn, withoutErrnoTexts } from "../messages/errno_words.ts";
import { busOf } from "../messages/device_place.ts";
import { TROUBLE_CAUSES, troubleIn } from "../messages/trouble_words.ts";
import type { MessageKind } from "../messages/kinds.ts";
import { type Cause, inOrder, type MessageRow } from "../messages/message.ts";
import { actIn, actNamed, ASSERTION, isEnd, NO_ACT, type ReasonGroup } from "./line_acts.ts";
import {
  areaObjectIn,
  MAP_OF_IOMMU,
  objectIn,
  objectNamed,
  type Reason,
  sideObjectIn,
  unmappedEntriesIn,
  withoutFiles,
} from "./line_objects.ts";
import { ESXI, type LineSpeaker, speakerOf, XEN } from "./line_speaker.ts";
import { UNKNOWN_SYSTEM } from "./log_system.ts";
import { isCutByPager } from "./cut_lines.ts";

/** What a line is: the facts for its entry. */
export interface LineAnatomy {
  readonly facts: LogEntryFacts;
  /** Whether the line says that something is wrong. */
  readonly isWrong: boolean;
  readonly kind: MessageKind;
}

/** What is known of a line. */
export interface AnatomyOptions {
  /** Whether the line is known to be of a part of the kernel that deals with DMA. */
  readonly isOfArea?: boolean;
  /** Whether the line is about DMA in a wide sense, also by its names. */
  readonly isWide?: boolean;
  /** Whether the line has the form of a log's line. */
  readonly isShaped?: boolean;
  /** The system whose log it is, if it is not Linux. */
  readonly system?: string | null;
}

/** The anatomy of a message; null if its words name no object of DMA. */
export function anatomyOf(
  text: string,
  { isOfArea = false, isShaped = true, isWide = false, system = null }: AnatomyOptions = {},
): LineAnatomy | null {
  const { said, speaker } = speakerOf(text, isShaped);
  const object = objectIn(withoutFiles(said), withoutFiles(text)) ??
    (isOfArea ? areaObjectIn(said, text) : isWide ? sideObjectIn(text) : null);
  if (object === null) return null;
  const act = actIn(withoutErrnoTexts(said), text);
  const what = (act.groups ?? []).length === 0 || !HAS_TROUBLES.test(object.name)
    ? null
    : troubleIn(said);
  const hasReason =
    act.groups?.some((group) => (OF_VERBS[group] ?? object[group]) !== undefined) === true;
  return {
    facts: {
      ...speaker,
      object: object.name,
      says: act.name,
      ...what === null || hasReason && !OWN_TROUBLES.has(what) ? {} : { what },
      errno: errnoIn(text),
      // A driver with its device, and a program of user space, are of Linux if no line says otherwise.
      ...speaker.program === ESXI || speaker.program === XEN
        ? { system: speaker.program }
        : system === null ||
            system === UNKNOWN_SYSTEM && (isProven(speaker) || OF_LINUX.has(object.name))
        ? {}
        : { system },
    },
    isWrong: act.groups !== null,
    kind: object.kind,
  };
}

/** Objects that are parts of Linux, or of programs that are most often run on it. */
const OF_LINUX: ReadonlySet<string> = new Set([
  ...["VFIO", "IOMMU group", "virtual IOMMU", "IOVA mode of DPDK"],
  ...["RDMA registration", "RDMA completion", "flushed work request"],
]);

const isProven = ({ device, driver, program }: LineSpeaker) =>
  driver !== undefined || device !== undefined ||
  program !== undefined && !/^the code of .*\.[ch]$/.test(program);

function speakerText({ driver, event, function: name, prefix, program }: LogEntryFacts): string {
  if (typeof event === "string") return `An event of the trace of ${program} (${event})`;
  if (typeof program === "string") return `A line of ${program}`;
  if (typeof driver === "string") return `A line of the driver ${driver}`;
  if (typeof prefix === "string") return `A line that begins with "${prefix}"`;
  return typeof name === "string" ? `A line of ${name}()` : "A line";
}

/** What a line says, in words; no more than its words say. */
function generalMeaning(facts: LogEntryFacts): string {
  const object = objectNamed(facts.object);
  const act = actNamed(facts.says);
  if (object === null || act === null) return "A line with words about DMA";
  const ofObject = typeof object.about === "function"
    ? object.about(String(facts.text))
    : object.about ?? "";
  const about = ofObject === "" ? "" : `. ${ofObject}`;
  const begin = `${speakerText(facts)} with words about ${object.noun}`;
  const code = errnoTextIn(facts.errno, object.name);
  const registers = hasRegister(String(facts.text))
    ? ". The values of registers in it are not read"
    : "";
  const said = act.text === "" ? begin : `${begin}. By its words, ${act.text}`;
  const end = `${about}${code === "" ? "" : `. ${sentence(code)}`}${registers}`;
  if (act.name === NO_ACT.name) return `${begin}, and without one of an error${end}`;
  if (act.groups !== null && act.text === "") {
    return `${begin}. It is marked as an error${end}`;
  }
  return `${said}${end}`;
}

/** A name with a value in hex, and the names of registers: `edma_err_cause=00000084`, `CSR: 0x10000`. */
const HEX_VALUES = /\b([a-z]\w*)[=:] ?(?:0x[0-9a-f]{2,8}|[0-9a-f]{8})\b(?![.:-])/gi;
const IS_REGISTER = /cause|stat|reg|csr|ctrl|cfg|mask|err|ccr|isr|irq|int_/i;

function hasRegister(text: string): boolean {
  return text.matchAll(HEX_VALUES).some(([, name]) => IS_REGISTER.test(name!));
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}`;
}

const GROUPS: readonly (readonly [ReasonGroup, string])[] = [
  ["got", "not_got"],
  ["ended", "not_ended"],
  ["valid", "not_valid"],
  ["used", "in_use"],
  ["silent", "no_answer"],
  ["linked", "not_linked"],
];

/** Reasons that the verb alone gives, whatever the object is. */
const OF_VERBS: Partial<Record<ReasonGroup, Reason>> = {
  used: {
    text:
      "another driver, device or program, or an earlier use of this one, holds it; the line may name it",
    next:
      "look who holds it: what the line names, the driver of the device (lspci -nnk), the openers of its file (fuser -v), /proc/iomem",
  },
  linked: {
    text:
      "the module was built for another kernel or configuration, or the module or the option of the kernel that has the symbol is not there",
    next:
      "look which module has the symbol (`grep SYMBOL /proc/kallsyms`, `modinfo`), and build the module for the kernel that runs",
  },
  silent: {
    text:
      "the device does not answer reads: it is not configured (an FPGA without its design, a BAR of another function), in reset or in a power saving state, its memory decoding is off, or its link is down",
    next:
      "look at the function's state (`lspci -vv`: Mem+, D0, LnkSta, the BARs) and for PCI Express errors in the same seconds; of an FPGA, whether its design is loaded and which BAR it expects",
  },
};

/** Memory that a program of user space wants for DMA: it has no mask and no contiguous area of its own. */
const OF_PROGRAM: Reason = {
  text:
    "the program's own pool is used up, its limit of locked memory is too low, or it has too few huge pages",
  next:
    "look at the limit of locked memory (`ulimit -l`, RLIMIT_MEMLOCK), at the huge pages (HugePages_ in /proc/meminfo), at the settings of the program's pool, and at the kernel's log of the same seconds",
};

/** Objects that are there: a want of memory is no want of them. */
const NEED_MEMORY = new Set<unknown>(["IOMMU", "IOMMU domain", "NVMe", "firmware", "link"]);
const NO_MEMORY: Reason = {
  text:
    "the kernel had no memory of the kind that was asked for: contiguous memory within a DMA mask, or memory below a limit, is short or in pieces, or the size is too large",
  next:
    "look at the lines before it (`page allocation failure` with its order, cma:, swiotlb), at the size that the line names, and at free memory at that time; in a kernel for a crash (crashkernel=) give it more memory",
};

/** A controller that a program drives by itself: the kernel's driver does not have it. */
const OF_PROGRAM_NVME: Reason = {
  text:
    "what the program's lines before it name, such as memory that it did not get; or the controller was removed, does not answer reads of its registers, hangs, or was given to another driver: no mapping is named",
  next:
    "the program drives the controller itself, so that the kernel's nvme driver has no state of it: look at the program's log from its start for the first error of this address, at `lspci -vv` of the function (`rev ff` is no answer), and at the kernel's log of the same second (hotplug, AER, vfio-pci)",
};

/** Words about finding or starting a controller or a target. */
const FINDS_CONTROLLER =
  /connect|discover|subsys|\baddr|transport|attach|probe|\bfind|not found|detect|creat|\badd\b|\bopen|no such|ready|identify|start/i;

/** For Xen's tools the IOMMU is Xen's, and not that of the kernel of dom0. */
const XEN_IOMMU: Reason = {
  text:
    "Xen uses no IOMMU: it is off in the firmware's setup or on Xen's command line (iommu=), or the machine has none",
  next:
    "look at `xl dmesg` (`I/O virtualisation enabled`, VT-d or AMD-Vi) and `xl info` (virt_caps: hvm_directio), at iommu= on Xen's command line, and at the firmware's setup",
};

/** Objects that are memory of a program. */
const OF_PROGRAMS = new Set<unknown>(["guest memory", "registered memory"]);

/** Objects for which the words of a trouble are meant: engines and what they move. */
const HAS_TROUBLES = /^(?:DMA\b(?! (?:mask|mapping|pool|register))|probe)/;

/** Words that say more than the object: data that are wrong, a probe, an alignment. */
const OWN_TROUBLES = new Set<unknown>(["data", "alignment", "underrun", "probe", "request"]);

/** Words of a transfer under way, to which the reasons why something was not got do not apply. */
const AT_WORK = /transfer|xfer|(?<!_)callback|complet|copy/i;

function reasonOf(
  { device, driver, errno, object, program, says, system, text, what }: LogEntryFacts,
  group: ReasonGroup,
) {
  // The reasons and what to look at are those of Linux and its programs.
  if (system !== undefined) return undefined;
  if (program === "Xen's libxl" && object === "IOMMU") {
    return group === "got" ? XEN_IOMMU : undefined;
  }
  // A driver has no limit of locked memory and no huge pages of its own.
  if (OF_PROGRAMS.has(object) && driver !== undefined) return undefined;
  const isNoMemory = group === "got" && says === "no memory";
  if (isNoMemory && (OF_PROGRAMS.has(object) || object === "DMA buffer" && isOfUser(program))) {
    return OF_PROGRAM;
  }
  const isOfSpdk = typeof program === "string" && /^SPDK \((?:bdev_)?nvme[_.]/.test(program);
  if (isOfSpdk && isNoMemory) return OF_PROGRAM;
  if (isNoMemory && NEED_MEMORY.has(object)) return NO_MEMORY;
  if (isOfSpdk && (object === "NVMe" || object === "registers")) {
    const isLost = group === "got" && says !== "not valid" || group === "ended";
    return isLost && actNamed(says)?.groups?.includes(group) === true ? OF_PROGRAM_NVME : undefined;
  }
  // The numbers of entries say more than the object.
  if (unmappedEntriesIn(String(text)) !== null) return undefined;
  // A setting of a controller that answers says nothing of its address.
  if (object === "NVMe" && group === "got" && !FINDS_CONTROLLER.test(String(text))) {
    return undefined;
  }
  if (OWN_TROUBLES.has(what) || actNamed(says)?.groups?.includes(group) !== true) return undefined;
  const found = OF_VERBS[group] === undefined
    ? objectNamed(object)
    : { ...OF_VERBS, isGot: undefined, gotOfPci: undefined };
  // A call that was refused for its arguments did not fail for want of anything.
  if (group === "got" && (errno === -22 || errno === -95 || errno === -38)) return found?.valid;
  const isOfFailed = group === "got" && says === "failed";
  const isLeftOut = isOfFailed && (found?.isGot !== true || AT_WORK.test(String(text)));
  if (isLeftOut) return undefined;
  if (
    group === "got" && found?.gotOfPci !== undefined && busOf({ device: device ?? null }) === "pci"
  ) {
    return found.gotOfPci;
  }
  return found?.[group];
}

const isOfUser = (program: unknown) =>
  typeof program === "string" && !/firmware|ESXi|libxl|^the code of .*\.[ch]$/.test(program);

const hasReason = (facts: LogEntryFacts) =>
  GROUPS.some(([group]) => reasonOf(facts, group) !== undefined);

/** A reason in the words of the line: `because …`, `due to …`, `reason: …`, words in brackets at its end. */
const STATED =
  /\b(?:because(?: of)?|due to|caused by|reason(?: is|:|=))\s+([^.;()]{3,80})|\(((?:no|not|already|only|needs?|requires?|missing)\b[^()]{1,60})\)\W*$/i;

/** `is the iommu enabled?` */
const ASKED = /\b((?:is|are|do|does|did|has|have) (?:the |you )?[\w -]{3,60}\?)/i;

/** The cause of a line that no row of the table knows: the reason that its words give, if they give one. */
function statedReason({ text }: LogEntryFacts): string {
  const asked = ASKED.exec(String(text))?.[1];
  if (asked !== undefined) return `the line itself only asks: "${asked}"`;
  const found = STATED.exec(withoutErrnoTexts(String(text)));
  const reason = (found?.[1] ?? found?.[2])?.trim();
  return reason === undefined || reason.toLowerCase() === "unknown"
    ? "dmalab does not know this line: the answer is from its words alone"
    : `the line says: "${reason}"`;
}

/** Causes as far as the object and the verb imply them, else those by other words of the line. */
const GENERAL_CAUSES: readonly Cause[] = [
  ...GROUPS.map(([group, id]): Cause => ({
    id,
    when: (facts) => reasonOf(facts, group) !== undefined,
    certainty: "possible",
    text: (facts) => reasonOf(facts, group)?.text ?? "",
    next: (facts) => [reasonOf(facts, group)?.next ?? ""],
  })),
  ...inOrder([
    {
      id: "failed_assertion",
      when: ({ says }) => says === ASSERTION,
      certainty: "unknown",
      text: "the code found a state that its author held for impossible; the words do not say why",
      next: [
        "look for the condition of the assertion in the source of the program, and for the first line of trouble before it",
      ],
    },
    {
      id: "ended_here",
      when: ({ says }) => isEnd(says),
      certainty: "unknown",
      text:
        "it ended here. The reason is what the line itself names, or trouble that the lines before it name",
      next: [
        "look for the first line of trouble before it, and below it for the stack, which names the caller",
      ],
    },
    {
      id: "not_mapped",
      when: ({ text }) => unmappedEntriesIn(String(text)) !== null,
      certainty: "possible",
      text:
        "the list was used as mapped before it was mapped for the device (dma_map_sgtable, dma_map_sg), the map failed and nobody looked at its result, or the code has to walk the entries of memory (orig_nents) and not the mapped ones (nents)",
      next: [
        "look in the code whether the list is mapped before this line and what the map returned; for entries of memory walk orig_nents (for_each_sgtable_sg), for DMA addresses the mapped ones (for_each_sgtable_dma_sg)",
      ],
    },
    {
      id: "own_words",
      when: ({ system }) => system !== undefined,
      certainty: "unknown",
      text: statedReason,
      next: ({ system }) => [
        `look for the first line of trouble before it, which is the nearest to the cause; give the whole log${
          system === UNKNOWN_SYSTEM ? "" : system === XEN ? " of Xen (`xl dmesg`)" : ` of ${system}`
        }, from its start to the trouble`,
      ],
    },
    ...TROUBLE_CAUSES,
    {
      id: "own_words",
      certainty: "unknown",
      text: statedReason,
      next: (facts) => [whereToLook(facts)],
    },
  ]).map((cause) => ({
    ...cause,
    when: (facts: LogEntryFacts) => !hasReason(facts) && (cause.when?.(facts) ?? true),
  })),
];

const IS_FUNCTION = /^(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i;
const FIRST_TROUBLE = "the first line of trouble is the nearest to the cause";

/** What to look at on a machine of which a line says no more than who printed it. */
function whereToLook({ device, driver, prefix, program }: LogEntryFacts): string {
  if (typeof program === "string") {
    return `look at the log of ${program} from its start, with more messages if it has a level for them, and at the kernel's log of the same second: ${FIRST_TROUBLE}`;
  }
  const name = [device, driver].find((each) => typeof each === "string");
  const lines = name === undefined
    ? typeof prefix === "string"
      ? `look at the other lines that begin with "${prefix}", from the start of the log`
      : "look at the lines of the seconds before it (`journalctl -k -b -o short-monotonic`)"
    : `look at all lines of ${name} since the boot (\`journalctl -k -b | grep -F "${name}"\`)`;
  const state = typeof device === "string" && IS_FUNCTION.test(device)
    ? `, and at the state of the function (\`lspci -vvnnk -s ${device}\` as root: its driver, DevSta, LnkSta, UESta)`
    : typeof driver === "string"
    ? `, and at the driver's version and parameters (\`modinfo ${driver}\`, /sys/module/${
      driver.replaceAll("-", "_")
    }/parameters)`
    : "";
  return `${lines}: ${FIRST_TROUBLE}${state}`;
}

const wrongRows = new Map<string, MessageRow>();

/** The row for a line of an object that says that something is wrong. @param isMap Whether it says that a map failed. */
function wrongRow(kind: MessageKind, isMap: boolean): MessageRow {
  return wrongRows.getOrInsertComputed(`${kind} ${isMap}`, () => ({
    kind,
    forms: [],
    isGeneral: true,
    role: "report",
    means: generalMeaning,
    causes: GENERAL_CAUSES,
    ...isMap ? { finding: "map_failed" } : {},
  }));
}

/** Objects that are maps, and words that one failed: an unmap is none. */
const MAPS: ReadonlySet<unknown> = new Set([MAP_OF_IOMMU, "DMA mapping"]);
const MAP_FAILED =
  /(?<!un)(?<!un[-_ ])map(?:ping|ped)?\b[^.;]{0,80}?\b(?:fail(?:s|ed|ure)?|error)\b|\b(?:fail(?:s|ed)?|unable|could(?: not|n't)|can(?:not|'t))\b[^.;]{0,30}?(?<!un)(?<!un[-_ ])map\b/i;

/** A line that the pager of journalctl has cut: its values are missing. */
const CUT: MessageRow = {
  kind: "pcie_detail",
  forms: [],
  role: "report",
  means:
    "A line that a pager has cut at the width of the terminal (`>` at its end): its values are not in the text, and nothing is said of them",
  next: ["give the uncut lines: `journalctl -k -b --no-pager > FILE`"],
};

/** A line without a word of trouble; it may have the values of an error beside it. */
const VALUES: MessageRow = {
  kind: "register_dump",
  forms: [],
  role: "state",
  means: generalMeaning,
};

/** A line about a fault that was read above, in the words of a driver. */
export const OF_FAULT_ABOVE: MessageRow = {
  kind: "register_dump",
  forms: [],
  role: "state",
  means: ({ fault_line }) =>
    `What a driver says of a fault, at the address of the one in line ${fault_line}`,
};

/** The row for a line with an anatomy. */
export function rowOfAnatomy({ facts, isWrong, kind }: LineAnatomy, text: string): MessageRow {
  if (isCutByPager(text)) return { ...CUT, kind: kind === "device_error" ? "pcie_detail" : kind };
  return isWrong ? wrongRow(kind, MAPS.has(facts.object) && MAP_FAILED.test(text)) : VALUES;
}
