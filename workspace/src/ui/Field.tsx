import { Box, Text } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Field.module.css";

/** The fields of a record, for Field inside of it. */
export function Fields({ children }: { children: ReactNode }) {
  return (
    <Box component="dl" className={classes.fields ?? ""}>
      {children}
    </Box>
  );
}

/** A field's name and value, with what can be done to it beside. */
export function Field({ label, children, action }: { label: string; children: ReactNode; action?: ReactNode }) {
  return (
    <div className={classes.field}>
      <Text component="dt" size="sm" c="dimmed">
        {label}
      </Text>
      <Box component="dd" className={classes.value ?? ""}>
        <div className={classes.text}>{children}</div>
        {action}
      </Box>
    </div>
  );
}
