/**
 * The name of an event, with properties that depend on the name only; computed once for each name instead
 * of for each line.
 */
import { type DmaReader, dmaReaderOf } from "./dma_event.ts";

export class TracedEventName {
  /** The parser for the event if the ledger needs it, else undefined. */
  readonly dmaReader: DmaReader | undefined;
  /**
   * Whether the event is one of a call, rather than within a call as events of an IOMMU's queue
   * are.
   */
  readonly isCall: boolean;

  /** Whether it is an event of the DMA API. */
  readonly isDma: boolean;

  readonly text: string;

  constructor(text: string) {
    this.text = sharedText(text);
    this.dmaReader = dmaReaderOf(text);
    this.isDma = text.startsWith("dma_");
    this.isCall = this.dmaReader !== undefined || /^(?:nvme|block|dma)_/.test(text);
  }
}

/**
 * The engine's interned copy of a text, which it can compare with literals by identity: the key of an object is
 * interned.
 */
function sharedText(text: string): string {
  return Object.keys({ [text]: null })[0]!;
}
