/** Statuses of work completions of RDMA: which side refused, and what. */
import type { LogEntryFacts } from "../log_facts.ts";
import { type Cause, type MessageRow, numberOf } from "./message.ts";

type Side = "flushed" | "key" | "other_side" | "retries" | "other";

/** Statuses of libibverbs (ibv_wc_status), from 0. */
export const WC_STATUSES: readonly (readonly [name: string, side: Side])[] = [
  ["success", "other"],
  ["local length error", "other"],
  ["local operation error of the queue pair", "other"],
  ["local error of the end-to-end context", "other"],
  ["local protection error: a key or a range that the memory region does not have", "key"],
  [
    "flushed: the queue pair was in the error state already, so an earlier completion has the reason",
    "flushed",
  ],
  ["error of binding a memory window", "other"],
  ["bad response", "other"],
  ["local access error", "key"],
  ["invalid request, by the other side", "other_side"],
  ["access error of the other side: its key, range or rights", "other_side"],
  ["operation error of the other side", "other_side"],
  ["retries exceeded: the other side did not answer", "retries"],
  ["receiver not ready: retries exceeded", "retries"],
];

/** Syndromes of a completion of mlx5, which are other numbers. */
const OF_MLX5: Readonly<Record<number, readonly [name: string, side: Side]>> = {
  0x01: ["local length error", "other"],
  0x02: ["local operation error of the queue pair", "other"],
  0x04: ["local protection error", "key"],
  0x05: ["flushed", "flushed"],
  0x06: ["error of binding a memory window", "other"],
  0x10: ["bad response", "other"],
  0x11: ["local access error", "key"],
  0x12: ["invalid request, by the other side", "other_side"],
  0x13: ["access error of the other side", "other_side"],
  0x14: ["operation error of the other side", "other_side"],
  0x15: ["retries exceeded: the other side did not answer", "retries"],
  0x16: ["receiver not ready: retries exceeded", "retries"],
  0x22: ["aborted", "other_side"],
};

function sideOf(facts: LogEntryFacts): Side {
  return WC_STATUSES[numberOf(facts, "wc_status")]?.[1] ??
    OF_MLX5[numberOf(facts, "cqe_syndrome")]?.[1] ?? "other";
}

function statusText(facts: LogEntryFacts): string {
  if (typeof facts.status_text === "string") return `: ${facts.status_text}`;
  const [ofVerbs] = WC_STATUSES[numberOf(facts, "wc_status")] ?? [];
  if (ofVerbs !== undefined) return `, by its number: ${ofVerbs}`;
  const [name] = OF_MLX5[numberOf(facts, "cqe_syndrome")] ?? [];
  return name === undefined ? "" : `: ${name}, by its syndrome`;
}

const when = (side: Side) => (facts: LogEntryFacts) => sideOf(facts) === side;

const CAUSES: readonly Cause[] = [
  {
    id: "key",
    when: when("key"),
    certainty: "possible",
    text:
      "an address or a length beyond its memory region, a region that was deregistered too early, a key of another region or protection domain, a right that the region does not have, or memory of a GPU that the adapter does not reach",
    next: [
      "print address, length and key of the request and compare them with the program's registrations; check that no region is deregistered while requests use it, and look at the kernel's log of the same second for a fault of an IOMMU",
      "where the memory is a GPU's: do without direct access as a trial (for NCCL NCCL_NET_GDR_LEVEL=0); if that helps, look at ACS of the bridges between the two (`lspci -vvv`: ACSCtl), at the IOMMU (translation or pass-through), and at the module that gives GPU memory to the adapter (nvidia_peermem)",
    ],
  },
  {
    id: "flushed",
    when: when("flushed"),
    certainty: "possible",
    text:
      "the queue pair was in its error state already, by an earlier completion with an error or by a disconnect, which is also how a queue ends in order",
    next: [
      "look for the first completion of the queue pair with another status: it has the reason",
    ],
  },
  {
    id: "other_side",
    when: when("other_side"),
    certainty: "possible",
    text:
      "the other machine refused the request: its region, key, range or rights, or its program or adapter had an error",
    next: [
      "look at the log of the other machine, and at the address and the key that it gave away",
    ],
  },
  {
    id: "retries",
    when: when("retries"),
    certainty: "possible",
    text:
      "the other side did not answer, or had no receive posted: it ended or hangs, its link is down, or the path loses packets (MTU, GID, flow control)",
    next: [
      "look whether the other side runs and what it logs, and at the counters of both ports (`rdma statistic`, `ethtool -S`)",
    ],
  },
  {
    id: "status",
    when: when("other"),
    certainty: "possible",
    text: "what the status names",
    next: ["look up the status and the vendor's number in the documentation of the adapter"],
  },
];

/** Completions of RDMA that ended with an error. */
export const COMPLETIONS: readonly MessageRow[] = ([
  {
    forms: [
      "{...}CQ error on Queue Pair {...} ({wc_status=count}): {status_text=rest}",
      "{...}NET/IB : Got completion from peer {...} with {~error |status=}{wc_status=count}{...}",
      "{...}NET/IB : Got completion with error {wc_status=count}{...}",
      "{...}WC error, {...}status: ({wc_status=count}): {status_text=rest}",
    ],
  },
  {
    forms: [
      "{...}ib_mlx5_log.c:{source_line=count} {status_text=text} on {device=ib_port}/{~IB|RoCE} (synd {cqe_syndrome=code} vend {vendor_syndrome=code}{...}",
      "mlx5: {...}: got completion with error:",
      "{?infiniband ?}{device}: {function}:{...}: {~Responder|Requestor} error cqe on cqn {...}",
    ],
    more: [
      {
        form: "{word_a=hex_word} {word_b=hex_word} {word_c=hex_word} {word_d=hex_word}",
        add: ({ word_b, word_c }, facts) => {
          // The fourth line has the bytes 48 to 63 of the entry.
          const rows = Number(facts.rows_read ?? 0) + 1;
          if (rows > 4) return null;
          const code = Number(word_b);
          return rows < 4 ? { ...facts, rows_read: rows } : {
            ...facts,
            rows_read: null,
            cqe_syndrome: code % 0x100,
            vendor_syndrome: Math.trunc(code / 0x100) % 0x100,
            queue_pair: Number(word_c) % 0x100_0000,
          };
        },
      },
      {
        form:
          "{?infiniband ?}{device}: {function}:{...}: syndrome {cqe_syndrome=code}, vendor syndrome {vendor_syndrome=code}",
        add: (found, facts) => found.device === facts.device ? ({ ...facts, ...found }) : null,
      },
    ],
  },
] satisfies readonly Partial<MessageRow>[]).map((row) => ({
  kind: "driver_dma_error",
  role: "report",
  means: (facts) => `A request of RDMA ended with an error${statusText(facts)}`,
  causes: CAUSES,
  ...row,
}));
