// One file that a device sent: what it is, how it looks, and what the device reported about it.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { get, isWhole, path, remove, urlOf, type Upload } from "../api";
import { isGone } from "../events";
import { useOne } from "../list";
import { Confirm, Facts, Failure, Heading, Percent, Refresh, State, useDoing } from "../parts";
import { readPreview, type Preview } from "../preview";
import { go, linkTo } from "../route";
import { useMayChange } from "../session";
import { bytesText, t, timeText } from "../texts";
import { Reports, resultText } from "./reports";

function facts(upload: Upload): [string, ComponentChildren][] {
  return [
    [t("device"), <a href={linkTo("devices", upload.product, upload.device)}>{`${upload.product}/${upload.device}`}</a>],
    [t("size"), bytesText(upload.size)],
    [t("state"), <State state={upload.state} />],
    [t("progress"), <Percent value={upload.percent} label={upload.name} />],
    [t("result"), resultText(upload) || "–"],
    [t("sent"), timeText(upload.created_at)],
    [t("stored"), timeText(upload.stored_at)],
    ["MD5", <code>{upload.md5}</code>],
  ];
}

function Shown({ preview, name }: { preview: Preview; name: string }) {
  const [broken, setBroken] = useState(false);
  if (preview.kind === "none" || broken) return <p>{t("preview_none")}</p>;
  if (preview.kind === "image") return <img class="preview" src={preview.url} alt={name} onError={() => setBroken(true)} />;
  return (
    <>
      <pre class="preview" tabIndex={0} aria-label={name}>
        {preview.text}
      </pre>
      {!preview.whole && <p class="note">{t("preview_part")}</p>}
    </>
  );
}

function PreviewPart({ upload }: { upload: Upload }) {
  const [preview, setPreview] = useState<Preview | null>(null);
  const doing = useDoing();
  return (
    <section>
      <h2>{t("preview")}</h2>
      {preview ? (
        <Shown preview={preview} name={upload.name} />
      ) : (
        <button type="button" disabled={doing.busy} onClick={() => doing.run(async () => setPreview(await readPreview(upload)))}>
          {t("preview_show")}
        </button>
      )}
      <Failure error={doing.error} />
    </section>
  );
}

function Actions({ upload }: { upload: Upload }) {
  const mayChange = useMayChange();
  const [leaving, setLeaving] = useState(false);
  return (
    <>
      {isWhole(upload) && (
        <a class="button" href={urlOf(path("uploads", upload.id, "content"))} download>
          {t("fetch")}
        </a>
      )}
      {mayChange && (
        <button type="button" class="danger" onClick={() => setLeaving(true)}>
          {t("delete")}
        </button>
      )}
      {leaving && (
        <Confirm
          title={t("delete_name", { name: upload.name })} text={t("delete_upload_what")} button={t("delete")}
          close={() => setLeaving(false)}
          act={async () => {
            await remove(path("uploads", upload.id));
            go("uploads");
          }}
        />
      )}
    </>
  );
}

export function UploadPage({ id }: { id: string }) {
  const to = path("uploads", id);
  const { value, error, refresh } = useOne(id, () => get<Upload>(to), ["upload"], (one) => one.task === id, isGone);
  return (
    <>
      <Heading title={value?.name ?? t("upload")}>
        <Refresh onClick={refresh} />
        {value && <Actions upload={value} />}
      </Heading>
      <Failure error={error} retry={refresh} />
      {value && <Facts rows={facts(value)} />}
      {value && isWhole(value) && <PreviewPart upload={value} />}
      <Reports path={`${to}/reports`} topic="upload" task={id} />
    </>
  );
}
