import { Button, Group, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { login } from "../../session/session";
import { useSite } from "../../site/site";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Elsewhere } from "./Elsewhere";

/** Name and password. With account, only that one may log in: the page beneath belongs to it. */
export function LoginForm({ account }: { account?: string }) {
  const { t } = useTranslation(["login", "common"]);
  const site = useSite();
  const [name, setName] = useState(account ?? "");
  const [password, setPassword] = useState("");
  const [capsLock, setCapsLock] = useState(false);
  const attempt = useMutation({
    mutationFn: (who: { name: string; password: string }) => login(who.name, who.password),
    onError: () => setPassword(""),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name !== "" && password !== "") attempt.mutate({ name, password });
  };
  return (
    <Stack gap="md">
      <Elsewhere />
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput
            label={t("name")}
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            readOnly={account !== undefined}
            data-autofocus={account === undefined ? true : undefined}
            maxLength={64}
            value={name}
            onChange={(e) => setName(e.currentTarget.value.trim())}
          />
          <PasswordInput
            label={t("password")}
            name="password"
            autoComplete="current-password"
            visibilityToggleButtonProps={{ "aria-label": t("showPassword") }}
            required
            data-autofocus={account === undefined ? undefined : true}
            value={password}
            onChange={(e) => setPassword(e.currentTarget.value)}
            onKeyUp={(e) => setCapsLock(e.getModifierState("CapsLock"))}
            description={capsLock ? t("capsLock") : undefined}
          />
          {attempt.isError && <ErrorMessage error={attempt.error} />}
          <Button type="submit" loading={attempt.isPending} fullWidth>
            {t("submit")}
          </Button>
        </Stack>
      </form>
      {site?.demo_accounts && account === undefined && (
        <Stack gap="xs">
          <Text size="sm" fw={600} component="h2">
            {t("demo")}
          </Text>
          {site.demo_accounts.map((demo) => (
            <Group key={demo.name} justify="space-between" wrap="nowrap">
              <Text size="sm">
                {demo.display_name} · {t(`common:role.${demo.role}`)} · <code>{demo.name}</code> /{" "}
                <code>{demo.password}</code>
              </Text>
              <Button
                size="compact-sm"
                variant="default"
                flex="none"
                aria-label={t("demoUse", { name: demo.display_name })}
                disabled={attempt.isPending}
                onClick={() => attempt.mutate({ name: demo.name, password: demo.password })}
              >
                {t("submit")}
              </Button>
            </Group>
          ))}
        </Stack>
      )}
    </Stack>
  );
}
