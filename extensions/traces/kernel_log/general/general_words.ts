/** Which lines may be about DMA by their words, and which of them have the form of a log's line. */
import { isCommand, isOfSource } from "./driver_names.ts";
import { objectIn, withoutFiles } from "./line_objects.ts";
import { WordScanner } from "../word_scanner.ts";

/** A quick test: false for a line that certainly is not about DMA. */
const WORDS = [
  ...["dma", "mmu", "vfio", "swiotlb", "nvme", "iova", "scatter", "coherent", "cma", "bounce"],
  ...["descriptor", "hugepage", "vt-d", "amd-vi", "hostdev", "gart", "gtt", "ttm", "passthrough"],
  ...["ibv_", "_ib_", "_mr", "userptr", "remapping", "infiniband", "p2p", "mlx4_", "mlx5_"],
  ...["ib_mlx", "qp 0x", "wqe", "mr of", "reg mr", "register m", "registered m", "memory reg"],
  ...["request flushed", "mmap a", "mmap s", "mmap o", "net/ib", "gdrdma", "got compl"],
  ...[" 4g", " 4 g", "32bit", "32-bit", "32 bit", "nents=", "get pte", "get pages", "import fd"],
  ...[" mr", "user pages", "umem", "passthru", "corb", "rirb", "create_dumb", "dumb buf", " map "],
  ...["mem_register", "vtophys", "access_plat", "iommu_plat", "translate g"],
];
const MENTIONS = new WordScanner(WORDS);
/** The last words count only beside others. */
const MAY_MENTION = new WordScanner([...WORDS, "bus", "cqe", "guest", "virtual", "memory"]);
const MENTION =
  /bus.?master|\bcqe\b|guest +mem|guest +phys|guest +virt|virtual +addr|memory.?region/;
