import { Button, Group, getDefaultZIndex, Modal, Stack } from "@mantine/core";
import { createContext, type ReactNode, useCallback, useContext, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

interface Question {
  message: string;
  /** What stands on the button that agrees; OK when left out. */
  ok?: string;
  /** Whether agreeing takes something away that does not come back. */
  danger?: boolean;
}

type Confirm = (question: Question | string) => Promise<boolean>;

const ConfirmContext = createContext<Confirm>(() => Promise.resolve(false));

/**
 * Returns the function that asks the user, OK or キャンセル:
 *
 *     if (await confirm(t("saveQuestion"))) save.mutate(…);
 */
export function useConfirm(): Confirm {
  return useContext(ConfirmContext);
}

export function ConfirmProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const [question, setQuestion] = useState<Question | null>(null);
  const [opened, setOpened] = useState(false);
  const resolve = useRef<(answer: boolean) => void>(() => {});
  const ask = useCallback<Confirm>((q) => {
    resolve.current(false); // a question that was left unanswered
    setQuestion(typeof q === "string" ? { message: q } : q);
    setOpened(true);
    return new Promise((r) => {
      resolve.current = r;
    });
  }, []);
  const answer = (agreed: boolean) => {
    setOpened(false);
    resolve.current(agreed);
  };
  return (
    <ConfirmContext.Provider value={ask}>
      {children}
      <Modal
        opened={opened}
        onClose={() => answer(false)}
        withCloseButton={false}
        size="sm"
        centered
        // Above the dialog or drawer from which it is asked.
        zIndex={getDefaultZIndex("modal") + 50}
        title={question?.message}
      >
        <Stack gap="lg">
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={() => answer(false)}>
              {t("action.cancel")}
            </Button>
            <Button data-autofocus {...(question?.danger ? { color: "red.9" } : {})} onClick={() => answer(true)}>
              {question?.ok ?? t("action.ok")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </ConfirmContext.Provider>
  );
}
