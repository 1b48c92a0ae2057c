import { Box } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { ErrorMessage } from "../ui/ErrorMessage";

/** Keeps a fault of one screen from taking the page away. A screen whose module is gone after an update reloads. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <Box p="md">
        <ErrorMessage error={this.state.error} retry={() => window.location.reload()} />
      </Box>
    );
  }
}