/** Lines in which such a word is only a name: a command line, a file system's disk, a mode of a disk. */
const NO_MENTION =
  /ommand line:|BOOT_IMAGE=|Modules linked in|^\s*(?:\[<[0-9a-f]+>\] )?\(?[\w.]+\)?\+0x[0-9a-f]+|\bat [\w.\/:]*[\w ]*\+0x[0-9a-f]+|dma[-\/]debug\.c|coherent detector|coherent LUT|\bEXT[234]-fs|\bXFS\b|BTRFS|F2FS|JBD2|\bsystemd\b|(?:udev|mount)\w*\[|Tainted: |^\[?[\w.-]+@[\w.-]+[:~ \]]|^[\w.-]+:[~\/]\S*[#$] |^[$#] |^(?:\[[^\]]*\] )?(?:RIP|EIP|PC is|LR is|pc :|lr :|Workqueue)\b|Function entered at|from \[<|Linux version|Hardware name:/i;

/** `#1  0x00005590afe82b8b in vfio_dma_map (container=…`, a frame as a debugger prints it, and its place. */
const DEBUGGER_FRAME =
  /^\s*#\d{1,4}\s+(?:0x[0-9a-f]+ in )?(?!\w*assert)([A-Za-z_][\w:~]*) ?\(|^\s*at \/?[\w.+\/-]+\.(?:c|cc|cpp|h|hpp|rs|go):\d+\s*$/;

/** Whether a line is a frame of a stack that a debugger prints: it says who called whom. */
export function isDebuggerFrame(text: string): boolean {
  return DEBUGGER_FRAME.test(text);
}

/** Whether a line has a word about DMA only as a name, or as the mode of a disk. */
export function isOnlyName(text: string): boolean {
  return NO_MENTION.test(text);
}

/** `<xdma> text`, the prefix of a module. */
const OF_MODULE = /^<[a-z]\w*> /;

/** A quick test: false for a line that certainly has no word about DMA. */
export function mayMention(text: string): boolean {
  const lower = text.toLowerCase();
  return MAY_MENTION.hasAny(lower) && (MENTIONS.hasAny(lower) || MENTION.test(lower));
}

/** Words about PCI and memory, in lines that are about DMA only in a wide sense. */
const WIDE =
  /(?:\b|_)pcie|\bpci\d?\b.{0,40}\b(?:scan|init|link|bus|bridge|bar|window|slot|port|device)|\bBARs?\b|\bBAR\d|bridge window|\bmem-info\b|lowmem_reserve|\bhotplug\b.*\bpci/i;

/** Whether a line is about DMA at most in a wide sense. */
export function isWide(text: string): boolean {
  return WIDE.test(text);
}

/** Whether a line may be one that is read by its anatomy. */
export function mayBeGeneral(text: string): boolean {
  return mayMention(text) && !NO_MENTION.test(text) && !isCommand(text) &&
    (!isOfSource(text) || OF_MODULE.test(text));
}

/** Whether a line has a word about DMA. */
export function mentionsDma(text: string): boolean {
  return mayBeGeneral(text) && objectIn(withoutFiles(text)) !== null;
}

/**
 * Text in front of a message: one or two names and a colon, a tag in brackets, a level. A sentence of a
 * reporter that has a colon begins with other words.
 */
const SHAPES =
  /^\s*(?:assert(?:ion)?\b|Guru Meditation|\[[\w .:@/*>-]{2,40}\]|\[drm[^\]]{0,60}\]|<\w+>|\*?(?:ERROR|WARN(?:ING)?|INFO|NOTICE|DEBUG|FATAL|ERR)\*?\b:?|[\w.@/-]+(?:\[\d+\])?(?: [\w.:@-]+){0,2}(?:\(\w*\))?: ?\S|\w+::\w|\w+_\w+ \w+)/;
const OF_REPORTER =
  /^\s*(?:one|note|edit|update|steps?|expected|actual|questions?|problem|issue|thanks|hi|hello|see|also|but|and|so|then|the|this|that|i|we|it|if|when|for|in|on|my|here|there|is|are|a|an|as|what|how|why|output|result|example|todo|fix(?:es|ed)?|reason|cause|summary|because|with|after|before|subject|re|from|to|date|signed-off-by|reported-by)\b/i;

/** Whether a line without a time has the form of a log's line. */
export function isLogShaped(text: string): boolean {
  return text.length <= MAX_SHAPED && SHAPES.test(text) && !OF_REPORTER.test(text) &&
    !isProse(text);
}

const MAX_SHAPED = 400;
/** An error as a program in Rust prints it: `VfioNoGroup("/sys/…")`. */
const OF_RUST = /^(?:Error: |error: )?[A-Z][a-z]\w*[A-Z]\w*\(.*\)?$/;

/** The words of an error of a program in Rust: `Vfio No Group("/sys/…")`; null for another line. */
export function rustWordsIn(text: string): string | null {
  return OF_RUST.test(text) ? text.replace(/([a-z])([A-Z])/g, "$1 $2") : null;
}

const COMMON = /\b(?:the|a|an|my|I|we|you|this|that|is|are|was|were|and|have|can)\b/g;

/** Whether a text is a sentence of a reporter: it has many of the most common words. */
export function isProse(text: string): boolean {
  const words = text.trim().split(/\s+/).length;
  return words >= 6 && (text.match(COMMON)?.length ?? 0) * 4 >= words;
}

const QUOTED = /`([^`]{12,300})`|"([^"]{12,300})"/;

/** A message that a sentence quotes; null without one. */
export function quotedIn(text: string): string | null {
  const found = QUOTED.exec(text);
  return found === null ? null : found[1] ?? found[2]!;
}

/** `iommu_detach_device_pasid+0x5a/0xa0`, a frame of a stack. */
const FRAME =
  /\b(\w*(?:iommu|smmu|swiotlb|vfio|iopf|iova|alloc_contig|cma_alloc|p2p_|p2pdma|(?:get|pin)_user_pages|ib_umem|dma_(?:map|unmap|alloc|free|sync|direct|buf))\w*)\+0x[0-9a-f]+\/0x/;

/** The function of DMA in a frame of a stack; null for another line. */
export function frameIn(text: string): string | null {
  const called = DEBUGGER_FRAME.exec(text)?.[1];
  if (called !== undefined) return FRAME.exec(`${called}+0x0/0x`)?.[1] ?? null;
  return text.includes("+0x") ? FRAME.exec(text)?.[1] ?? null : null;
}
