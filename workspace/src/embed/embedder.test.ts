import { expect, test, vi } from "vitest";
import { addressOf } from "./address";
import { type Command, commandOf, embedderOf } from "./embedder";

const crm = "https://crm.example.org";
const other = "https://other.example.org";

/** A window in the frame of a page; around is its origin, where the browser says so. */
function framed(around?: string) {
  const told: [unknown, string][] = [];
  const parent = { postMessage: (message: unknown, origin: string) => told.push([message, origin]) };
  const frame = Object.assign(new EventTarget(), {
    parent,
    location: around === undefined ? {} : { ancestorOrigins: [around] },
  }) as unknown as Window;
  const hear = (data: unknown, from: { origin: string; source?: unknown }) =>
    frame.dispatchEvent(Object.assign(new Event("message"), { source: parent, data, ...from }));
  return { frame, told, hear };
}

const message = { type: "callbackd.height", height: 120 } as const;

test("only the page around is told, by its very origin", () => {
  const { frame, told } = framed(crm);
  embedderOf(frame, [other, crm]).tell(message);
  expect(told).toEqual([[message, crm]]);
});

test("where a browser does not say whose the page around is, each that may be is addressed, never anybody", () => {
  const { frame, told } = framed();
  embedderOf(frame, [other, crm]).tell(message);
  expect(told.map(([, origin]) => origin)).toEqual([other, crm]);
});

test("a page around that is not listed is told nothing", () => {
  const { frame, told } = framed("https://else.example.org");
  embedderOf(frame, [crm]).tell(message);
  expect(told).toEqual([]);
});

test("a page that is in no frame tells nobody", () => {
  const post = vi.spyOn(window, "postMessage");
  embedderOf(window, [window.location.origin]).tell(message);
  expect(post).not.toHaveBeenCalled();
});

test("commands are taken from the page around, if it is listed, until nobody listens", () => {
  const { frame, hear } = framed(crm);
  const commands: Command[] = [];
  const leave = embedderOf(frame, [crm]).listen((command) => commands.push(command));
  hear({ type: "callbackd.pause" }, { origin: crm });
  hear({ type: "callbackd.pause" }, { origin: other });
  hear({ type: "callbackd.pause" }, { origin: "null" });
  hear({ type: "callbackd.pause" }, { origin: crm, source: frame });
  hear({ type: "webpackOk" }, { origin: crm });
  expect(commands).toEqual([{ type: "callbackd.pause" }]);
  leave();
  hear({ type: "callbackd.pause" }, { origin: crm });
  expect(commands).toHaveLength(1);
});

test("a command is read whole, or not at all", () => {
  const play = { type: "callbackd.play", recording: null, position_seconds: null };
  expect(commandOf({ type: "callbackd.play" })).toEqual(play);
  expect(commandOf({ type: "callbackd.play", recording: 18, position_seconds: 2.5, more: 1 })).toEqual({
    ...play,
    recording: 18,
    position_seconds: 2.5,
  });
  expect(commandOf({ type: "callbackd.seek", position_seconds: 0 })).toEqual({
    type: "callbackd.seek",
    recording: null,
    position_seconds: 0,
  });
  for (const wrong of [
    null,
    undefined,
    "callbackd.play",
    [],
    {},
    { type: "play" },
    { type: "callbackd.download" },
    { type: "callbackd.seek" },
    { type: "callbackd.seek", position_seconds: "3" },
    { type: "callbackd.seek", position_seconds: -1 },
    { type: "callbackd.seek", position_seconds: Number.NaN },
    { type: "callbackd.play", position_seconds: Number.POSITIVE_INFINITY },
    { type: "callbackd.play", recording: "18" },
    { type: "callbackd.play", recording: 1.5 },
  ]) {
    expect(commandOf(wrong), JSON.stringify(wrong)).toBe(null);
  }
});

test("the address says whose recordings, and how they look", () => {
  const read = (address: string) => addressOf(new URL(address, "https://callbackd.example.org"));
  expect(read("/embed/calls/r6q4v0k9/player")).toEqual({
    requestID: "r6q4v0k9",
    language: undefined,
    scheme: undefined,
  });
  expect(read("/embed/calls/r6q4v0k9/player?lang=en&scheme=dark")).toMatchObject({ language: "en", scheme: "dark" });
  expect(read("/embed/calls/r6q4v0k9/player?lang=fr&scheme=red")).toMatchObject({
    language: undefined,
    scheme: undefined,
  });
});
