import { CloseButton, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { type RefObject, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

/** How long a pause in typing, in milliseconds, has the list asked for. */
const pause = 300;

/** 絞り込み. */
export function FindField({
  value,
  onChange,
  inputRef,
}: {
  value: string;
  onChange: (value: string) => void;
  inputRef: RefObject<HTMLInputElement | null>;
}) {
  const { t } = useTranslation(["callbacks", "common"]);
  const [typed, setTyped] = useState(value);
  const later = useDebouncedCallback(onChange, pause);
  // The URL may change otherwise: by Back, or by clearing the filters.
  useEffect(() => setTyped(value), [value]);
  const clear = () => {
    setTyped("");
    onChange("");
  };
  return (
    <TextInput
      ref={inputRef}
      type="search"
      label={t("list.find")}
      placeholder={t("list.findHint")}
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={typed !== "" && <CloseButton size="sm" aria-label={t("common:action.clear")} onClick={clear} />}
      maxLength={200}
      w={280}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        later(event.currentTarget.value);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !event.nativeEvent.isComposing) clear();
      }}
    />
  );
}
