import { Group, Stack, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { setPageTitle } from "./title";

/** The frame of a screen: its heading, which is the window's title too, what stands beside it, and its content. */
export function Page({ title, aside, children }: { title: string; aside?: ReactNode; children?: ReactNode }) {
  useEffect(() => setPageTitle(title), [title]);
  return (
    <Stack gap="md" p="md">
      <Group justify="space-between" gap="md">
        <Title order={1} size="h3">
          {title}
        </Title>
        {aside}
      </Group>
      {children}
    </Stack>
  );
}
