import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { api, read } from "../../../api/client";
import type { Webhook } from "../../../api/types";
import { useConfirm } from "../../../ui/confirm";

/** What can be done to a webhook, besides changing it. Each asks first where something is lost. */
export function useActions(webhook: Webhook) {
  const { t } = useTranslation("admin");
  const confirm = useConfirm();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [secret, setSecret] = useState<{ secret: string; until: string } | null>(null);
  const { id, name } = webhook;
  const params = { path: { id } };
  const refresh = () => void queries.invalidateQueries({ queryKey: ["webhooks"] });

  const ping = useMutation({
    mutationFn: () => read(api.POST("/webhooks/{id}/ping", { params })),
    onSettled: refresh,
  });
  const toggle = useMutation({
    mutationFn: (active: boolean) => read(api.PATCH("/webhooks/{id}", { params, body: { active } })),
    onSuccess: (now) => {
      queries.setQueryData(["webhooks", "one", id], now);
      notifications.show({ message: t(now.state === "active" ? "webhooks.enabled" : "webhooks.paused", { name }) });
    },
    onSettled: refresh,
  });
  const rotate = useMutation({
    mutationFn: () => read(api.POST("/webhooks/{id}/secret", { params })),
    onSuccess: (made) => setSecret({ secret: made.secret, until: made.old_secret_until }),
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: () => read(api.DELETE("/webhooks/{id}", { params })),
    onSuccess: () => {
      notifications.show({ message: t("webhooks.deleted", { name }) });
      navigate("/webhooks");
      queries.removeQueries({ queryKey: ["webhooks", "one", id] });
      void queries.invalidateQueries({ queryKey: ["webhooks", "list"] });
    },
  });
  const all = [ping, toggle, rotate, remove];
  // An error stands until something else is done.
  const begin = () => {
    for (const mutation of all) if (mutation.isError) mutation.reset();
  };
  return {
    ping: () => {
      begin();
      ping.mutate();
    },
    toggle: async () => {
      const pauses = webhook.state === "active";
      if (pauses && !(await confirm({ message: t("webhooks.pauseConfirm", { name }), ok: t("webhooks.pause") })))
        return;
      begin();
      toggle.mutate(!pauses);
    },
    rotate: async () => {
      const message = t(webhook.old_secret_until === null ? "webhooks.rotateConfirm" : "webhooks.rotateAgainConfirm", {
        name,
      });
      if (!(await confirm({ message, ok: t("webhooks.rotate") }))) return;
      begin();
      rotate.mutate();
    },
    remove: async () => {
      const message = t("webhooks.deleteConfirm", { name });
      if (!(await confirm({ message, ok: t("webhooks.delete"), danger: true }))) return;
      begin();
      remove.mutate();
    },
    pinging: ping.isPending,
    switching: toggle.isPending,
    rotating: rotate.isPending,
    removing: remove.isPending,
    /** The test that was sent last. */
    pinged: ping.data?.id ?? null,
    secret,
    hideSecret: () => setSecret(null),
    error: all.find((mutation) => mutation.isError)?.error ?? null,
  };
}
