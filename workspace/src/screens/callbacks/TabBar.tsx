import { ActionIcon } from "@mantine/core";
import { IconPencil, IconX } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { useDraft } from "../../drafts/useDraft";
import { contactDraft, memoDraft } from "./drafts";
import classes from "./TabBar.module.css";

/** The list and, one tab each, the callbacks that are open. */
export function TabBar({
  ids,
  current,
  hrefOf,
  close,
}: {
  ids: number[];
  current: number | null;
  hrefOf: (id: number | null) => string;
  close: (id: number) => void;
}) {
  const { t } = useTranslation("callbacks");
  return (
    <nav aria-label={t("tabs.label")} className={classes.bar}>
      <div className={classes.tab} data-current={current === null || undefined}>
        <Link href={hrefOf(null)} className={classes.link ?? ""} aria-current={current === null ? "page" : undefined}>
          {t("tabs.list")}
        </Link>
      </div>
      {ids.map((id) => (
        <Tab key={id} id={id} href={hrefOf(id)} current={id === current} close={() => close(id)} />
      ))}
    </nav>
  );
}

function Tab({ id, href, current, close }: { id: number; href: string; current: boolean; close: () => void }) {
  const { t } = useTranslation("callbacks");
  const ref = useRef<HTMLDivElement>(null);
  const unsaved = [useDraft(memoDraft(id)).draft, useDraft(contactDraft(id)).draft].some((d) => d !== null);
  useEffect(() => {
    if (current) ref.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  return (
    <div ref={ref} className={classes.tab} data-current={current || undefined}>
      <Link
        href={href}
        className={classes.link ?? ""}
        aria-current={current ? "page" : undefined}
        onKeyDown={(event) => {
          if (event.key === "Delete") close();
        }}
      >
        ID {id}
        {unsaved && <IconPencil size={14} role="img" aria-label={t("tabs.unsaved")} />}
      </Link>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("tabs.close", { id })} onClick={close}>
        <IconX size={14} aria-hidden />
      </ActionIcon>
    </div>
  );
}
