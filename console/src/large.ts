// A large file on its way to the platform: in parts, by the core protocol of tus, until it is there.
import { ApiError, get, path, post, remove, sendPart, type Resource, type ResourceUpload, type Sending } from "./api";

/** Below, sending again costs less than asking. */
export const largeBytes = 8 << 20;
const waitMostMs = 30_000;

/** The same file again, also after the page was loaded anew. */
function keyOf(product: string, file: File): string {
  return `upload ${product} ${file.name} ${file.size} ${file.lastModified}`;
}

/** Not there in private windows of some browsers: then only this page goes on. */
function remember(key: string, id: string | null): void {
  try {
    if (id) localStorage.setItem(key, id);
    else localStorage.removeItem(key);
  } catch {
    // nothing is lost but the way back after a reload
  }
}

function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function passes(problem: unknown): boolean {
  return problem instanceof ApiError && problem.code !== "aborted" && [0, 409, 423, 503].includes(problem.status);
}

class LargeSending {
  private stopped = false;
  private tries = 0;
  private most = 0;
  private request: { abort: () => void } | undefined;
  private id: string | undefined;
  private wake = () => {};

  constructor(
    private readonly product: string,
    private readonly file: File,
    private readonly sent: (bytes: number) => void,
    private readonly onWaiting: (waiting: boolean) => void,
  ) {}

  private onSent = (bytes: number) => {
    if (bytes > this.most) this.tries = 0;
    this.most = Math.max(this.most, bytes);
    this.sent(bytes);
  };

  private get key(): string {
    return keyOf(this.product, this.file);
  }

  private async begin(): Promise<ResourceUpload> {
    const known = this.id ?? recall(this.key);
    if (known) {
      try {
        this.id = known;
        return await get<ResourceUpload>(path("resource-uploads", known));
      } catch (problem) {
        if (!(problem instanceof ApiError) || problem.status !== 404) throw problem;
      }
    }
    const order = { product: this.product, name: this.file.name, size: this.file.size };
    const upload = await post<ResourceUpload>("/resource-uploads", order);
    this.id = upload.id;
    remember(this.key, upload.id);
    return upload;
  }

  /** One try. Null: it is not over yet. */
  private async goOn(): Promise<Resource | null> {
    const upload = await this.begin();
    if (this.stopped) throw new ApiError(0, "aborted", "");
    this.onWaiting(false);
    this.onSent(upload.offset);
    if (upload.resource) {
      const resource = await get<Resource>(path("resources", upload.resource));
      remember(this.key, null);
      await remove(path("resource-uploads", upload.id));
      return resource;
    }
    if (upload.offset < upload.size) {
      const part = sendPart(upload.id, upload.offset, this.file.slice(upload.offset), this.onSent);
      this.request = part;
      await part.done;
      return this.goOn();
    }
    return null;
  }

  private wait(): Promise<void> {
    this.onWaiting(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), Math.min(1000 * 2 ** this.tries, waitMostMs));
      this.wake = () => {
        clearTimeout(timer);
        removeEventListener("online", this.wake);
        resolve();
      };
      addEventListener("online", this.wake);
    });
  }

  async run(): Promise<Resource> {
    for (;;) {
      try {
        const resource = await this.goOn();
        if (resource) return resource;
      } catch (problem) {
        if (this.stopped || !passes(problem)) throw this.stopped ? new ApiError(0, "aborted", "") : problem;
      }
      await this.wait();
      this.tries++;
    }
  }

  /** Who stops it does not want it: what came is removed. */
  abort(): void {
    this.stopped = true;
    this.request?.abort();
    this.wake();
    remember(this.key, null);
    if (this.id) void remove(path("resource-uploads", this.id)).catch(() => undefined);
  }
}

export function sendLarge(
  product: string, file: File, onSent: (bytes: number) => void, onWaiting: (waiting: boolean) => void,
): Sending {
  const sending = new LargeSending(product, file, onSent, onWaiting);
  return { done: sending.run(), abort: () => sending.abort() };
}
