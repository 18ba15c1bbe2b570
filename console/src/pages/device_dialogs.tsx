// What is asked to add a device, or to change one.
import { useState } from "preact/hooks";
import { patch, path, post, type Device } from "../api";
import { FormDialog, Overlap, ShownOnce, TextField, wordsOf } from "../forms";
import { linkTo } from "../route";
import { t } from "../texts";

type WithSecret = Device & { secret: string };

interface RotateProps {
  device: Device;
  close: () => void;
  rotated: () => void;
}

export function RotateDialog({ device, close, rotated }: RotateProps) {
  const [overlap, setOverlap] = useState("0");
  const [secret, setSecret] = useState("");
  const rotate = async () => {
    const to = path("devices", device.product, device.name, "secret");
    const answer = await post<WithSecret>(to, { overlap_s: Number(overlap) });
    setSecret(answer.secret);
    rotated();
  };
  if (secret)
    return <ShownOnce title={t("new_secret")} text={t("secret_once", { device: device.name })} secret={secret} close={close} />;
  return (
    <FormDialog title={t("new_secret")} button={t("make_secret")} act={rotate} close={close}>
      <p>{t("new_secret_what")}</p>
      <Overlap value={overlap} set={setOverlap} />
    </FormDialog>
  );
}

export function TagsDialog({ device, close, set }: { device: Device; close: () => void; set: (device: Device) => void }) {
  const [text, setText] = useState(device.tags.join(" "));
  const save = async () => {
    set(await patch<Device>(path("devices", device.product, device.name), { tags: wordsOf(text) }));
    close();
  };
  return (
    <FormDialog title={t("tags_of", { device: device.name })} button={t("save")} act={save} close={close}>
      <TextField label={t("tags")} value={text} set={setText} note={t("tags_what")} />
    </FormDialog>
  );
}

export function AddDevice({ product, close, added }: { product: string; close: () => void; added: () => void }) {
  const [name, setName] = useState("");
  const [tags, setTags] = useState("");
  const [secret, setSecret] = useState("");
  const add = async () => {
    const answer = await post<WithSecret>("/devices", { product, name, tags: wordsOf(tags) });
    setSecret(answer.secret);
    added();
  };
  if (secret)
    return (
      <ShownOnce title={t("device_added")} text={t("secret_once", { device: name })} secret={secret} close={close}>
        <p>
          <a href={linkTo("devices", product, name)}>{`${product}/${name}`}</a>
        </p>
      </ShownOnce>
    );
  return (
    <FormDialog title={t("device_add_to", { product })} button={t("device_add")} ready={name !== ""} act={add} close={close}>
      <TextField label={t("name")} value={name} set={(value) => setName(value.trim())} note={t("name_what")} />
      <TextField label={t("tags")} value={tags} set={setTags} note={t("tags_what")} />
    </FormDialog>
  );
}
