import { Button, Group, Spoiler, Stack, Text, Textarea, Title } from "@mantine/core";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Callback } from "../../api/types";
import { type Conflict, conflictOf } from "../../callbacks/CallbackConflict";
import { useChangeCallback } from "../../callbacks/change";
import { useConfirm } from "../../ui/confirm";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { useShortcuts } from "../../ui/shortcuts";
import { memoDraft } from "./drafts";
import { Theirs } from "./Theirs";
import { type TextEditor, useTextEditor } from "./useTextEditor";

/** How many characters a memo may have. */
const longest = 2000;

/** Counts characters as people and the server do: one outside of the basic plane is one, not two. */
function lengthOf(text: string): number {
  return [...text].length;
}

export function useMemoEditor(callback: Callback): TextEditor {
  return useTextEditor(memoDraft(callback.id), callback, "memo");
}

/** メモ with 編集, 保存, キャンセル. */
export function Memo({
  callback,
  editor,
  onConflict,
}: {
  callback: Callback;
  editor: TextEditor;
  onConflict: (c: Conflict) => void;
}) {
  const { t } = useTranslation(["callback", "callbacks", "common"]);
  const button = useRef<HTMLButtonElement>(null);
  useShortcuts([{ key: "m", label: t("callbacks:key.memo"), run: editor.begin, disabled: editor.text !== null }]);
  return (
    <Stack gap="xs" component="section" aria-label={t("field.memo")}>
      <Group justify="space-between">
        <Title order={2} size="h5">
          {t("field.memo")}
        </Title>
        {editor.text === null && (
          <Button
            ref={button}
            size="xs"
            variant="default"
            aria-label={`${t("field.memo")} ${t("common:action.edit")}`}
            onClick={editor.begin}
          >
            {t("common:action.edit")}
          </Button>
        )}
      </Group>
      {editor.text === null ? (
        <Spoiler
          maxHeight={240}
          showLabel={t("callbacks:detail.wholeMemo")}
          hideLabel={t("callbacks:detail.lessMemo")}
          styles={{ control: { fontSize: "var(--mantine-font-size-sm)" } }}
        >
          <Text
            size="sm"
            {...(callback.memo === "" ? { c: "dimmed" } : {})}
            style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}
          >
            {callback.memo === "" ? t("callbacks:detail.noMemo") : callback.memo}
          </Text>
        </Spoiler>
      ) : (
        <MemoEditor
          id={callback.id}
          editor={editor}
          text={editor.text}
          onConflict={onConflict}
          onEnd={() => requestAnimationFrame(() => button.current?.focus())}
        />
      )}
    </Stack>
  );
}

function MemoEditor({
  id,
  editor,
  text,
  onConflict,
  onEnd,
}: {
  id: number;
  editor: TextEditor;
  text: string;
  onConflict: (c: Conflict) => void;
  onEnd: () => void;
}) {
  const { t } = useTranslation(["callback", "callbacks", "common"]);
  const confirm = useConfirm();
  const change = useChangeCallback();
  const length = lengthOf(text);
  const tooLong = length > longest;
  const end = () => {
    editor.end();
    onEnd();
  };
  const save = () => {
    if (tooLong || change.isPending) return;
    if (!editor.unsaved) return end();
    const { version } = editor;
    // A promise, since what is handed to mutate is not called once the page was left.
    change.mutateAsync({ id, change: { version, memo: text } }).then(
      (now) => {
        editor.saved(text, now);
        onEnd();
      },
      (error) => {
        const met = conflictOf(error, id, version);
        if (met) onConflict(met);
      },
    );
  };
  const cancel = async () => {
    if (!editor.unsaved || (await confirm({ message: t("callbacks:detail.discard"), danger: true }))) end();
  };
  const over = tooLong ? { error: t("callbacks:detail.tooLong", { count: length - longest }) } : {};
  return (
    <Stack gap="xs">
      <Textarea
        aria-label={t("field.memo")}
        autosize
        autoFocus
        onFocus={(event) => event.currentTarget.setSelectionRange(text.length, text.length)}
        minRows={4}
        maxRows={16}
        value={text}
        onChange={(event) => editor.type(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
        }}
        {...over}
      />
      <Theirs text={editor.theirs} take={(theirs) => editor.type(text === "" ? theirs : `${text}\n${theirs}`)} />
      {change.isError && !conflictOf(change.error, id, 0) && <ErrorMessage error={change.error} />}
      <Group gap="xs">
        <Button size="xs" loading={change.isPending} disabled={tooLong} onClick={save}>
          {t("common:action.save")}
        </Button>
        <Button size="xs" variant="default" onClick={() => void cancel()}>
          {t("common:action.cancel")}
        </Button>
        <Text size="xs" c={tooLong ? "red" : "dimmed"} ml="auto">
          {t("callbacks:detail.length", { length, longest })}
        </Text>
      </Group>
      {editor.unsaved && (
        <Text size="xs" c="dimmed">
          {t("callbacks:detail.kept")}
        </Text>
      )}
    </Stack>
  );
}
