// Shows that no record of the audit log was changed or taken away, as `ferryctl audit verify` does: every record carries the
// hash of the one before it and of its own content. Browsers give the hash only to pages over TLS or of this machine.
import { get, type Page } from "./api";
import type { AuditHead, AuditRecord } from "./admin";

export interface Verdict {
  records: number;
  /** Of these, records with a number that browsers cannot read: their hash was not compared. */
  skipped: number;
  /** The first record that is wrong, and how; 0: none. */
  bad: number;
  why?: "chain_missing" | "chain_broken" | "chain_changed" | "chain_begin" | "chain_end";
}

const zeros = "0".repeat(64);

export function canVerify(): boolean {
  return crypto.subtle !== undefined;
}

function hexOf(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** JSON.parse rounds whole numbers from here on. */
function isExact(state: unknown): boolean {
  if (typeof state === "number") return Number.isSafeInteger(state);
  return typeof state !== "object" || state === null || Object.values(state).every(isExact);
}

/** JSON as the platform writes it: it has \u001F where browsers have \u001f. */
function textOf(state: unknown): string {
  if (state === null) return "";
  return JSON.stringify(state).replace(/\\(\\|u[0-9a-f]{4})/g, (found, what: string) =>
    what === "\\" ? found : "\\u" + what.slice(1).toUpperCase(),
  );
}

async function hashOf(record: AuditRecord): Promise<string> {
  const { seq, time_ms, actor, from, action, object, product } = record;
  const fields = [String(seq), String(time_ms), actor, from, action, object, product, textOf(record.before), textOf(record.after)];
  const coder = new TextEncoder();
  const parts = [bytesOf(record.prev)];
  for (const field of fields) {
    const bytes = coder.encode(field);
    parts.push(coder.encode(`${bytes.length}:`), bytes, coder.encode(","));
  }
  return hexOf(await crypto.subtle.digest("SHA-256", await new Blob(parts as BlobPart[]).arrayBuffer()));
}

async function isChanged(record: AuditRecord): Promise<boolean> {
  return isExact(record.before) && isExact(record.after) && (await hashOf(record)) !== record.hash;
}

/** A record that says that older ones were removed after their time names the last of them. */
function tellsOfCut(record: AuditRecord, seq: number, hash: string): boolean {
  const cut = record.after as { seq?: number; hash?: string } | null;
  return record.action === "audit.cut" && cut?.seq === seq && cut?.hash === hash;
}

export async function verifyAudit(tell: (records: number) => void): Promise<Verdict> {
  const head = await get<AuditHead>("/audit/head"); // first: what is written meanwhile comes behind it
  let skipped = 0;
  const wrong = (bad: number, why: Verdict["why"]): Verdict => ({ records, skipped, bad, ...(why ? { why } : {}) });
  let [records, last, hash, begin, beginHash, beginKnown] = [0, 0, zeros, 0, zeros, true];
  let cursor: string | undefined;
  do {
    const page: Page<AuditRecord> = await get<Page<AuditRecord>>("/audit", { sort: "seq", limit: 250, cursor });
    for (const record of page.items) {
      if (records === 0 && record.seq > 1)
        [last, hash, begin, beginHash, beginKnown] = [record.seq - 1, record.prev, record.seq - 1, record.prev, false];
      if (record.seq !== last + 1) return wrong(last + 1, "chain_missing");
      if (record.prev !== hash) return wrong(record.seq, "chain_broken");
      if (await isChanged(record)) return wrong(record.seq, "chain_changed");
      if (!isExact(record.before) || !isExact(record.after)) skipped++;
      if (tellsOfCut(record, begin, beginHash)) beginKnown = true;
      records++;
      [last, hash] = [record.seq, record.hash];
      if (last === head.seq && hash !== head.hash) return wrong(last, "chain_end");
    }
    tell(records);
    cursor = page.next ?? undefined;
  } while (cursor);
  if (!beginKnown) return wrong(1, "chain_begin");
  if (last < head.seq) return wrong(last + 1, "chain_missing");
  return { records, skipped, bad: 0 };
}
