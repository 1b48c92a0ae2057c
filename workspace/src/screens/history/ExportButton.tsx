import { Button } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconFileTypeCsv } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { NoAnswerError, problemOf } from "../../api/problem";
import type { CallbackQuery } from "../../callbacks/useCallbackList";
import { currentLanguage } from "../../i18n";
import { errorText } from "../../ui/ErrorMessage";
import { csvAddress } from "./search";

/**
 * Fetches the whole result. A link would do, but would have the heading in the browser's language instead of the page's,
 * and leave a file when the answer is an error. However long it takes: the server ends what takes too long.
 */
async function fetchCSV(query: CallbackQuery): Promise<Blob> {
  const response = await fetch(csvAddress(query), { headers: { "Accept-Language": currentLanguage() } }).catch(
    (cause) => {
      throw new NoAnswerError("unreachable", { cause });
    },
  );
  if (!response.ok) throw problemOf(await response.json().catch(() => null), response);
  // A cut connection rejects here: a part is never saved for the whole.
  return response.blob().catch((cause) => {
    throw new NoAnswerError("unreachable", { cause });
  });
}

function save(file: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = "callbacks.csv";
  link.click();
  // The browser has taken hold of the file by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** CSV of the whole result. */
export function ExportButton({ query }: { query: CallbackQuery }) {
  const { t } = useTranslation("history");
  const { t: common } = useTranslation();
  const csv = useMutation({
    mutationFn: fetchCSV,
    onSuccess: save,
    onError: (error) => notifications.show({ color: "red", message: errorText(error, common) }),
  });
  return (
    <Button
      variant="default"
      size="xs"
      title={t("csvHint")}
      loading={csv.isPending}
      leftSection={<IconFileTypeCsv size={16} aria-hidden />}
      onClick={() => csv.mutate(query)}
    >
      {t("csv")}
    </Button>
  );
}
