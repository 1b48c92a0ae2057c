import { Button, Group, Modal, Stack, Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

/** One thing that somebody else changed meanwhile, in words for people. */
export interface Conflict {
  what: string;
  from: string;
  to: string;
  by: string;
  at: string;
}

/** Short texts that are not to be broken for want of room: Japanese breaks anywhere. */
const whole = { whiteSpace: "nowrap" } as const;

/**
 * The dialog for 409 `stale`: nothing was changed, because somebody else was quicker. It says who changed what and
 * offers to reload; children may say what becomes of what the user typed.
 */
export function ConflictDialog({
  opened,
  conflicts,
  onReload,
  onClose,
  children,
}: {
  opened: boolean;
  conflicts: Conflict[];
  onReload: () => void;
  onClose: () => void;
  children?: ReactNode;
}) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("conflict.title")}
      closeButtonProps={{ "aria-label": t("action.close") }}
      centered
      size="lg"
    >
      <Stack gap="md">
        <Text fw={600}>{t("conflict.message")}</Text>
        {conflicts.length > 0 && (
          <Table withTableBorder>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col" style={whole}>
                  {t("conflict.what")}
                </Table.Th>
                <Table.Th scope="col">{t("conflict.from")}</Table.Th>
                <Table.Th scope="col">{t("conflict.to")}</Table.Th>
                <Table.Th scope="col">{t("conflict.by")}</Table.Th>
                <Table.Th scope="col">{t("conflict.at")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {conflicts.map((c) => (
                <Table.Tr key={`${c.what} ${c.at}`}>
                  <Table.Td style={whole}>{c.what}</Table.Td>
                  <Table.Td>{c.from}</Table.Td>
                  <Table.Td>{c.to}</Table.Td>
                  <Table.Td style={whole}>{c.by}</Table.Td>
                  <Table.Td>{c.at}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
        {children}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("action.close")}
          </Button>
          <Button data-autofocus onClick={onReload}>
            {t("action.reload")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
