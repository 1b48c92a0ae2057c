import { Button, Group, Input, NativeSelect, SegmentedControl, VisuallyHidden } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import type { RefObject } from "react";
import { useTranslation } from "react-i18next";
import { firstPage } from "../../callbacks/useCallbackList";
import { FilterMenu } from "./FilterMenu";
import { FindField } from "./FindField";
import { type ListState, type Show, sorts } from "./query";

/** What stands above the list: 絞り込み, フィルター, ソート対象, ソート順, リロード. */
export function Toolbar({
  state,
  show,
  findRef,
  newCount,
  reload,
  reloading,
}: {
  state: ListState;
  show: Show;
  findRef: RefObject<HTMLInputElement | null>;
  newCount: number;
  reload: () => void;
  reloading: boolean;
}) {
  const { t } = useTranslation(["callbacks", "common"]);
  return (
    <Group gap="sm" align="flex-end">
      <FindField value={state.q} onChange={(q) => show({ q, ...firstPage })} inputRef={findRef} />
      <FilterMenu state={state} show={show} />
      <NativeSelect
        label={t("list.sort")}
        value={state.sort}
        data={sorts.map((value) => ({ value, label: t(`list.sortBy.${value}`) }))}
        onChange={(event) => show({ sort: sorts.find((s) => s === event.currentTarget.value) ?? "id", ...firstPage })}
      />
      <Input.Wrapper label={t("list.order")} labelElement="div">
        <SegmentedControl
          display="flex"
          aria-label={t("list.order")}
          value={state.order}
          data={[
            { value: "asc", label: t("list.asc") },
            { value: "desc", label: t("list.desc") },
          ]}
          onChange={(order) => show({ order, ...firstPage })}
        />
      </Input.Wrapper>
      <Button
        ml="auto"
        variant={newCount > 0 ? "filled" : "default"}
        leftSection={<IconRefresh size={16} aria-hidden />}
        loading={reloading}
        onClick={reload}
      >
        {newCount > 0 ? t("list.reloadNew", { count: newCount }) : t("common:action.reload")}
      </Button>
      <VisuallyHidden role="status">{newCount > 0 && t("list.new", { count: newCount })}</VisuallyHidden>
    </Group>
  );
}
