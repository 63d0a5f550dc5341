/** A function while its listing is read: each line adds facts. */
import { ACS_SERVICES, type AcsService } from "@dmalab/devices";
import { idsByName } from "./device_names.ts";
import type { HeaderRest } from "./function_header.ts";
import type {
  BridgeWindow,
  ListedAcs,
  ListedAddress,
  ListedBar,
  ListedBusNumbers,
  ListedFunction,
  PortType,
} from "./listed_function.ts";

/** A BAR with its index, if the text has one: `-v` does not number BARs. */
export interface FoundBar extends Omit<ListedBar, "index"> {
  readonly index: number | null;
}

export class GrowingFunction {
  classCode: number | null = null;
  className: string | null = null;
  vendor: number | null = null;
  device: number | null = null;
  name: string | null = null;
  portType: PortType | null = null;
  buses: ListedBusNumbers | null = null;
  bars: FoundBar[] = [];
  windows: BridgeWindow[] = [];
  acsListed = false;
  acsCapable: ReadonlySet<AcsService> | null = null;
  acsEnabled: ReadonlySet<AcsService> | null = null;
  /** Whether the registers show that the function has no ACS capability. */
  acsRuledOut = false;
  iommuGroup: number | null = null;
  numaNode: number | null = null;
  driver: string | null = null;
  gone = false;
  /** Signs of how many of the function's capabilities the text shows. */
  readonly sight = {
    /**
     * Registers or `Flags`/`Control` are shown. Then the text also shows capabilities, if there are
     * any.
     */
    detailed: false,
    /** The status register says `Cap+`: the function has capabilities. */
    promised: false,
    /** At least one capability is shown, or `<access denied>` in place of them. */
    begun: false,
    /** `<access denied>` is shown in place of the capabilities. */
    denied: false,
    /** Other text follows the last capability. This shows that no capability is cut off. */
    closed: false,
  };
  /** Bytes of a dump, by their offsets. */
  registers: Uint8Array | null = null;
  /** Number of the bytes, from the first on, that are shown without a gap. */
  registerBytes = 0;

  /** @param address Set again later if the text names the function only by its path. */
  constructor(public address: ListedAddress, readonly line: number) {}

  /** Takes those facts from a header that no earlier line has given. */
  takeHeader(header: HeaderRest & { readonly gone: boolean }): void {
    this.classCode ??= header.classCode;
    this.className ??= header.className;
    this.vendor ??= header.vendor;
    this.device ??= header.device;
    this.name ??= header.name;
    this.gone ||= header.gone;
  }

  /** Adds the facts that another listing gives about the same function. */
  join(other: GrowingFunction): void {
    this.takeHeader(other);
    this.portType ??= other.portType;
    this.buses ??= other.buses;
    this.#joinBars(other.bars);
    if (this.windows.length === 0) this.windows = other.windows;
    this.acsListed ||= other.acsListed;
    this.acsCapable ??= other.acsCapable;
    this.acsEnabled ??= other.acsEnabled;
    this.acsRuledOut ||= other.acsRuledOut;
    this.iommuGroup ??= other.iommuGroup;
    this.numaNode ??= other.numaNode;
    this.driver ??= other.driver;
    this.sight.denied = (this.sight.denied || other.sight.denied) && !this.#seen && !other.#seen;
    for (const shown of ["detailed", "promised", "begun", "closed"] as const) {
      this.sight[shown] ||= other.sight[shown];
    }
  }

  /** The function with all facts found. */
  finish(): ListedFunction {
    const ids = this.vendor === null && this.name !== null ? idsByName(this.name) : null;
    return {
      address: this.address,
      line: this.line,
      classCode: this.classCode,
      className: this.className,
      vendor: this.vendor ?? ids?.vendor ?? null,
      device: this.device ?? ids?.device ?? null,
      name: this.name,
      portType: this.portType,
      buses: this.buses,
      bars: numbered(this.bars),
      windows: this.windows,
      acs: this.#acs(),
      iommuGroup: this.iommuGroup,
      numaNode: this.numaNode,
      driver: this.driver,
      gone: this.gone,
    };
  }

  /**
   * Adds what another source gives about the BARs. Text gives the sizes of BARs, registers
   * sometimes give the other values. Each BAR takes only the values that it lacks.
   */
  #joinBars(others: readonly FoundBar[]): void {
    if (this.bars.length === 0) {
      this.bars = [...others];
      return;
    }
    const byIndex = new Map(numbered(others).map((bar) => [bar.index, bar]));
    this.bars = numbered(this.bars).map((bar) => {
      const other = byIndex.get(bar.index);
      return other === undefined || other.space !== bar.space ? bar : {
        ...bar,
        base: bar.base ?? other.base,
        sizeBytes: bar.sizeBytes ?? other.sizeBytes,
      };
    });
  }

  /** Whether all capabilities are shown, so that a capability that is not shown does not exist. */
  get #seen(): boolean {
    const { detailed, promised, begun, denied, closed } = this.sight;
    return detailed && closed && !denied && (begun || !promised);
  }

  #acs(): ListedAcs {
    if (this.acsListed) {
      return { state: "present", capable: this.acsCapable, enabled: this.acsEnabled };
    }
    const state = this.acsRuledOut || this.#seen ? "absent" : "unknown";
    return { state, capable: null, enabled: null };
  }
}

/** Gives each BAR without a number the next free one, in the order of the listing. */
function numbered(bars: readonly FoundBar[]): ListedBar[] {
  let next = 0;
  const result: ListedBar[] = [];
  for (const bar of bars) {
    const index = bar.index ?? next;
    if (index > 5) break;
    result.push({ ...bar, index });
    next = index + (bar.bits === 64 ? 2 : 1);
  }
  return result;
}

/** The services in a register of Access Control Services. @see PCI Express Base Specification, 7.7.11 */
export function servicesOf(register: number): ReadonlySet<AcsService> {
  return new Set(ACS_SERVICES.filter((_, bit) => (register >> bit) % 2 === 1));
}
