import { Kbd, Modal, Table } from "@mantine/core";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

/** A key and what it does. Keys are those of KeyboardEvent.key, such as "c", "/", "?" or "ArrowDown". */
export interface Shortcut {
  key: string;
  /** What it does, for the list of all shortcuts. */
  label: string;
  run: () => void;
  /** A shortcut that cannot do anything now is neither run nor listed. */
  disabled?: boolean;
}

type Register = (shortcuts: () => Shortcut[]) => () => void;

const ShortcutContext = createContext<Register>(() => () => {});

/**
 * Gives a component shortcuts for as long as it is shown. Single keys do nothing while the user types, composes
 * Japanese text, or answers a dialog; of two components that want one key the later shown gets it.
 */
export function useShortcuts(shortcuts: Shortcut[]): void {
  const register = useContext(ShortcutContext);
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => register(() => latest.current), [register]);
}

/** Tells whether a key press belongs to whatever has the focus. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.isComposing || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true;
  const target = event.target instanceof Element ? event.target : null;
  return (
    // A dialog that this very key has closed may be gone from the document, but the key was its.
    target?.closest(
      "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true], [role=menu], [role=listbox], [role=dialog]",
    ) != null || document.querySelector("[role=dialog][aria-modal=true]") !== null
  );
}

export function ShortcutProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const registered = useRef<(() => Shortcut[])[]>([]);
  const [listed, setListed] = useState<Shortcut[] | null>(null);
  const register = useMemo<Register>(
    () => (shortcuts) => {
      registered.current.push(shortcuts);
      return () => {
        registered.current = registered.current.filter((r) => r !== shortcuts);
      };
    },
    [],
  );
  const help = t("shortcuts.help");
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event)) return;
      const all = registered.current.flatMap((r) => r()).filter((s) => !s.disabled);
      const found = all.findLast((s) => s.key === event.key);
      if (found) {
        event.preventDefault();
        found.run();
      } else if (event.key === "?") {
        setListed([...all, { key: "?", label: help, run: () => {} }]);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [help]);
  return (
    <ShortcutContext.Provider value={register}>
      {children}
      <Modal
        opened={listed !== null}
        onClose={() => setListed(null)}
        title={t("shortcuts.title")}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        <Table>
          <Table.Tbody>
            {listed?.map((s) => (
              <Table.Tr key={s.key}>
                <Table.Td w={110}>
                  <Kbd>{s.key}</Kbd>
                </Table.Td>
                <Table.Td>{s.label}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Modal>
    </ShortcutContext.Provider>
  );
}
