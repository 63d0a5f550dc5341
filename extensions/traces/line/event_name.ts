/** The name of an event, and what follows from it: worked out once for each name and not for each line. */
import { type DmaReader, dmaReaderOf } from "./dma_event.ts";

export class TracedEventName {
  /** How the event is read that mappings are followed by; undefined for another one. */
  readonly dmaReader: DmaReader | undefined;
  /** It lies beside a call, and not within one as events of an IOMMU's queue do. */
  readonly isCall: boolean;

  /** It is one of the DMA API. */
  readonly isDma: boolean;

  readonly text: string;

  constructor(text: string) {
    this.text = sharedText(text);
    this.dmaReader = dmaReaderOf(text);
    this.isDma = text.startsWith("dma_");
    this.isCall = this.dmaReader !== undefined || /^(?:nvme|block|dma)_/.test(text);
  }
}

/** The engine's own copy of a text, which it compares with literals by its place: a key of an object is one. */
function sharedText(text: string): string {
  return Object.keys({ [text]: null })[0]!;
}
