/** Lines about DMA by their words, for lines that no row of the table and no area has. */
import { errnoText } from "./messages/errno_words.ts";
import { saysWrong, TROUBLE_CAUSES } from "./messages/driver_lines.ts";
import { inOrder, type MessageRow } from "./messages/message.ts";

/** Words of lines about DMA; not the transfer mode of a disk, and not the command line. */
const MENTION =
  /\b(?:R?DMA|[a-z]*dma(?:buf|engine)?\d*|\w*_dma_\w+|\w+_DMA|\w+_dma|dma_\w+|iommu\w*|IOMMU|smmu|SMMU|vfio\w*|VFIO|swiotlb\w*|aer_event|NVMe|nvme\d*)\b/;
const NO_MENTION =
  /ommand line:|BOOT_IMAGE=|Modules linked in|configured for UDMA|\+0x[0-9a-f]+|dma[-\/]debug\.c/;
/** A line of the kernel without a time: `<name> text`, `name::text`. */
const WITH_NAME = /^(?:<[a-z]\w*> |\w+::\w)/i;
const WRONG =
  /\bWARNING: |\bBUG\b|\b(?:error|fail(?:ed|ure|s)?|fault|timed? ?out|timeout|abort(?:ed)?|invalid|cannot|can't|could not|unable|lost|stuck|hung|dead|refused|corrupt\w*)\b/i;

/** A quick test: false for a line that certainly has no such word. */
const MAY_MENTION = /dma|iommu|smmu|vfio|swiotlb|aer_|nvme/i;

/** Whether a line has a word about DMA. */
export function mentionsDma(text: string): boolean {
  return MAY_MENTION.test(text) && MENTION.test(text) && !NO_MENTION.test(text);
}

/** Whether a line without a time is one of the kernel, by its first word. */
export function beginsWithName(text: string): boolean {
  return WITH_NAME.test(text);
}

const STATE: MessageRow = {
  kind: "named",
  forms: [],
  role: "state",
  means:
    "A line with a word about DMA that no row of the table has; none of its words says that something is wrong",
};

const ERROR: MessageRow = {
  kind: "driver_dma_error",
  forms: [],
  role: "report",
  means: ({ errno }) =>
    `A line with a word about DMA that no row of the table has, and with one that says that something is wrong. It is no known message of the DMA API or of an IOMMU${
      errnoText(errno) === "" ? "" : `; ${errnoText(errno)}`
    }`,
  causes: inOrder([
    ...TROUBLE_CAUSES,
    {
      id: "own_words",
      certainty: "unknown",
      text: "the words are those of a driver or of a program: its source says when it prints them",
      next: [
        "look for the words in the source of the release (`git grep`), at the lines before it, and for a fault of an IOMMU in the same seconds: without one, no mapping is known to be wrong",
      ],
    },
  ]),
};

/** The row for a line with a word about DMA that nothing else reads. */
export function rowOfMention(text: string): MessageRow {
  return WRONG.test(text) || saysWrong(text) ? ERROR : STATE;
}
