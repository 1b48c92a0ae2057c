import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { api, read } from "../../api/client";
import { isProblem, NoAnswerError } from "../../api/problem";
import type { Call } from "../../api/types";
import { callbackAddress } from "../../app/addresses";
import { putCallback } from "../../events/cache";

/** Registers a callback for a call, and opens it; also that which somebody else registered a moment before. */
export function useRegister() {
  const { t } = useTranslation("contacts");
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const open = (id: number) => navigate(`~${callbackAddress(id)}`);
  // One key for one intention: when an answer is lost, trying again gives the same callback, not an error.
  const intended = useRef<{ call: string; key: string } | null>(null);
  return useMutation({
    mutationFn: (call: Call) => {
      if (intended.current?.call !== call.request_id)
        intended.current = { call: call.request_id, key: crypto.randomUUID() };
      const header = { "Idempotency-Key": intended.current.key };
      const path = { request_id: call.request_id };
      return read(api.POST("/calls/{request_id}/callback", { params: { path, header } }));
    },
    retry: (count, error) => count < 2 && error instanceof NoAnswerError,
    onSuccess: ({ other_open_callbacks, ...callback }) => {
      intended.current = null;
      putCallback(queries, callback);
      notifications.show({
        color: "green",
        title: t("registered", { id: callback.id }),
        message: other_open_callbacks > 0 ? t("others", { count: other_open_callbacks }) : "",
      });
      open(callback.id);
    },
    onError: (error) => {
      if (!isProblem(error, "callback_exists") || error.problem.callback_id === undefined) return;
      notifications.show({ color: "blue", message: t("exists") });
      open(error.problem.callback_id);
    },
  });
}
