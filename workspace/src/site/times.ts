import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Language } from "../i18n";
import { currentLanguage } from "../i18n";
import { useSite } from "./site";

/** Writes and reads times as people at the site do. */
export interface Times {
  /** 2026/11/20 10:08:02 (English: 20 Nov 2026, 10:08:02). Null and undefined are "-". */
  dateTime(at: string | null | undefined): string;
  /** The same without seconds and, for a day of this year, without the year. */
  short(at: string | null | undefined): string;
  /** 10:08:02 */
  time(at: string | null | undefined): string;
  /** A length of time: 1:05, 12:34:56; null is "-". */
  duration(seconds: number | null | undefined): string;
  /** How long ago something was, roughly: 28 秒前, 3 分前 (English: 28 seconds ago); null is "-". */
  ago(seconds: number | null | undefined): string;
  /** The day at the site now, or at a time, as 2026-11-20. */
  day(at?: Date): string;
  /** When a day such as 2026-11-20 begins at the site, as the API takes it. */
  dayBegins(day: string, plusDays?: number): string;
  /** A minute at the site as an input of type datetime-local has it: 2026-11-20T10:08. */
  toInput(at: Date): string;
  /** When such a minute is, as the API takes it; null for what is none. */
  fromInput(text: string): string | null;
}

const tags: Record<Language, string> = { ja: "ja-JP", en: "en-GB" };

export function timesFor(language: Language, timeZone: string, now: () => Date = () => new Date()): Times {
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(tags[language], { timeZone, hourCycle: "h23", ...options });
  const day =
    language === "ja" ? ({ month: "2-digit", day: "2-digit" } as const) : ({ month: "short", day: "numeric" } as const);
  const clock = { hour: "2-digit", minute: "2-digit" } as const;
  const full = format({ year: "numeric", ...day, ...clock, second: "2-digit" });
  const shortThisYear = format({ ...day, ...clock });
  const shortOther = format({ year: "numeric", ...day, ...clock });
  const time = format({ ...clock, second: "2-digit" });
  const iso = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
  const relative = new Intl.RelativeTimeFormat(tags[language], { numeric: "always" });
  const or = (at: string | null | undefined, f: (d: Date) => string) => (at == null ? "-" : f(new Date(at)));
  return {
    dateTime: (at) => or(at, (d) => full.format(d)),
    short: (at) =>
      or(at, (d) => {
        const thisYear = iso.format(d).slice(0, 4) === iso.format(now()).slice(0, 4);
        return (thisYear ? shortThisYear : shortOther).format(d);
      }),
    time: (at) => or(at, (d) => time.format(d)),
    duration: durationText,
    ago: (seconds) => (seconds == null ? "-" : agoText(relative, seconds)),
    day: (at = now()) => iso.format(at),
    dayBegins: (text, plusDays = 0) => dayBegins(text, plusDays, timeZone),
    toInput: (at) => new Date(at.getTime() + offset(at.getTime(), timeZone)).toISOString().slice(0, 16),
    fromInput: (text) => {
      const clock = Date.parse(`${text}Z`);
      return Number.isNaN(clock) ? null : instant(clock, timeZone);
    },
  };
}

function durationText(seconds: number | null | undefined): string {
  if (seconds == null) return "-";
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function agoText(format: Intl.RelativeTimeFormat, seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return format.format(-whole, "second");
  if (whole < 3600) return format.format(-Math.floor(whole / 60), "minute");
  if (whole < 48 * 3600) return format.format(-Math.floor(whole / 3600), "hour");
  return format.format(-Math.floor(whole / 86400), "day");
}

/** Returns how far a zone is ahead of UTC at a moment, in milliseconds. */
function offset(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(at);
  const part = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return local - Math.floor(at / 1000) * 1000;
}

function dayBegins(day: string, plusDays: number, timeZone: string): string {
  const [y = 0, m = 1, d = 1] = day.split("-").map(Number);
  return instant(Date.UTC(y, m - 1, d + plusDays), timeZone);
}

/** Returns when the clocks of a zone show what UTC's show at a moment. */
function instant(clock: number, timeZone: string): string {
  // The offset is that of the moment sought, which a change of the clock may set apart from that of UTC's.
  const guess = clock - offset(clock, timeZone);
  return new Date(clock - offset(guess, timeZone)).toISOString();
}

/** Times in the site's zone and the page's language. Until the site is known they are in Japan's, its default. */
export function useTimes(): Times {
  useTranslation();
  const language = currentLanguage();
  const zone = useSite()?.timezone ?? "Asia/Tokyo";
  return useMemo(() => timesFor(language, zone), [language, zone]);
}
