import type callback from "../callbacks/ja.json";
import type embed from "../embed/ja.json";
import type node from "../nodes/ja.json";
import type player from "../player/ja.json";
import type admin from "../screens/admin/ja.json";
import type callbacks from "../screens/callbacks/ja.json";
import type contacts from "../screens/contacts/ja.json";
import type history from "../screens/history/ja.json";
import type login from "../screens/login/ja.json";
import type monitor from "../screens/monitor/ja.json";
import type common from "./ja.json";

/** The namespaces, each a pair of files ja.json and en.json. Keys that are misspelt in the code do not compile. */
export interface Texts {
  common: typeof common;
  callback: typeof callback;
  embed: typeof embed;
  node: typeof node;
  player: typeof player;
  login: typeof login;
  contacts: typeof contacts;
  callbacks: typeof callbacks;
  history: typeof history;
  monitor: typeof monitor;
  admin: typeof admin;
}

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "common";
    resources: Texts;
    returnNull: false;
  }
}
