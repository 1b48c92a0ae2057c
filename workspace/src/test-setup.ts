import { afterEach } from "vitest";
import { startTranslation } from "./i18n";

startTranslation();
afterEach(() => localStorage.clear());
