import { Box, Button, Group, Text } from "@mantine/core";
import { IconCircleCheck, IconPlugConnectedX } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import classes from "./ConnectionBanner.module.css";
import { connectNow, useLive } from "./events";

/** A connection that is lost for less than this, in milliseconds, is not worth a word. */
const hush = 1_000;
/** How long the good news stays, in milliseconds. */
const goodNews = 5_000;

/** Says that the page is cut off from the server, and when it is not any more. */
export function ConnectionBanner() {
  const { t } = useTranslation();
  const { connection, reloadedAt } = useLive();
  const [shown, setShown] = useState<"none" | "lost" | "back">("none");
  const lostAt = useRef(0);
  useEffect(() => {
    if (connection === "lost") {
      lostAt.current = Date.now();
      const timer = setTimeout(() => setShown("lost"), hush);
      return () => clearTimeout(timer);
    }
    setShown((before) => (before === "none" ? "none" : "back"));
    const timer = setTimeout(() => setShown("none"), goodNews);
    return () => clearTimeout(timer);
  }, [connection]);
  const reloaded = reloadedAt !== null && reloadedAt > lostAt.current;
  return (
    <Box role="status" aria-live="polite" className={classes.place ?? ""}>
      {shown === "lost" && (
        <Group className={`${classes.banner} ${classes.lost}`} gap="sm" justify="center">
          <IconPlugConnectedX size={18} aria-hidden />
          <Text size="sm" fw={600}>
            {t("connection.lost")}
          </Text>
          <Button size="compact-sm" variant="white" color="dark" onClick={connectNow}>
            {t("connection.now")}
          </Button>
        </Group>
      )}
      {shown === "back" && (
        <Group className={`${classes.banner} ${classes.back}`} gap="sm" justify="center">
          <IconCircleCheck size={18} aria-hidden />
          <Text size="sm" fw={600}>
            {t(reloaded ? "connection.reloaded" : "connection.back")}
          </Text>
        </Group>
      )}
    </Box>
  );
}
