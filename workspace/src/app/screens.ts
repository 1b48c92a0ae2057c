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
}

export const screens: Screen[] = [
  {
    name: "contacts",
    path: "/contacts",
    roles: ["agent", "supervisor", "admin"],
    icon: IconHeadset,
    component: lazy(() => load(() => import("../screens/contacts"))),
  },
  {
    name: "callbacks",
    path: "/callbacks",
    roles: ["agent", "supervisor", "admin"],
    icon: IconPhoneCall,
    component: lazy(() => load(() => import("../screens/callbacks"))),
  },
  {
    name: "history",
    path: "/history",
    roles: ["supervisor", "admin"],
    icon: IconHistory,
    component: lazy(() => load(() => import("../screens/history"))),
  },
  {
    name: "monitor",
    path: "/monitor",
    roles: ["supervisor", "admin"],
    icon: IconDashboard,
    component: lazy(() => load(() => import("../screens/monitor"))),
  },
  {
    name: "admin",
    path: "/admin",
    roles: ["supervisor", "admin"],
    icon: IconSettings,
    component: lazy(() => load(() => import("../screens/admin"))),
  },
];
