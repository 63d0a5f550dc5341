/** The medium of a disk: blocks, and the metadata that goes with each. */
import type { Bytes, HostBudget } from "@dmalab/runtime";
import { PatternStore } from "./pattern_store.ts";

/** Tag of a fresh disk's data: the 8 bytes at byte x hold 0x5A00_0000_0000_0000 + x. */
const DATA_TAG_HIGH = 0x5a00_0000;
/** Tag of its metadata, counted in metadata bytes: 0x4D00_0000_0000_0000 + x. */
const METADATA_TAG_HIGH = 0x4d00_0000;

export interface MediaOptions {
  /** Size of a logical block's data, a power of two from 512. */
  readonly blockSizeBytes: Bytes;
  /** Rounded down to whole blocks. */
  readonly capacityBytes: Bytes;
  /** Metadata of each block, kept apart from the data; 0 is none. */
  readonly metadataBytes: Bytes;
  readonly budget: HostBudget;
}

export class Media {
  readonly blockSizeBytes: Bytes;
  readonly metadataBytes: Bytes;
  /** Logical blocks: one more than the last address. */
  readonly blockCount: number;
  readonly data: PatternStore;
  /** The metadata of block n begins at byte n × `metadataBytes`. */
  readonly metadata: PatternStore;

  constructor(options: MediaOptions) {
    this.blockSizeBytes = options.blockSizeBytes;
    this.metadataBytes = options.metadataBytes;
    this.blockCount = Math.floor(options.capacityBytes / options.blockSizeBytes);
    this.data = new PatternStore(
      DATA_TAG_HIGH,
      this.blockCount * this.blockSizeBytes,
      options.budget,
    );
    this.metadata = new PatternStore(
      METADATA_TAG_HIGH,
      this.blockCount * this.metadataBytes,
      options.budget,
    );
  }

  /** Forgets blocks: they read as zeros, and so does their metadata. */
  zeroBlocks(lba: number, blocks: number): void {
    this.data.zero(lba * this.blockSizeBytes, blocks * this.blockSizeBytes);
    if (this.metadataBytes > 0) {
      this.metadata.zero(lba * this.metadataBytes, blocks * this.metadataBytes);
    }
  }
}
