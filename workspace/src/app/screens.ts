import { IconDashboard, IconHeadset, IconHistory, IconPhoneCall, IconSettings } from "@tabler/icons-react";
import { type ComponentType, lazy } from "react";
import type { Role } from "../api/types";
import { load } from "./load";

/**
 * A screen of the page. Its module is loaded when it is first opened, exports the screen as default, and adds its own
 * texts.
 */
export interface Screen {
  name: "contacts" | "callbacks" | "history" | "monitor" | "admin";
  /** Where it is. Everything below is the screen's own; routes.json has the same folders, for the server. */
  path: `/${string}`;
  roles: Role[];
  icon: ComponentType<{ size?: number; stroke?: number }>;
  component: ComponentType;
  /** Loads the module ahead of showing it. */
  preload: () => Promise<unknown>;
}

function loaded(module: () => Promise<{ default: ComponentType }>): Pick<Screen, "component" | "preload"> {
  return { component: lazy(() => load(module)), preload: module };
}

export const screens: Screen[] = [
  {
    name: "contacts",
    path: "/contacts",
    roles: ["agent", "supervisor", "admin"],
    icon: IconHeadset,
    ...loaded(() => import("../screens/contacts")),
  },
  {
    name: "callbacks",
    path: "/callbacks",
    roles: ["agent", "supervisor", "admin"],
    icon: IconPhoneCall,
    ...loaded(() => import("../screens/callbacks")),
  },
  {
    name: "history",
    path: "/history",
    roles: ["supervisor", "admin"],
    icon: IconHistory,
    ...loaded(() => import("../screens/history")),
  },
  {
    name: "monitor",
    path: "/monitor",
    roles: ["supervisor", "admin"],
    icon: IconDashboard,
    ...loaded(() => import("../screens/monitor")),
  },
  {
    name: "admin",
    path: "/admin",
    roles: ["supervisor", "admin"],
    icon: IconSettings,
    ...loaded(() => import("../screens/admin")),
  },
];

export function isAt(location: string, screen: Screen): boolean {
  return location === screen.path || location.startsWith(`${screen.path}/`);
}

/** Loads the screen of an address while it is still being found out who is logged in. */
export function preloadScreen(location: string): void {
  const screen = screens.find((s) => isAt(location === "/" ? "/contacts" : location, s));
  // What cannot be loaded is told when it is shown.
  screen?.preload().catch(() => {});
}
