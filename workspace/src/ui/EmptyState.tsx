import { Stack, Text, ThemeIcon } from "@mantine/core";
import { IconInbox } from "@tabler/icons-react";
import type { ComponentType, ReactNode } from "react";

/** Says that there is nothing here, why, and what to do next. */
export function EmptyState({
  title,
  hint,
  icon: Icon = IconInbox,
  action,
}: {
  title: string;
  hint: string;
  icon?: ComponentType<{ size?: number }>;
  action?: ReactNode;
}) {
  return (
    <Stack align="center" gap="xs" py="xl">
      <ThemeIcon variant="default" size={56} radius="xl" aria-hidden>
        <Icon size={28} />
      </ThemeIcon>
      <Text fw={600}>{title}</Text>
      <Text c="dimmed" size="sm" ta="center" maw={520}>
        {hint}
      </Text>
      {action}
    </Stack>
  );
}
