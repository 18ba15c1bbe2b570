// What only admins see: users, tokens, the audit log, the settings.
import type { Role } from "./api";
import type { EventType } from "./events";

interface Granted {
  name: string;
  role: Role;
  /** Null: all of them. */
  products: string[] | null;
  created_at: string;
}

export interface User extends Granted {
  changed_at: string;
}

export interface Token extends Granted {
  expires_at: string | null;
  used_at: string | null;
}

export interface AuditRecord {
  seq: number;
  time: string;
  time_ms: number;
  actor: string;
  from: string;
  action: string;
  object: string;
  product: string;
  before: unknown;
  after: unknown;
  prev: string;
  hash: string;
}

export interface AuditHead {
  seq: number;
  hash: string;
}

export interface Setting {
  name: string;
  type: "number" | "seconds" | "yes_no" | "text";
  value: number | boolean | string | null;
  default: number | boolean | string | null;
  help: string;
}

interface Limits {
  product_bytes: number;
  product_files: number;
  device_bytes: number;
  device_files: number;
}

export interface Quota {
  product: string;
  own: boolean;
  limits: Limits;
  used: { bytes: number; files: number };
}

export interface Webhook {
  id: string;
  url: string;
  /** Empty: all. */
  types: EventType[];
  product: string | null;
  device: string | null;
  state: "active" | "disabled" | "parked";
  failures: number;
  failing_since: string | null;
  next_attempt_at: string | null;
  last_error: string | null;
  last_success_at: string | null;
  old_secret_until: string | null;
}
