import { expect, test } from "vitest";
import { newFrameReader } from "./sse";

const stream =
  ': connected\n\nid: 1207\nevent: callback\ndata: {"change":1207}\n\n: heartbeat\n\nevent: call\ndata:{"a":1}\ndata: 2\n\n';
const want = [
  { kind: "comment" },
  { kind: "message", id: "1207", event: "callback", data: '{"change":1207}' },
  { kind: "comment" },
  { kind: "message", id: null, event: "call", data: '{"a":1}\n2' },
];

test("messages are the same wherever the stream is cut", () => {
  for (let at = 0; at <= stream.length; at++) {
    const read = newFrameReader();
    expect([...read(stream.slice(0, at)), ...read(stream.slice(at))], `cut at ${at}`).toEqual(want);
  }
  const read = newFrameReader();
  expect([...stream].flatMap((c) => read(c))).toEqual(want);
});
