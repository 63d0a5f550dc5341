/**
 * The name of an event, with properties that depend only on the name. The properties are computed once
 * for each name, not for each line.
 */
import { type DmaReader, dmaReaderOf } from "./dma_event.ts";

export class TracedEventName {
  /** The parser for the event if the ledger needs it, else undefined. */
  readonly dmaReader: DmaReader | undefined;
  /** Whether the event represents a call. Events of an IOMMU's queue are within a call instead. */
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
 * The engine's interned copy of a text, which the engine can compare with literals by identity. The function
 * uses the text as the key of an object, because such keys are interned.
 */
function sharedText(text: string): string {
  return Object.keys({ [text]: null })[0]!;
}
